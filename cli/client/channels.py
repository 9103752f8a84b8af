"""`diffy channels`: where changes are told."""

import time
from typing import Final

import click

from cli.client.api import Api, Row
from cli.client.deliveries import COLUMNS as DELIVERY_COLUMNS
from cli.client.domains import confirm
from cli.client.errors import BadUsage, ClientError
from cli.client.find import find_channel
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, limited, printing
from cli.client.terminal_text import one_line
from cli.client.watching_options import given

COLUMNS = (
    Column("id", "ID", Kind.ID),
    Column("name", "NAME"),
    Column("kind", "KIND", Kind.WORD),
    Column("target", "TARGET"),
    Column("state", "STATE", Kind.WORD),
    Column("lastDeliveredAt", "LAST DELIVERY", Kind.TIME),
    Column("reason", "REASON"),
)
DETAILS = (
    *COLUMNS,
    Column("lastAnswer", "LAST ANSWER"),
    Column("failingSince", "FAILING SINCE", Kind.TIME),
    Column("nextAttemptAt", "NEXT ATTEMPT", Kind.TIME),
    Column("createdAt", "ADDED", Kind.TIME),
    Column("previousSecretUntil", "OLD SECRET UNTIL", Kind.TIME),
)
WITH_SECRET = (*DETAILS, Column("secret", "SECRET"))

TEST_WAIT: Final = 60.0
"""Seconds that a test is waited for."""

SHORTEST_POLL: Final = 0.1
LONGEST_POLL: Final = 1.0

webhook_option = click.option("--webhook", metavar="URL", help="Tell a webhook at this URL.")
email_option = click.option(
    "--email", metavar="ADDRESS", multiple=True, help="Tell this address; may be repeated."
)
signal_option = click.option(
    "--signal", metavar="WORKFLOW_ID:NAME", help="Send this signal to a workflow of Temporal."
)


@click.group()
def channels() -> None:
    """Add, test and edit where changes are told."""


@channels.command("list", epilog=examples("diffy channels list", "diffy channels list --json"))
@limited
@printing
def list_channels(session: Session, limit: int | None) -> None:
    """List the channels, newest first."""
    found = session.api.list("/api/channels", limit)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
    if not found.total and session.output.format is Format.TABLE:
        session.output.note("There are no channels yet. `diffy channels add --help` adds one.")


@channels.command(
    epilog=examples(
        "diffy channels add ops --webhook https://hooks.example/diffy",
        "diffy channels add parent --signal order-17:pricesChanged",
    )
)
@click.argument("name")
@webhook_option
@email_option
@signal_option
@printing
def add(
    session: Session, name: str, webhook: str | None, email: tuple[str, ...], signal: str | None
) -> None:
    """Add the channel NAME. The secret of a webhook is shown this once."""
    body = _target(webhook, email, signal)
    if "kind" not in body:
        raise BadUsage("Give --webhook, --email or --signal.")
    added = session.api.post("/api/channels", {"name": name, **body})
    _show(session, added)
    session.output.note(f"`diffy channels test {added['id']}` sends a test.")


def _target(webhook: str | None, email: tuple[str, ...], signal: str | None) -> Row:
    """The part of a body that says where a channel leads, empty if no option was given."""
    if sum((webhook is not None, bool(email), signal is not None)) > 1:
        raise BadUsage("A channel has one target: --webhook, --email and --signal exclude another.")
    if webhook is not None:
        return {"kind": "webhook", "url": webhook}
    if email:
        return {"kind": "email", "to": list(email)}
    if signal is not None:
        workflow, colon, name = signal.rpartition(":")
        if not colon or not workflow or not name:
            raise BadUsage(f"--signal {signal}: write it as WORKFLOW_ID:NAME.")
        return {"kind": "signal", "workflowId": workflow, "signalName": name}
    return {}


def _show(session: Session, channel: Row) -> None:
    session.output.one(channel, WITH_SECRET if channel.get("secret") else DETAILS)
    for warning in channel["warnings"]:
        session.output.note(warning)


