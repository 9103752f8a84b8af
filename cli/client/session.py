"""What every client command has: the installation it uses, how it prints, examples in its help."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Concatenate, Final, ParamSpec

import click

from cli.client.api import Api, Found
from cli.client.errors import BadUsage
from cli.client.output import Format, Output
from cli.client.profiles import connection_of

P = ParamSpec("P")

DEFAULT_LIMIT: Final = 20
"""Rows of a list, unless the user says otherwise."""


class Session:
    """One run of a client command."""

    def __init__(self, profile: str | None, chosen: Format | None) -> None:
        self._profile = profile
        self.output = Output(chosen)

    @cached_property
    def api(self) -> Api:
        """The installation."""
        return Api(connection_of(self._profile))

    def close(self) -> None:
        """Close what was opened."""
        if "api" in self.__dict__:
            self.api.close()

    def say_what_is_left(self, found: Found) -> None:
        """Say that a list has more rows than were printed, and how to have them."""
        if len(found.rows) < found.total:
            self.output.note(f"{len(found.rows)} of {found.total}; --all prints all.")


def printing(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command that gets a session, with the options that every client command has."""

    @click.option("--profile", metavar="NAME", help="The profile to use, of `diffy login`.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API answers.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with a header.")
    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        profile, as_json, as_csv = (kwargs.pop(name) for name in ("profile", "as_json", "as_csv"))
        if as_json and as_csv:
            raise BadUsage("--json and --csv exclude each other.")
        chosen = Format.JSON if as_json else Format.CSV if as_csv else None
        session = Session(profile if isinstance(profile, str) else None, chosen)
        try:
            function(session, *args, **kwargs)
        finally:
            session.close()

    return run


def limited(function: Callable[..., None]) -> Callable[..., None]:
    """A command that prints a list: its `limit`, None for everything."""

    @click.option(
        "--limit",
        type=click.IntRange(1),
        default=DEFAULT_LIMIT,
        show_default=True,
        help="Print this many at most.",
    )
    @click.option("--all", "everything", is_flag=True, help="Print all.")
    @wraps(function)
    def run(*args: object, limit: int, everything: bool, **kwargs: object) -> None:
        function(*args, limit=None if everything else limit, **kwargs)

    return run


def examples(*lines: str) -> str:
    """The end of a command's help. A word in capitals stands for an id or a name."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


search_option = click.option("--search", metavar="TEXT", help="Only those that contain this.")

waiting = click.option(
    "--wait", is_flag=True, help="Wait for the end, with progress; exit with 1 if a job fails."
)
