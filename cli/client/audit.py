"""`diffy audit`: what the keys of the organisation did."""

import click

from cli.client.output import Column, Kind
from cli.client.session import Session, examples, limited, printing

COLUMNS = (
    Column("at", "WHEN", Kind.TIME),
    Column("keyName", "KEY"),
    Column("keyId", "KEY ID", Kind.ID),
    Column("method", "METHOD", Kind.WORD),
    Column("route", "ROUTE"),
    Column("subjectId", "SUBJECT"),
    Column("status", "STATUS", Kind.NUMBER),
    Column("requestId", "REQUEST", wide=True),
)


@click.command(
    epilog=examples("diffy audit --method DELETE", "diffy audit --limit 100 --csv"),
)
@click.option("--key", metavar="ID", type=click.UUID, help="Only what this key did.")
@click.option("--subject", metavar="ID", help="Only what was done to this.")
@click.option(
    "--method", type=click.Choice(["POST", "PUT", "PATCH", "DELETE"]), help="Only this method."
)
@limited
@printing
def audit(
    session: Session, key: object, subject: str | None, method: str | None, limit: int | None
) -> None:
    """List what the keys of the organisation did, newest first. Needs an admin key."""
    found = session.api.list("/api/audit", limit, keyId=key, subjectId=subject, method=method)
    session.output.rows(found.rows, COLUMNS)
    session.say_what_is_left(found)
