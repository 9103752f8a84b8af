"""Crawl settings as options: `--set FIELD=VALUE` and `--unset FIELD`."""

import json
from collections.abc import Callable, Sequence
from typing import Final

import click

from cli.client.api import Row
from cli.client.errors import BadUsage

FIELDS: Final = "docs/reference/crawl-settings.md lists the fields."


def crawl_setting_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command that takes crawl settings as `chosen` and `unset`."""
    chosen = click.option(
        "--set",
        "chosen",
        metavar="FIELD=VALUE",
        multiple=True,
        help=f"A crawl setting; the value is JSON, or a text. {FIELDS}",
    )
    unset = click.option(
        "--unset", metavar="FIELD", multiple=True, help="A crawl setting that is to be unset."
    )
    return chosen(unset(function))


def with_settings(body: Row, chosen: Sequence[str], unset: Sequence[str]) -> Row:
    """The body without the fields that are None, and with the crawl settings."""
    settings: Row = dict.fromkeys(unset)
    for each in chosen:
        field, equals, value = each.partition("=")
        if not equals or not field:
            raise BadUsage(f"--set {each}: write it as FIELD=VALUE. {FIELDS}")
        settings[field] = _value(value)
    given = {name: value for name, value in body.items() if value is not None}
    return {**given, "crawlSettings": settings} if settings else given


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
