"""`diffy alerts`: which changes are told to which channels, and when."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Final

import click

from cli.client.api import Api, Row
from cli.client.changes import COLUMNS as CHANGE_COLUMNS
from cli.client.changes import EVENTS, SEVERITIES
from cli.client.domains import confirm
from cli.client.errors import BadUsage
from cli.client.find import find_alert, find_channel, find_domain, find_page
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing
from cli.client.terminal_text import one_line
from cli.client.watching_options import given, span_of

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("name", "NAME"),
    Column("enabled", "ENABLED", Kind.WORD),
    Column("digest", "DIGEST", Kind.WORD),
    Column("on", "ON"),
    Column("channelIds", "CHANNELS"),
)
DETAILS = (
    *COLUMNS,
    Column("quietHours", "QUIET HOURS"),
    Column("createdAt", "ADDED", Kind.TIME),
    Column("updatedAt", "CHANGED", Kind.TIME),
    Column("warnings", "WARNINGS"),
)
PREVIEW_COLUMNS = (
    Column("since", "SINCE", Kind.TIME),
    Column("examined", "EXAMINED", Kind.NUMBER),
    Column("matched", "MATCHED", Kind.NUMBER),
    Column("messages", "MESSAGES", Kind.NUMBER),
    Column("passedOver", "PASSED OVER"),
    Column("complete", "COMPLETE", Kind.WORD),
    Column("warnings", "WARNINGS"),
)
PREVIEWED_COLUMNS = (*CHANGE_COLUMNS, Column("toldAt", "TOLD", Kind.TIME))

FILTERS: Final = {
    "domain": "domainIds",
    "page": "pageIds",
    "tag": "tags",
    "page-type": "pageTypes",
    "event": "events",
    "type": "changeTypes",
    "min-severity": "minSeverity",
    "min-confidence": "minConfidence",
    "price-percent": "pricePercent",
    "price": "priceDirection",
    "words": "words",
}
"""The filters as options name them, and as the API does."""


def alert_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command that takes an alert's filters as `on` and its other fields as `fields`: functions
    of the client, since what is named must be looked up.
    """

    @click.option("--channel", metavar="CHANNEL", multiple=True, help="Tell this channel.")
    @click.option("--domain", metavar="DOMAIN", multiple=True, help="Changes of this domain.")
    @click.option("--page", metavar="PAGE", multiple=True, help="Changes of this page.")
    @click.option("--tag", metavar="TAG", multiple=True, help="Changes of pages with this tag.")
    @click.option("--page-type", metavar="TYPE", multiple=True, help="Of pages of this type.")
    @click.option("--event", type=click.Choice(EVENTS), multiple=True, help="Such events.")
    @click.option("--type", "kind", metavar="TYPE", multiple=True, help="Such as price_change.")
    @click.option("--min-severity", type=click.Choice(SEVERITIES), help="At least so severe.")
    @click.option("--min-confidence", type=float, metavar="SHARE", help="At least so sure: 0 to 1.")
    @click.option("--price-percent", type=float, metavar="N", help="A price moves by N % or more.")
    @click.option("--price", type=click.Choice(["up", "down", "any"]), help="A price moves so.")
    @click.option("--word", metavar="WORDS", multiple=True, help="Words that appear or vanish.")
    @click.option("--appear", metavar="WORDS", multiple=True, help="Words that appear.")
    @click.option("--vanish", metavar="WORDS", multiple=True, help="Words that vanish.")
    @click.option(
        "--digest", type=click.Choice(["none", "hourly", "daily"]), help="Gather changes so long."
    )
    @click.option("--quiet", metavar="HH:MM-HH:MM", help="Tell nothing in this part of a day.")
    @click.option("--zone", metavar="NAME", help="Time zone of --quiet; default: UTC.")
    @click.option("--enable/--disable", default=None, help="Whether it tells anything.")
    @wraps(function)
    def run(
        *args: object,
        channel: tuple[str, ...],
        domain: tuple[str, ...],
        page: tuple[str, ...],
        tag: tuple[str, ...],
        page_type: tuple[str, ...],
        event: tuple[str, ...],
        kind: tuple[str, ...],
        min_severity: str | None,
        min_confidence: float | None,
        price_percent: float | None,
        price: str | None,
        word: tuple[str, ...],
        appear: tuple[str, ...],
        vanish: tuple[str, ...],
        digest: str | None,
        quiet: str | None,
        zone: str | None,
        enable: bool | None,
        **kwargs: object,
    ) -> None:
        if zone and not quiet:
            raise BadUsage("--zone is the time zone of --quiet: give both.")
        hours = {**span_of(quiet, "--quiet"), "timeZone": zone or "UTC"} if quiet else None

        def on(api: Api) -> Row:
            return given(
                {
                    "domainIds": [find_domain(api, each)["id"] for each in domain] or None,
                    "pageIds": [find_page(api, each)["id"] for each in page] or None,
                    "tags": list(tag) or None,
                    "pageTypes": list(page_type) or None,
                    "events": list(event) or None,
                    "changeTypes": list(kind) or None,
                    "minSeverity": min_severity,
                    "minConfidence": min_confidence,
                    "pricePercent": price_percent,
                    "priceDirection": price,
                    "words": _words(word, appear, vanish),
                }
            )

        def fields(api: Api) -> Row:
            return given(
                {
                    "channelIds": [find_channel(api, each)["id"] for each in channel] or None,
                    "digest": digest,
                    "quietHours": hours,
                    "enabled": enable,
                }
            )

        function(*args, on=on, fields=fields, **kwargs)

    return run


Part = Callable[[Api], Row]


