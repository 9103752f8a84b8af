"""What ends a client command without a result: a sentence that names the next step, and an exit
code for scripts.
"""

import sys
from collections.abc import Mapping
from typing import IO, Any, Final

import click

INTERRUPTED: Final = 130
"""The exit code of a command that Ctrl-C has ended, as shells have it."""


class ClientError(click.ClickException):
    """The command has failed: exit code 1."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message as the other commands do."""
        click.echo(f"diffy: {self.message}", file=file or sys.stderr)


class BadUsage(ClientError):
    """An argument, a setting or a profile cannot be used: exit code 2."""

    exit_code = 2


class RefusedBody(BadUsage):
    """The API refuses a request; `details` has a sentence for each field at fault."""

    def __init__(self, message: str, details: Mapping[str, str]) -> None:
        super().__init__(message)
        self.details = details


class NoConnection(ClientError):
    """The API cannot be reached, or cannot reach what it needs: exit code 3."""

    exit_code = 3


class Interrupted(ClientError):
    """Ctrl-C has ended the waiting, not the work."""

    exit_code = INTERRUPTED