@channels.command(epilog=examples("diffy channels show ops"))
@click.argument("channel")
@printing
def show(session: Session, channel: str) -> None:
    """Show CHANNEL, an id or a name."""
    _show(session, find_channel(session.api, channel))


@channels.command(
    epilog=examples(
        "diffy channels edit ops --name operators",
        "diffy channels edit ops --off",
        "diffy channels edit ops --webhook https://hooks.example/other --on",
    )
)
@click.argument("channel")
@click.option("--name", help="The name to show.")
@webhook_option
@email_option
@signal_option
@click.option("--on", is_flag=True, help="End a pause, or turn it on again.")
@click.option("--off", is_flag=True, help="Turn it off; what is pending fails.")
@printing
def edit(
    session: Session,
    channel: str,
    name: str | None,
    webhook: str | None,
    email: tuple[str, ...],
    signal: str | None,
    on: bool,
    off: bool,
) -> None:
    """Change CHANNEL, an id or a name; what is not given stays."""
    if on and off:
        raise BadUsage("--on and --off exclude each other.")
    target = _target(webhook, email, signal)
    target.pop("kind", None)
    state = "active" if on else "off" if off else None
    body = {**given({"name": name, "state": state}), **target}
    if not body:
        raise BadUsage(
            "Nothing to change was given; `diffy channels edit --help` shows what can be."
        )
    found = find_channel(session.api, channel)
    _show(session, session.api.patch(f"/api/channels/{found['id']}", body))


@channels.command(epilog=examples("diffy channels rm ops --yes"))
@click.argument("channel")
@click.option("--yes", is_flag=True, help="Do not ask.")
@printing
def rm(session: Session, channel: str, yes: bool) -> None:
    """Delete CHANNEL, an id or a name, with its deliveries."""
    found = find_channel(session.api, channel)
    confirm(f"Delete the channel {one_line(found['name'])} and its deliveries?", yes)
    session.api.delete(f"/api/channels/{found['id']}")


@channels.command(epilog=examples("diffy channels test ops"))
@click.argument("channel")
@click.option("--no-wait", is_flag=True, help="Do not wait for the answer.")
@printing
def test(session: Session, channel: str, no_wait: bool) -> None:
    """Send a test to CHANNEL, an id or a name; exit with 1 if it does not arrive."""
    found = find_channel(session.api, channel)
    delivery = session.api.post(f"/api/channels/{found['id']}/test")
    if not no_wait:
        delivery = settled(session.api, delivery)
    session.output.one(delivery, DELIVERY_COLUMNS)
    if no_wait:
        return
    match delivery["state"]:
        case "failed":
            raise ClientError(
                f"The test did not arrive: {one_line(delivery['lastAnswer'] or 'no reason')}. "
                f"`diffy channels show {found['id']}` shows the channel."
            )
        case "pending":
            raise ClientError(
                f"The test is still pending after {TEST_WAIT:g} seconds. Does a worker run? "
                f"`diffy deliveries show {delivery['id']}` shows how it goes."
            )


def settled(api: Api, delivery: Row) -> Row:
    """The delivery when it is no longer pending, or after TEST_WAIT."""
    began = time.monotonic()
    while delivery["state"] == "pending" and (waited := time.monotonic() - began) < TEST_WAIT:
        time.sleep(min(max(SHORTEST_POLL, waited / 10), LONGEST_POLL))
        delivery = api.get(f"/api/deliveries/{delivery['id']}")
    return delivery


@channels.command(
    epilog=examples("diffy channels rotate ops", "diffy channels rotate ops --overlap 0")
)
@click.argument("channel")
@click.option(
    "--overlap",
    type=click.IntRange(0),
    metavar="HOURS",
    help="Hours in which the old secret signs too; default: 24.",
)
@printing
def rotate(session: Session, channel: str, overlap: int | None) -> None:
    """Give the webhook CHANNEL, an id or a name, a new secret, and show it this once."""
    found = find_channel(session.api, channel)
    body = given({"overlapHours": overlap})
    _show(session, session.api.post(f"/api/channels/{found['id']}/rotate", body))
