"""`diffy domains`: the sites that are watched."""

import sys

import click

from cli.client.api import Row
from cli.client.changes import COLUMNS as CHANGE_COLUMNS
from cli.client.crawl_settings import crawl_setting_options, with_settings
from cli.client.errors import BadUsage
from cli.client.find import find_domain
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing, search_option, waiting
from cli.client.watching_options import (
    merged_watch,
    schedule_options,
    tag_option,
    tagged_option,
    tags_body,
    untag_option,
    watch_options,
)
from cli.client.work import end_of_jobs

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("domain", "DOMAIN"),
    Column("displayName", "NAME", wide=True),
    Column("status", "STATUS", Kind.WORD),
    Column("pages", "PAGES", Kind.NUMBER),
    Column("checkFrequencyHours", "EVERY (H)", Kind.NUMBER),
    Column("lastCrawledAt", "LAST CHECK", Kind.TIME),
    Column("nextCrawlAt", "NEXT CHECK", Kind.TIME),
    Column("tags", "TAGS"),
    Column("createdAt", "ADDED", Kind.TIME, wide=True),
)
DETAILS = (
    *COLUMNS,
    Column("schedule", "SCHEDULE"),
    Column("discoverFrequencyHours", "DISCOVER EVERY (H)", Kind.NUMBER),
    Column("watch", "WATCH"),
    Column("lastDiscoveredAt", "LAST DISCOVERY", Kind.TIME),
    Column("nextDiscoveryAt", "NEXT DISCOVERY", Kind.TIME),
    Column("crawlSettings", "CRAWL SETTINGS"),
)

every_option = click.option(
    "--every", type=click.IntRange(1), metavar="HOURS", help="Hours between two crawls."
)
name_option = click.option("--name", help="The name to show.")


@click.group()
def domains() -> None:
    """Add, list and edit the sites that are watched."""


@domains.command(
    "list", epilog=examples("diffy domains list", "diffy domains list --tag rivals --all --csv")
)
@tagged_option
@search_option
@limited
@printing
def list_domains(session: Session, tag: str | None, search: str | None, limit: int | None) -> None:
    """List the domains, newest first."""
    found = session.api.list("/api/domains", limit, tag=tag, q=search)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        if tag is not None or search is not None:
            session.output.note("No domain matches. `diffy domains list --all` shows all.")
            return
        session.output.note("There are no domains yet. `diffy domains add DOMAIN` adds one.")


@domains.command(
    epilog=examples(
        "diffy domains add shop.example --every 6 --wait",
        "diffy domains add shop.example --name Shop --set confirmAfterSeconds=60",
        "diffy domains add shop.example --cron '0 9 * * mon-fri' --zone Europe/Berlin --tag rivals",
    )
)
@click.argument("domain")
@name_option
@every_option
@schedule_options
@watch_options
@tag_option
@crawl_setting_options
@waiting
@printing
def add(
    session: Session,
    domain: str,
    name: str | None,
    every: int | None,
    schedule: Row,
    watch: Row,
    tags: tuple[str, ...],
    chosen: tuple[str, ...],
    unset: tuple[str, ...],
    wait: bool,
) -> None:
    """Watch DOMAIN, a host or an address, and discover its pages."""
    fields: Row = {"domain": domain, "displayName": name, "checkFrequencyHours": every}
    body = {**with_settings(fields, chosen, unset), **schedule, **watch, **tags_body((), tags, ())}
    added = session.api.post("/api/domains", body)
    job_id = added["discoveryJobId"]
    if wait:
        with end_of_jobs(session, [job_id]):
            session.output.one(session.api.get(f"/api/domains/{added['id']}"), DETAILS)
        return
    session.output.one(added, (*DETAILS, Column("discoveryJobId", "DISCOVERY")))
    session.output.note(f"`diffy jobs watch {job_id}` follows the discovery of its pages.")


@domains.command(epilog=examples("diffy domains show shop.example"))
@click.argument("domain")
@printing
def show(session: Session, domain: str) -> None:
    """Show DOMAIN, an id or a name, and its newest changes."""
    found = session.api.get(f"/api/domains/{find_domain(session.api, domain)['id']}")
    session.output.one(found, DETAILS)
    if session.output.format is Format.TABLE:
        session.output.rows(found["recentChanges"], CHANGE_COLUMNS)


@domains.command(
    epilog=examples(
        "diffy domains edit shop.example --every 12 --name 'The shop'",
        "diffy domains edit shop.example --pause",
        "diffy domains edit shop.example --set watchSelector=main --unset userAgent",
        "diffy domains edit shop.example --every-minutes 30 --hours 08:00-18:00 --days mon,fri",
        "diffy domains edit shop.example --discover-every 12 --watch-exclude '/blog/*'",
        "diffy domains edit shop.example --tag rivals --untag old",
    )
)
@click.argument("domain")
@name_option
@every_option
@click.option("--pause", is_flag=True, help="Crawl it no more by itself.")
@click.option("--resume", is_flag=True, help="Crawl it again by itself.")
@schedule_options
@watch_options
@tag_option
@untag_option
@crawl_setting_options
@printing
def edit(
    session: Session,
    domain: str,
    name: str | None,
    every: int | None,
    pause: bool,
    resume: bool,
    schedule: Row,
    watch: Row,
    tags: tuple[str, ...],
    untagged: tuple[str, ...],
    chosen: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Change DOMAIN; what is not given stays."""
    if pause and resume:
        raise BadUsage("--pause and --resume exclude each other.")
    status = "paused" if pause else "active" if resume else None
    fields: Row = {"displayName": name, "checkFrequencyHours": every, "status": status}
    body = {**with_settings(fields, chosen, unset), **schedule}
    if not (body or watch or tags or untagged):
        raise BadUsage(
            "Nothing to change was given; `diffy domains edit --help` shows what can be."
        )
    found = find_domain(session.api, domain)
    body = {**body, **merged_watch(watch, found), **tags_body(found["tags"], tags, untagged)}
    session.output.one(session.api.patch(f"/api/domains/{found['id']}", body), DETAILS)


@domains.command(epilog=examples("diffy domains rm shop.example --yes"))
@click.argument("domain")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing
def rm(session: Session, domain: str, yes: bool) -> None:
    """Delete DOMAIN, with its pages, snapshots and changes."""
    found = find_domain(session.api, domain)
    confirm(f"Delete {found['domain']}, its {found['pages']} pages and all their changes?", yes)
    session.api.delete(f"/api/domains/{found['id']}")


def confirm(question: str, yes: bool) -> None:
    """Ask, unless `yes`. Raises BadUsage where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadUsage("This deletes, and nobody can be asked here: give --yes.")
    click.confirm(question, abort=True, err=True)
