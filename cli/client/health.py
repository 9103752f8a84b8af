"""`diffy watching`: whether watching works."""

import click

from cli.client.api import Row
from cli.client.find import find_domain
from cli.client.output import Column, Format, Kind
from cli.client.session import Session, examples, printing

GROUPS = {"failing": "failing", "stale": "stale", "neverChecked": "never checked"}
COLUMNS = (
    Column("group", "STATE", Kind.WORD),
    Column("url", "PAGE"),
    Column("lastCheckAt", "LAST CHECK", Kind.TIME),
    Column("failedChecks", "FAILED CHECKS", Kind.NUMBER),
    Column("problem", "PROBLEM"),
    Column("brokenSince", "BROKEN SINCE", Kind.TIME),
    Column("pageId", "ID", wide=True),
)


@click.command(
    epilog=examples("diffy watching", "diffy watching --domain shop.example --limit 100 --csv")
)
@click.option("--domain", metavar="DOMAIN", help="Only of this domain, an id or a name.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="Print this many pages of each state at most.",
)
@printing
def watching(session: Session, domain: str | None, limit: int) -> None:
    """Say whether watching works: pages that fail, are stale, or were never checked."""
    found = session.api.get(
        "/api/health/watching",
        domainId=find_domain(session.api, domain)["id"] if domain else None,
        limit=limit,
    )
    if session.output.format is Format.JSON:
        session.output.one(found, COLUMNS)
        return
    rows: list[Row] = [
        {**page, "group": name} for group, name in GROUPS.items() for page in found[group]["pages"]
    ]
    for domain_row in found["domains"]:
        for what in ("checks", "discovery"):
            if broken_since := domain_row[f"{what}BrokenSince"]:
                problem = {"problem": domain_row[f"{what}Problem"], "brokenSince": broken_since}
                rows.append({"group": f"{what} broken", "url": domain_row["domain"], **problem})
    session.output.rows(rows, COLUMNS)
    counts = ", ".join(f"{found[group]['total']} {name}" for group, name in GROUPS.items())
    session.output.note(f"{found['watched']} pages are watched: {counts}.")
