"""`diffy export`: domains, pages, alerts and changes, with their settings, as a stream."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import click

from cli.client.alerts import COLUMNS as ALERT_COLUMNS
from cli.client.api import Api, NotFoundError, Row
from cli.client.changes import COLUMNS as CHANGE_COLUMNS
from cli.client.domains import COLUMNS as DOMAIN_COLUMNS
from cli.client.errors import BadUsage
from cli.client.output import Column, Format, plain_field
from cli.client.pages import COLUMNS as PAGE_COLUMNS
from cli.client.session import Session, examples, printing
from cli.client.terminal_text import json_text

KINDS: Final = ("domains", "pages", "alerts", "changes")

CSV_FIELDS: Final[dict[str, Sequence[str]]] = {
    "domains": ("schedule", "discoverFrequencyHours", "watch", "crawlSettings"),
    "pages": ("schedule", "crawlSettings"),
    "alerts": ("quietHours", "channels", "domains", "pages"),
    "changes": (),
}
"""Fields of an export as CSV beside the columns of a list, so that an import has the settings."""

CSV_COLUMNS: Final[dict[str, Sequence[Column]]] = {
    "domains": DOMAIN_COLUMNS,
    "pages": PAGE_COLUMNS,
    "alerts": ALERT_COLUMNS,
    "changes": CHANGE_COLUMNS,
}


def _rows(api: Api, kind: str, differences: bool) -> Iterator[Row]:
    match kind:
        case "domains":
            yield from _typed("domain", api.walk("/api/domains"))
        case "pages":
            for domain in api.walk("/api/domains"):
                yield from _typed("page", api.walk(f"/api/domains/{domain['id']}/pages"))
        case "alerts":
            yield from _alerts(api)
        case _:
            changes = api.walk("/api/changes")
            yield from _typed("change", _whole(api, changes) if differences else changes)


def _typed(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    return ({"type": name, **row} for row in rows)


def _whole(api: Api, changes: Iterator[Row]) -> Iterator[Row]:
    """The changes with their differences, except for those that are deleted meanwhile."""
    for row in changes:
        with suppress(NotFoundError):
            yield api.get(f"/api/changes/{row['id']}")


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
        "diffy export",
        "diffy export domains pages alerts",
        "diffy export pages --csv",
        "diffy export changes --differences",
    )
)
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS), metavar="[KIND]...")
@click.option(
    "--differences", is_flag=True, help="Changes with both texts and what differs: a call for each."
)
@printing
def export(session: Session, kinds: tuple[str, ...], differences: bool) -> None:
    """Export domains, pages, alerts and changes, or only those KINDs, as JSON lines.

    Settings are part of them; secrets are not: the values of headers and cookies, and channels.
    `diffy import` reads them again.
    """
    chosen = kinds or KINDS
    if differences and "changes" not in chosen:
        raise BadUsage("Only changes have differences: name them too, or leave --differences out.")
    if session.output.format is not Format.CSV:
        for kind in chosen:
            for row in _rows(session.api, kind, differences):
                click.echo(json_text(row, None))
        return
    if len(chosen) != 1:
        raise BadUsage(f"--csv exports one of {', '.join(CSV_COLUMNS)}: name it.")
    [kind] = chosen
    listed = [column.field for column in CSV_COLUMNS[kind]]
    fields = ["type", *listed, *CSV_FIELDS[kind], *(["diffData"] if differences else [])]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(fields)
    for row in _rows(session.api, kind, differences):
        writer.writerow(plain_field(row.get(field)) for field in fields)
