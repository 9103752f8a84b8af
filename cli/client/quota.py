"""`diffy quota`: how much the organisation may have and do, and how much of it is used."""

import click

from cli.client.api import Row
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, printing

WORDS = {"pages": "pages", "checksPerDay": "checks a day", "unfinishedJobs": "unfinished jobs"}
COLUMNS = (
    Column("quota", "QUOTA", Kind.WORD),
    Column("limit", "LIMIT", Kind.NUMBER),
    Column("used", "USED", Kind.NUMBER),
    Column("passedOver", "PASSED OVER", Kind.NUMBER),
    Column("freesAt", "FREES UP", Kind.TIME),
)


@click.command(epilog=examples("diffy quota", "diffy quota --json"))
@printing
def quota(session: Session) -> None:
    """Say how much the organisation may have and do, and how much of it is used."""
    found = session.api.get("/api/quota")
    if session.output.format is Format.JSON:
        session.output.one(found, COLUMNS)
        return
    rows: list[Row] = [{**found[name], "quota": words} for name, words in WORDS.items()]
    session.output.rows(rows, COLUMNS)
