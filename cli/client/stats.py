"""`diffy stats`: how many jobs are in each state."""

import click

from cli.client.find import find_domain
from cli.client.output import Column, Kind
from cli.client.session import Session, examples, printing

COLUMNS = tuple(
    Column(state, state.upper(), Kind.NUMBER)
    for state in ("waiting", "active", "delayed", "total", "completed", "failed")
)


@click.command(epilog=examples("diffy stats", "diffy stats --domain shop.example --json"))
@click.option("--domain", metavar="DOMAIN", help="Only of this domain, an id or a name.")
@click.option("--batch", metavar="ID", type=click.UUID, help="Only of this batch.")
@click.option("--type", "kind", type=click.Choice(["crawl", "discover"]), help="Only of this type.")
@printing
def stats(session: Session, domain: str | None, batch: object, kind: str | None) -> None:
    """Count the jobs in each state; `total` counts the unfinished ones."""
    counts = session.api.get(
        "/api/jobs/stats",
        domainId=find_domain(session.api, domain)["id"] if domain else None,
        batchId=batch,
        type=kind,
    )
    session.output.one(counts, COLUMNS)
