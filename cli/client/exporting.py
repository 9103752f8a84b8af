"""`diffy export`: domains, pages, alerts and changes, with their settings, as a stream."""

import csv
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from cli.client.api import Api, Row
from cli.client.changes import COLUMNS as CHANGE_COLUMNS
from cli.client.domains import COLUMNS as DOMAIN_COLUMNS
from cli.client.errors import BadUsage
from cli.client.output import Column, Format, plain_field
from cli.client.pages import COLUMNS as PAGE_COLUMNS
from cli.client.session import Session, examples, printing
from cli.client.terminal_text import json_text

KINDS: Final = ("domains", "pages", "alerts", "changes")

CSV_COLUMNS: Final[dict[str, Sequence[Column]]] = {
    "domains": DOMAIN_COLUMNS,
    "pages": PAGE_COLUMNS,
    "changes": CHANGE_COLUMNS,
}
"""What is flat enough for CSV."""


def _rows(api: Api, kind: str) -> Iterator[Row]:
    match kind:
        case "domains":
            yield from _typed("domain", api.walk("/api/domains"))
        case "pages":
            for domain in api.walk("/api/domains"):
                yield from _typed("page", api.walk(f"/api/domains/{domain['id']}/pages"))
        case "alerts":
            yield from _alerts(api)
        case _:
            yield from _typed("change", api.walk("/api/changes"))


def _typed(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    return ({"type": name, **row} for row in rows)


def _alerts(api: Api) -> Iterator[Row]:
    """The alerts, with names for the ids that another installation does not have."""
    channels = {each["id"]: each["name"] for each in api.walk("/api/channels")}
    domains: dict[str, str] = {}
    for row in api.walk("/api/alerts"):
        named = {"channels": [channels[each] for each in row["channelIds"] if each in channels]}
        if row["on"].get("domainIds"):
            domains = domains or {each["id"]: each["domain"] for each in api.walk("/api/domains")}
            named["domains"] = [domains.get(each, each) for each in row["on"]["domainIds"]]
        if row["on"].get("pageIds"):
            named["pages"] = [api.get(f"/api/pages/{each}")["url"] for each in row["on"]["pageIds"]]
        yield {"type": "alert", **row, **named}


@click.command(
    epilog=examples(
        "diffy export", "diffy export domains pages alerts", "diffy export changes --csv"
    )
)
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS), metavar="[KIND]...")
@printing
def export(session: Session, kinds: tuple[str, ...]) -> None:
    """Export domains, pages, alerts and changes, or only those KINDs, as JSON lines.

    Settings are part of them; secrets are not: the values of headers and cookies, and channels.
    `diffy import` reads them again.
    """
    chosen = kinds or KINDS
    if session.output.format is not Format.CSV:
        for kind in chosen:
            for row in _rows(session.api, kind):
                click.echo(json_text(row, None))
        return
    if len(chosen) != 1 or chosen[0] not in CSV_COLUMNS:
        raise BadUsage(f"--csv exports one of {', '.join(CSV_COLUMNS)}: name it.")
    columns = CSV_COLUMNS[chosen[0]]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(column.field for column in columns)
    for row in _rows(session.api, chosen[0]):
        writer.writerow(plain_field(row.get(column.field)) for column in columns)
