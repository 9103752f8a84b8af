"""`diffy import`: pages from a list of URLs, from other tools, or from another installation."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.client.api import Row
from cli.client.errors import BadUsage, ClientError, RefusedBody
from cli.client.imports.sites import site_of_domain, site_of_page
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, printing
from cli.client.terminal_text import one_line

if TYPE_CHECKING:
    from cli.client.imports.items import Item

PAGES_PER_CALL: Final = 1_000
BYTES_PER_CALL: Final = 700_000
"""The API takes a MiB."""

SITES_PER_CALL: Final = 100
"""The API makes so many domains in one call."""

LONGEST_SEARCH: Final = 200
"""Characters of a search among pages."""

COLUMNS = (
    Column("url", "PAGE"),
    Column("verdict", "VERDICT", Kind.WORD),
    Column("reason", "REASON"),
)

_KEPT_OF_PAGES: Final = ("url", "pageType", "monitoringEnabled", "schedule", "tags")
_KEPT_OF_DOMAINS: Final = (
    "domain",
    "displayName",
    "status",
    "schedule",
    "discoverFrequencyHours",
    "watch",
    "tags",
)
_SECRET: Final = ("headers", "cookies")


@dataclass
class _Call:
    """What one request imports."""

    domains: list[Row] = field(default_factory=list)
    pages: list[Row] = field(default_factory=list)
    sites: set[object] = field(default_factory=set)
    size: int = 0

    def has_room_for(self, body: Row, site: object) -> bool:
        """Whether the call can have that too; `site` may become a domain by it, unless None."""
        size = len(json.dumps(body))
        return (
            len(self.pages) < PAGES_PER_CALL
            and len(self.domains) < SITES_PER_CALL
            and (site is None or site in self.sites or len(self.sites) < SITES_PER_CALL)
            and self.size + size <= BYTES_PER_CALL
        )

    def add(self, into: list[Row], body: Row, site: object) -> None:
        self.size += len(json.dumps(body))
        into.append(body)
        if site is not None:
            self.sites.add(site)


class _Importing:
    """One run of the command."""

    def __init__(
        self, session: Session, *, add_domains: bool, discover: bool, tags: list[str], dry: bool
    ) -> None:
        self._session = session
        self._options: Row = {"addDomains": add_domains, "discover": discover}
        self._tags = tags
        self._dry = dry
        self._call = _Call()
        self._sent_sites: set[object] = set()
        self._new_domains = 0
        self._would_send = {"domains": 0, "pages": 0, "alerts": 0}
        self.results: list[Row] = []
        self.skipped_changes = 0

    def take_items(self, items: "Iterable[Item]") -> None:
        """Import pages of another tool."""
        for item in items:
            item.tags += self._tags
            body = item.body
            for each in item.left_out:
                self._note(f"{item.url}: not carried over: {each}" if item.url else each)
            if body is not None:
                self._put(self._call.pages, body)
            elif item.url:
                reason = "This is no URL of a page."
                self.results.append({"url": item.url, "verdict": "refused", "reason": reason})
        self._flush()

    def take_rows(self, rows: Iterator[Row]) -> None:
        """Import what `diffy export` wrote."""
        alerts: list[Row] = []
        for row in rows:
            match row["type"]:
                case "domain":
                    self._put(self._call.domains, self._domain(row))
                case "page":
                    self._put(self._call.pages, self._page(row))
                case "alert":
                    alerts.append(row)
                case _:
                    self.skipped_changes += 1
        self._flush()
        if self._dry:
            self._would_send["alerts"] = len(alerts)
        elif alerts:
            self._add_alerts(alerts)

    def _domain(self, row: Row) -> Row:
        body = {name: row[name] for name in _KEPT_OF_DOMAINS if row.get(name) is not None}
        if row.get("schedule") is None and row.get("checkFrequencyHours") is not None:
            body["checkFrequencyHours"] = row["checkFrequencyHours"]
        return self._with_settings(body, row, str(row.get("domain")))

    def _page(self, row: Row) -> Row:
        body = {name: row[name] for name in _KEPT_OF_PAGES if row.get(name) is not None}
        if self._tags:
            body["tags"] = [*body.get("tags", ()), *self._tags]
        return self._with_settings(body, row, str(row.get("url")))

    def _with_settings(self, body: Row, row: Row, name: str) -> Row:
        settings = row.get("crawlSettings")
        chosen = settings.items() if isinstance(settings, dict) else ()
        if any(key in _SECRET and value for key, value in chosen):
            self._note(f"{name}: its headers and cookies are secret and not in the export")
        kept = {key: value for key, value in chosen if key not in _SECRET and value is not None}
        return {**body, "crawlSettings": kept} if kept else body

    def _put(self, into: list[Row], body: Row) -> None:
        site = self._new_site(body)
        if not self._call.has_room_for(body, site):
            place = "domains" if into is self._call.domains else "pages"
            self._flush()
            into = getattr(self._call, place)
        self._call.add(into, body, site)

    def _new_site(self, body: Row) -> object:
        """The site that may become a domain by the body, unless an earlier call has it."""
        if "domain" in body:
            name = str(body["domain"])
            return site_of_domain(name) or name
        if not self._options["addDomains"]:
            return None
        site = site_of_page(str(body.get("url")))
        return None if site in self._sent_sites else site

    def _flush(self) -> None:
        call, self._call = self._call, _Call()
        if not call.domains and not call.pages:
            return
        if self._dry:
            self.results += [{"url": body["url"], "verdict": "not sent"} for body in call.pages]
            self._would_send["domains"] += len(call.domains)
            self._would_send["pages"] += len(call.pages)
            return
        body = {**self._options, "domains": call.domains, "pages": call.pages}
        try:
            done: Row = self._session.api.post("/api/pages/import", body)
        except RefusedBody as error:
            raise _with_names(error, call) from error
        self._sent_sites |= call.sites
        for domain in done["domains"]:
            self._new_domains += domain["verdict"] == "added"
            if domain["verdict"] == "refused":
                self.results.append({**domain, "url": domain["domain"]})
        self.results += done["pages"]

    def _add_alerts(self, alerts: list[Row]) -> None:
        api = self._session.api
        channels = {each["name"]: each["id"] for each in api.walk("/api/channels")}
        present = {each["name"] for each in api.walk("/api/alerts")}
        domains: dict[str, str] = {}
        for alert in alerts:
            name = str(alert.get("name"))
            if name in present:
                continue
            wanted = alert.get("channels") or []
            missing = [each for each in wanted if each not in channels]
            if missing or not wanted:
                lacking = ", ".join(map(str, missing)) or "any channel"
                self._note(
                    f"The alert {name} is not imported: there is no channel {lacking}. Channels "
                    "have secrets, which no export has: `diffy channels add`, then import again."
                )
                continue
            on = dict(alert.get("on") or {})
            domains = domains or {each["domain"]: each["id"] for each in api.walk("/api/domains")}
            on, unknown = self._with_ids(on, alert, domains)
            if unknown:
                self._note(f"The alert {name} is not imported: {unknown} is not watched here.")
                continue
            fields = ("name", "digest", "quietHours", "enabled")
            body = {each: alert[each] for each in fields if alert.get(each) is not None}
            body["channelIds"] = [channels[each] for each in wanted]
            try:
                api.post("/api/alerts", {**body, **({"on": on} if on else {})})
            except RefusedBody as error:
                raise BadUsage(f"The alert {one_line(name)}: {error.message}") from error

    def _with_ids(self, on: Row, alert: Row, domains: dict[str, str]) -> tuple[Row, str | None]:
        """The filters with the ids of this installation, and a name that it does not have."""
        on = {name: value for name, value in on.items() if value not in (None, [])}
        for field_name, names in (("domainIds", "domains"), ("pageIds", "pages")):
            if field_name not in on:
                continue
            ids = []
            for name in map(str, alert.get(names) or []):
                found = domains.get(name) if names == "domains" else self._page_id(name, domains)
                if found is None:
                    return on, name
                ids.append(found)
            on[field_name] = ids
        return on, None

    def _page_id(self, url: str, domains: dict[str, str]) -> str | None:
        """The id of the page at that URL, which this run has imported, or which was there."""
        for row in self.results:
            if row["url"] == url and row.get("pageId"):
                return str(row["pageId"])
        site = site_of_page(url)
        for name, domain_id in domains.items():
            if site is None or site_of_domain(name) != site:
                continue
            query = url[:LONGEST_SEARCH]
            for page in self._session.api.walk(f"/api/domains/{domain_id}/pages", q=query):
                if page["url"] == url:
                    return str(page["id"])
        return None

    def _note(self, text: str) -> None:
        self._session.output.note(one_line(text))

    def summary(self) -> str:
        """What was done, in a sentence."""
        counts = {
            verdict: sum(row["verdict"] == verdict for row in self.results)
            for verdict in ("added", "known", "refused")
        }
        if self._dry:
            kinds = [f"{count} {kind}" for kind, count in self._would_send.items()]
            return f"Without --dry-run these would be sent: {', '.join(kinds)}."
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        return f"{said}; {self._new_domains} domains are new."


def _with_names(error: RefusedBody, call: _Call) -> BadUsage:
    """The same error, with the names of rows in place of their places in the call."""
    sentences = []
    for place, sentence in error.details.items():
        kind, _, rest = place.partition(".")
        number, _, name = rest.partition(".")
        rows = {"domains": call.domains, "pages": call.pages}.get(kind, [])
        if not number.isdecimal() or int(number) >= len(rows):
            return error
        row = rows[int(number)]
        parts = (str(row.get("url") or row.get("domain")), name, str(sentence))
        sentences.append(one_line(": ".join(filter(None, parts))))
    return BadUsage("\n  ".join(sentences)) if sentences else error


@click.command(
    "import",
    epilog=examples(
        "diffy import urls.txt --dry-run",
        "diffy import changedetection-backup.zip --tag moved",
        "diffy import urlwatch.yaml --no-add-domains",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--add-domains/--no-add-domains",
    default=True,
    show_default=True,
    help="Watch the sites of pages that no domain has.",
)
@click.option("--discover", is_flag=True, help="Discover the pages of new domains, too.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Add this tag to all pages.")
@click.option("--dry-run", is_flag=True, help="Read the file, and send nothing.")
@printing
def import_(
    session: Session,
    file: Path,
    add_domains: bool,
    discover: bool,
    tags: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Import the pages of FILE: text, CSV, a sitemap, OPML; a backup of changedetection.io, jobs of
    urlwatch or webchanges, an export of Distill or of Diffy.

    What is there already stays as it is. Standard error says what cannot be carried over.
    """
    from cli.client.imports.reading import FileKind, items_of, kind_of, own_rows

    kind = kind_of(file)
    run = _Importing(
        session, add_domains=add_domains, discover=discover, tags=list(tags), dry=dry_run
    )
    done = False
    try:
        if kind is FileKind.OWN:
            run.take_rows(own_rows(file))
        else:
            run.take_items(items_of(file, kind))
        done = True
    finally:
        shown: list[Any] = run.results
        if session.output.format is Format.TABLE:
            # A person wants to know of what was not as expected.
            shown = [row for row in run.results if row["verdict"] != "added"]
        session.output.rows(shown, COLUMNS)
        session.output.note(run.summary() if done else f"Before it failed: {run.summary()}")
    if run.skipped_changes:
        session.output.note(f"{run.skipped_changes} changes are history, which is not imported.")
    refused = sum(row["verdict"] == "refused" for row in run.results)
    if refused:
        raise ClientError(f"{refused} could not be imported; the reasons stand above.")