def _words(both: Sequence[str], appear: Sequence[str], vanish: Sequence[str]) -> Row | None:
    words = {"appear": [*both, *appear], "vanish": [*both, *vanish]}
    return words if any(words.values()) else None


@click.group()
def alerts() -> None:
    """Add, try and edit which changes are told."""


@alerts.command("list", epilog=examples("diffy alerts list", "diffy alerts list --all --csv"))
@limited
@printing
def list_alerts(session: Session, limit: int | None) -> None:
    """List the alerts, newest first."""
    found = session.api.list("/api/alerts", limit)
    session.output.rows([_shown(session, row) for row in found.rows], COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("There are no alerts yet. `diffy alerts add --help` adds one.")


def _shown(session: Session, alert: Row) -> Row:
    """The alert without the filters that let everything pass, except in JSON."""
    if session.output.format is Format.JSON:
        return alert
    return {**alert, "on": given(alert["on"])}


def _show(session: Session, alert: Row) -> None:
    session.output.one(_shown(session, alert), DETAILS)
    for warning in alert["warnings"]:
        session.output.note(warning)


@alerts.command(
    epilog=examples(
        "diffy alerts add 'Prices fall' --channel ops --tag rivals --price down --price-percent 5",
        "diffy alerts add Severe --channel ops --min-severity high --digest daily "
        "--quiet 22:00-07:00 --zone Europe/Berlin",
    )
)
@click.argument("name")
@alert_options
@printing
def add(session: Session, name: str, on: Part, fields: Part) -> None:
    """Add the alert NAME. A change must pass all filters; without one every change does."""
    body = fields(session.api)
    if "channelIds" not in body:
        raise BadUsage("Give --channel. `diffy channels list` shows those there are.")
    added = session.api.post("/api/alerts", {"name": name, **body, "on": on(session.api)})
    _show(session, added)
    session.output.note(f"`diffy alerts preview {added['id']}` shows what it would have told.")


@alerts.command(epilog=examples("diffy alerts show Severe"))
@click.argument("alert")
@printing
def show(session: Session, alert: str) -> None:
    """Show ALERT, an id or a name."""
    _show(session, find_alert(session.api, alert))


@alerts.command(
    epilog=examples(
        "diffy alerts edit Severe --min-severity critical --disable",
        "diffy alerts edit Severe --drop min-severity --word 'sold out' --no-quiet",
    )
)
@click.argument("alert")
@click.option("--name", help="The name to show.")
@click.option(
    "--drop",
    type=click.Choice(list(FILTERS)),
    multiple=True,
    help="Let everything pass this filter.",
)
@click.option("--no-quiet", is_flag=True, help="Without quiet hours.")
@alert_options
@printing
def edit(
    session: Session,
    alert: str,
    name: str | None,
    drop: tuple[str, ...],
    no_quiet: bool,
    on: Part,
    fields: Part,
) -> None:
    """Change ALERT, an id or a name; filters and fields that are not given stay."""
    body: Row = {**fields(session.api), **given({"name": name})}
    if no_quiet:
        if "quietHours" in body:
            raise BadUsage("--quiet and --no-quiet exclude each other.")
        body["quietHours"] = None
    filters = on(session.api)
    if not (body or filters or drop):
        raise BadUsage("Nothing to change was given; `diffy alerts edit --help` shows what can be.")
    found = find_alert(session.api, alert)
    if filters or drop:
        kept = {k: v for k, v in given(found["on"]).items() if k not in map(FILTERS.get, drop)}
        body["on"] = {**kept, **filters}
    _show(session, session.api.patch(f"/api/alerts/{found['id']}", body))


@alerts.command(epilog=examples("diffy alerts rm Severe --yes"))
@click.argument("alert")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing
def rm(session: Session, alert: str, yes: bool) -> None:
    """Delete ALERT, an id or a name."""
    found = find_alert(session.api, alert)
    confirm(f"Delete the alert {one_line(found['name'])}?", yes)
    session.api.delete(f"/api/alerts/{found['id']}")


@alerts.command(
    epilog=examples(
        "diffy alerts preview Severe --over 30",
        "diffy alerts preview --min-severity high --domain shop.example",
    )
)
@click.argument("alert", required=False)
@click.option(
    "--over", type=click.IntRange(1), metavar="DAYS", help="Days to look back; default: 7."
)
@alert_options
@printing
def preview(session: Session, alert: str | None, over: int | None, on: Part, fields: Part) -> None:
    """Show what ALERT, or an alert of these options, would have told. Nothing is sent."""
    seen = previewed(session.api, alert, on(session.api), fields(session.api), over)
    match session.output.format:
        case Format.CSV:
            session.output.rows(seen["changes"], PREVIEWED_COLUMNS)
        case Format.TABLE:
            session.output.one(seen, PREVIEW_COLUMNS)
            session.output.rows(seen["changes"], PREVIEWED_COLUMNS)
        case _:
            session.output.one(seen, PREVIEW_COLUMNS)


def previewed(api: Api, alert: str | None, on: Row, fields: Row, days: int | None) -> Row:
    """What an alert of these filters and fields would have told in the last days: `alert`, an id or
    a name, has those that are not given.
    """
    present: Row = {}
    if alert is not None:
        found = find_alert(api, alert)
        kept = {name: found[name] for name in ("name", "digest", "quietHours", "enabled")}
        present = {**given(kept), "on": given(found["on"])}
    filters = {**present.get("on", {}), **on}
    body = {**present, **fields, "on": filters, **given({"days": days})}
    seen: Row = api.post("/api/alerts/preview", body)
    return seen
