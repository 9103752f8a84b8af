"""`diffy changes`: what the crawls have found."""

from datetime import datetime

import click

from cli.client.api import Row
from cli.client.difference import plain_difference, print_difference
from cli.client.errors import BadUsage
from cli.client.find import find_change, find_domain, find_page
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing, search_option
from cli.client.terminal_text import parse_moment
from cli.client.watching_options import tagged_option

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("detectedAt", "WHEN", Kind.TIME),
    Column("severity", "SEVERITY", Kind.WORD),
    Column("changeType", "TYPE", Kind.TEXT),
    Column("url", "PAGE"),
    Column("summary", "SUMMARY"),
    Column("acknowledgedAt", "ACKNOWLEDGED", Kind.TIME, wide=True),
    Column("acknowledgedBy", "BY", wide=True),
)
BLOCK_COLUMNS = tuple(
    Column(name, name.upper()) for name in ("kind", "section", "header", "before", "after")
)

EVENTS = ("change", "page_added", "page_unlinked", "watch_broken", "watch_restored")
SEVERITIES = ("critical", "high", "medium", "low")


class Moment(click.ParamType[datetime]):
    """A time, or a length of time ago."""

    name = "WHEN"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The time that was written."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_moment(str(value))
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither a time such as 2026-11-26T09:00 nor a length of time such "
                "as 90min, 24h, 7d.",
                param,
                ctx,
            )


@click.group()
def changes() -> None:
    """List, show and acknowledge what changed."""


@changes.command(
    "list",
    epilog=examples(
        "diffy changes list --domain shop.example --since 7d",
        "diffy changes list --severity high --unacknowledged",
        "diffy changes list --type price_change --all --csv",
        "diffy changes list --batch BATCH --search pricing --tag rivals",
    ),
)
@click.option("--domain", metavar="DOMAIN", help="Only of this domain, an id or a name.")
@click.option("--page", metavar="PAGE", help="Only of this page, an id or a URL.")
@tagged_option
@click.option("--batch", metavar="ID", type=click.UUID, help="Only of the jobs of this batch.")
@search_option
@click.option("--type", "kind", metavar="TYPE", help="Only of this type, such as price_change.")
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES),
    help="Only of this severity.",
)
@click.option(
    "--event",
    type=click.Choice(EVENTS),
    help="Only such events; `change` leaves out what is no change of a page.",
)
@click.option("--since", type=Moment(), help="Only from this time on: 7d, 24h, 2026-11-26.")
@click.option("--until", type=Moment(), help="Only before this time.")
@click.option(
    "--acknowledged/--unacknowledged", default=None, help="Only those that were, or were not."
)
@limited
@printing
def list_changes(
    session: Session,
    domain: str | None,
    page: str | None,
    tag: str | None,
    batch: object,
    search: str | None,
    kind: str | None,
    severity: str | None,
    event: str | None,
    since: datetime | None,
    until: datetime | None,
    acknowledged: bool | None,
    limit: int | None,
) -> None:
    """List the changes that match all options, newest first."""
    found = session.api.list(
        "/api/changes",
        limit,
        domainId=find_domain(session.api, domain)["id"] if domain else None,
        pageId=find_page(session.api, page)["id"] if page else None,
        tag=tag,
        batchId=batch,
        q=search,
        changeType=kind,
        severity=severity,
        event=event,
        since=since.isoformat() if since else None,
        until=until.isoformat() if until else None,
        acknowledged=acknowledged,
    )
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("No change matches. `diffy crawl DOMAIN --wait` looks for some.")


@changes.command(epilog=examples("diffy changes show CHANGE", "diffy changes show CHANGE --json"))
@click.argument("change")
@printing
def show(session: Session, change: str) -> None:
    """Show what differs in CHANGE, an id or the beginning of one."""
    found = find_change(session.api, change)
    match session.output.format:
        case Format.JSON:
            session.output.one(found, COLUMNS)
        case Format.CSV:
            blocks: list[Row] = found["diffData"]["blocks"]
            rows = [{**block, **(block.get("place") or {})} for block in blocks]
            session.output.rows(rows, BLOCK_COLUMNS)
        case Format.TABS:
            for line in plain_difference(found):
                click.echo(line)
        case Format.TABLE:
            print_difference(session.output.console, found)


@changes.command(epilog=examples("diffy changes ack CHANGE", "diffy changes ack CHANGE --by Ada"))
@click.argument("changes", metavar="CHANGE...", nargs=-1)
@click.option("--by", metavar="NAME", help="Who has seen it.")
@printing
def ack(session: Session, changes: tuple[str, ...], by: str | None) -> None:
    """Acknowledge each CHANGE, an id or the beginning of one; the first time stays."""
    if not changes:
        raise BadUsage("Give the ids of changes. `diffy changes list --unacknowledged` shows them.")
    body = {"by": by} if by else {}
    found = [find_change(session.api, change) for change in changes]
    session.output.rows(
        [session.api.post(f"/api/changes/{each['id']}/acknowledge", body) for each in found],
        COLUMNS,
    )
