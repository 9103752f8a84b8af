"""`diffy feeds`: changes at an address that a feed reader knows."""

import click

from cli.client.domains import confirm
from cli.client.find import find_alert, find_domain, find_feed
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing
from cli.client.terminal_text import one_line
from cli.client.watching_options import given

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("name", "NAME"),
    Column("kind", "KIND", Kind.WORD),
    Column("domainId", "DOMAIN", Kind.ID),
    Column("tag", "TAG"),
    Column("alertId", "ALERT", Kind.ID),
    Column("createdAt", "ADDED", Kind.TIME),
)


@click.group()
def feeds() -> None:
    """Add, list and revoke feeds of changes."""


@feeds.command("list", epilog=examples("diffy feeds list", "diffy feeds list --all --csv"))
@limited
@printing
def list_feeds(session: Session, limit: int | None) -> None:
    """List the feeds, newest first."""
    found = session.api.list("/api/feeds", limit)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("There are no feeds yet. `diffy feeds add --help` adds one.")


@feeds.command(
    epilog=examples(
        "diffy feeds add Everything",
        "diffy feeds add Shop --domain shop.example",
        "diffy feeds add Rivals --tag rivals",
    )
)
@click.argument("name")
@click.option("--domain", metavar="DOMAIN", help="Of this domain, an id or a name.")
@click.option("--tag", metavar="TAG", help="Of domains and pages with this tag.")
@click.option("--alert", metavar="ALERT", help="Of what this alert matches, an id or a name.")
@printing
def add(
    session: Session, name: str, domain: str | None, tag: str | None, alert: str | None
) -> None:
    """Add the feed NAME, of all changes or of some. Its address is shown this once."""
    body = {
        "name": name,
        "domainId": find_domain(session.api, domain)["id"] if domain else None,
        "tag": tag,
        "alertId": find_alert(session.api, alert)["id"] if alert else None,
    }
    added = session.api.post("/api/feeds", given(body))
    session.output.one(added, (*COLUMNS, Column("url", "ADDRESS")))
    session.output.note("Whoever knows the address can read the feed.")


@feeds.command(epilog=examples("diffy feeds show Releases"))
@click.argument("feed")
@printing
def show(session: Session, feed: str) -> None:
    """Show FEED, an id or a name."""
    session.output.one(find_feed(session.api, feed), COLUMNS)


@feeds.command(epilog=examples("diffy feeds rm Releases --yes"))
@click.argument("feed")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing
def rm(session: Session, feed: str, yes: bool) -> None:
    """Revoke FEED, an id or a name: its address answers 404 from then on."""
    found = find_feed(session.api, feed)
    confirm(f"Revoke the feed {one_line(found['name'])}?", yes)
    session.api.delete(f"/api/feeds/{found['id']}")
