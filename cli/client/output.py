"""What a command prints: tables for a person, tab-separated lines for a pipe, JSON and CSV.

Results go to standard output; notes and progress go to standard error.
"""

import csv
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from cli.client.api import Row
from cli.client.terminal_text import json_text, one_line, parse_time, relative

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SHORT_ID: Final = 8
"""Signs of a UUID that a table shows; commands take them in place of the whole."""

NOTHING: Final = "–"

STYLES: Final = {
    "active": "cyan",
    "completed": "green",
    "waiting": "blue",
    "delayed": "yellow",
    "failed": "bold red",
    "paused": "yellow",
    "gone": "red",
    "pending": "blue",
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "dim",
}
"""Colours of states, statuses and severities; the word always stands there too."""


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    TABS = "tabs"
    JSON = "json"
    CSV = "csv"


class Kind(StrEnum):
    """What a column has, for the table of a person."""

    TEXT = "text"
    ID = "id"
    TIME = "time"
    WORD = "word"
    NUMBER = "number"


@dataclass(frozen=True)
class Column:
    """A field of the API, and the heading of its column; `wide` ones are left out of tables."""

    field: str
    heading: str
    kind: Kind = Kind.TEXT
    wide: bool = False


class Output:
    """Prints in one format, by default for a person on a terminal and for a pipe elsewhere."""

    def __init__(self, chosen: Format | None) -> None:
        self.format = chosen or (Format.TABLE if sys.stdout.isatty() else Format.TABS)

    @cached_property
    def console(self) -> "Console":
        """The terminal."""
        from rich.console import Console

        return Console(highlight=False)

    def note(self, text: str) -> None:
        """Say something beside the result."""
        click.echo(text, err=True)

    def rows(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        """Print a list."""
        match self.format:
            case Format.JSON:
                click.echo(json_text(rows))
            case Format.CSV:
                self._csv([column.field for column in columns], rows, columns)
            case Format.TABS:
                for row in rows:
                    click.echo("\t".join(plain_field(row.get(column.field)) for column in columns))
            case Format.TABLE:
                self._table(rows, columns)

    def one(self, row: Row, columns: Sequence[Column]) -> None:
        """Print one object: a line for each field, with its name before it."""
        match self.format:
            case Format.JSON:
                click.echo(json_text(row))
            case Format.CSV:
                self._csv([column.field for column in columns], [row], columns)
            case Format.TABS:
                for column in columns:
                    click.echo(f"{column.field}\t{plain_field(row.get(column.field))}")
            case Format.TABLE:
                self._fields(row, columns)

    def _csv(self, header: list[str], rows: Sequence[Row], columns: Sequence[Column]) -> None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(plain_field(row.get(column.field)) for column in columns)

    def _table(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        if not rows:
            return
        shown = [column for column in columns if not column.wide]
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in shown:
            right = column.kind is Kind.NUMBER
            table.add_column(
                column.heading,
                justify="right" if right else "left",
                no_wrap=column.kind in (Kind.TIME, Kind.WORD, Kind.NUMBER),
                overflow="fold",
            )
        now = datetime.now(UTC)
        for row in rows:
            table.add_row(*(_cell(row.get(each.field), each.kind, now, True) for each in shown))
        self.console.print(table)

    def _fields(self, row: Row, columns: Sequence[Column]) -> None:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        now = datetime.now(UTC)
        for column in columns:
            table.add_row(column.heading, _cell(row.get(column.field), column.kind, now, False))
        self.console.print(table)


def plain_field(value: Any) -> str:
    """A field in one line: empty for null, JSON for what has parts."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json_text(value, None)
        case _:
            return one_line(str(value))


def _cell(value: Any, kind: Kind, now: datetime, short: bool) -> "Text":
    """A field as a person reads it. `short` is for a table, where a place is narrow."""
    from rich.text import Text

    if value is None or value in ({}, []):
        return Text(NOTHING, style="dim")
    text = ("yes" if value else "no") if isinstance(value, bool) else plain_field(value)
    match kind:
        case Kind.ID if short:
            return Text(text[:SHORT_ID], style="dim")
        case Kind.TIME:
            with suppress(ValueError):
                when = relative(parse_time(text), now)
                return Text(when if short else f"{text}  ({when})")
            return Text(text)
        case Kind.WORD:
            return Text(text, style=STYLES.get(text, ""))
        case _:
            return Text(text)
