"""`diffy deliveries`: what channels were told, or are going to be."""

import click

from cli.client.find import find_alert, find_change, find_channel, find_delivery
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("channelId", "CHANNEL", Kind.ID),
    Column("alertId", "ALERT", Kind.ID),
    Column("changeId", "CHANGE", Kind.ID),
    Column("state", "STATE", Kind.WORD),
    Column("attempts", "ATTEMPTS", Kind.NUMBER),
    Column("createdAt", "CREATED", Kind.TIME),
    Column("dueAt", "DUE", Kind.TIME, wide=True),
    Column("nextAttemptAt", "NEXT ATTEMPT", Kind.TIME),
    Column("deliveredAt", "DELIVERED", Kind.TIME),
    Column("lastAnswer", "LAST ANSWER"),
    Column("digestId", "DIGEST", wide=True),
)


@click.group()
def deliveries() -> None:
    """List and repeat what channels were told."""


@deliveries.command(
    "list",
    epilog=examples(
        "diffy deliveries list --state failed", "diffy deliveries list --channel ops --all --csv"
    ),
)
@click.option("--channel", metavar="CHANNEL", help="Only to this channel, an id or a name.")
@click.option("--alert", metavar="ALERT", help="Only of this alert, an id or a name.")
@click.option("--change", metavar="CHANGE", help="Only of this change, an id.")
@click.option(
    "--state", type=click.Choice(["pending", "delivered", "failed"]), help="Only in this state."
)
@limited
@printing
def list_deliveries(
    session: Session,
    channel: str | None,
    alert: str | None,
    change: str | None,
    state: str | None,
    limit: int | None,
) -> None:
    """List the deliveries that match all options, newest first."""
    found = session.api.list(
        "/api/deliveries",
        limit,
        channelId=find_channel(session.api, channel)["id"] if channel else None,
        alertId=find_alert(session.api, alert)["id"] if alert else None,
        changeId=find_change(session.api, change)["id"] if change else None,
        state=state,
    )
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("No delivery matches. `diffy channels test CHANNEL` makes one.")


@deliveries.command(epilog=examples("diffy deliveries show DELIVERY"))
@click.argument("delivery")
@printing
def show(session: Session, delivery: str) -> None:
    """Show DELIVERY, an id or the beginning of one."""
    session.output.one(find_delivery(session.api, delivery), COLUMNS)


@deliveries.command(epilog=examples("diffy deliveries redeliver DELIVERY"))
@click.argument("delivery")
@printing
def redeliver(session: Session, delivery: str) -> None:
    """Deliver DELIVERY, an id or the beginning of one, once more, now."""
    found = find_delivery(session.api, delivery)
    session.output.one(session.api.post(f"/api/deliveries/{found['id']}/redeliver"), COLUMNS)
