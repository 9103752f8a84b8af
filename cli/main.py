"""The `diffy` command.

Each command imports its modules after it has read the settings, and the settings are imported by
the commands. So `diffy --help` loads click alone, and an invalid setting neither the Temporal SDK,
the API nor the extraction stack.
"""

import logging
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import click

from cli.client.commands import COMMANDS
from cli.client.terminal_text import one_line, parse_span
from core.errors import DiffyError, SettingsError
from temporal.shutdown import release

if TYPE_CHECKING:
    from core.settings import Settings


class Span(click.ParamType[timedelta]):
    """A length of time."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The length of time that was written, of at most `LONGEST_SPAN`."""
        found = value if isinstance(value, timedelta) else parse_span(str(value))
        if found is None or not timedelta(0) < found <= LONGEST_SPAN:
            self.fail(f"{value!r} is not a length of time such as 12h, 90d, 52w.", param, ctx)
        return found


class Figure(click.ParamType[int | None]):
    """The figure of a quota: a number, `none` or `default`."""

    name = "FIGURE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """The number, 0 for `none`, or None for `default`."""
        from core.settings import MAX_QUOTA

        text = str(value)
        if text == "default":
            return None
        if text == "none":
            return 0
        if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= MAX_QUOTA:
            self.fail(
                f"{text!r} is neither a number up to {MAX_QUOTA:,} nor none nor default.",
                param,
                ctx,
            )
        return int(text)


LONGEST_SPAN: Final = timedelta(days=36_500)

ready_fd = click.option("--ready-fd", type=int, hidden=True)
"""The pipe by which a child signals to `diffy up` that it is ready."""

go_fd = click.option("--go-fd", type=int, hidden=True)
"""The pipe by which `diffy up` lets a child begin that has loaded its code."""


def _settings() -> "Settings":
    """The settings of the environment. Raises SettingsError if one is invalid."""
    from core.settings import load_settings

    return load_settings()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="diffy-jobs")
def diffy() -> None:
    """Watch web sites for changes.

    Settings are environment variables; docs/reference/settings.md lists them.
    """


@diffy.command()
def up() -> None:
    """Run the whole system: Temporal, worker and API."""
    settings = _settings()
    from cli.up import up
    from core.logs.service import service_log

    with service_log(settings, "up"):
        up(settings)


@diffy.command()
@ready_fd
@go_fd
def worker(ready_fd: int | None, go_fd: int | None) -> None:
    """Run a worker."""
    settings = _settings()
    from cli.loading import loading_code

    with loading_code():
        import asyncio

        import uvloop

        from cli.services import report_ready, wait_to_begin
        from core.logs.service import service_log
        from core.tracing import trace_fields
        from temporal.log_fields import job_fields
        from temporal.tracing import tracing
        from worker import serve

    wait_to_begin(go_fd)
    with (
        service_log(settings, "worker", [job_fields, trace_fields]),
        tracing(settings, "worker"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve(settings, partial(report_ready, ready_fd)))


@diffy.command()
@ready_fd
@go_fd
def api(ready_fd: int | None, go_fd: int | None) -> None:
    """Run the API."""
    settings = _settings()
    from cli.loading import loading_code

    with loading_code():
        import asyncio

        import uvloop

        from cli.api import serve_api
        from cli.services import report_ready, wait_to_begin
        from core.logs.service import service_log
        from core.tracing import trace_fields
        from temporal.tracing import tracing

    wait_to_begin(go_fd)
    with (
        service_log(settings, "api", [trace_fields]),
        tracing(settings, "api"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve_api(settings, partial(report_ready, ready_fd)))


@diffy.command()
def doctor() -> None:
    """Examine every part of this installation, and say what to do.

    Prints one line for each part. Exits with 1 if one does not work. Changes nothing.
    """
    settings = _settings()
    import asyncio

    from cli.doctor import Level, examine

    async def print_findings() -> bool:
        sound = True
        async for found in examine(settings):
            click.echo(f"{found.level:<8} {found.subject:<18} {found.detail}")
            if found.advice:
                click.echo(f"{'':<27} {found.advice}")
            sound = sound and found.level is not Level.FAILED
        return sound

    if not asyncio.run(print_findings()):
        sys.exit(1)


@diffy.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write everything that this installation keeps to FILE, also while it runs.

    FILE contains the secret key, if it is a file in the data directory: keep it as safe as the
    installation.
    """
    settings = _settings()
    from cli.backup import backup

    click.echo(f"{file}: {', '.join(backup(settings, file))}")


@diffy.command()
@click.argument("file", type=click.Path(path_type=Path))
def restore(file: Path) -> None:
    """Restore the backup FILE into a new data directory, or an empty database."""
    settings = _settings()
    from cli.backup import restore

    click.echo(f"Restored: {', '.join(restore(settings, file))}. Start the system with `diffy up`.")


@diffy.command(name="migrate-to")
@click.argument("database_url", metavar="DATABASE_URL", envvar="DIFFY_DATABASE_URL")
@click.option(
    "--temporal",
    "temporal_address",
    metavar="HOST:PORT",
    envvar="TEMPORAL_ADDRESS",
    help="Also move the unfinished jobs, to this Temporal server.",
)
def migrate_to(database_url: str, temporal_address: str | None) -> None:
    """Move this installation from its SQLite file to the empty PostgreSQL database DATABASE_URL.

    Stop the system first. Both can be given as DIFFY_DATABASE_URL and TEMPORAL_ADDRESS as well.
    """
    settings = _settings()
    from cli.migrate_to import migrate_to

    migrate_to(settings, database_url, temporal_address, click.echo)


@diffy.command()
@click.argument("domain")
def backtest(domain: str) -> None:
    """Run today's rules over the stored snapshots of DOMAIN, an id or a name.

    Nothing is fetched. A worker must be running. Prints one line for each change, newest first,
    with tabs between: same, different, new or gone; the URL; the expected change; the reported one.
    """
    settings = _settings()
    import asyncio

    from cli.backtest import backtest

    for line in asyncio.run(backtest(settings, domain, partial(click.echo, err=True))):
        click.echo(line)


@diffy.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command()
@click.option("--org", "org_name", required=True, help="The organisation; created if it is new.")
@click.option("--name", metavar="NAME", help="What the key is for, for the list.")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="admin",
    show_default=True,
    help="What the key may do: see, also change, also revoke keys.",
)
@click.option("--expires-in", type=Span(), metavar="TIME", help="How long it lasts: 90d, 12h.")
def create(org_name: str, name: str | None, scope: str, expires_in: timedelta | None) -> None:
    """Print a new key. It is not shown again."""
    settings = _settings()
    import asyncio

    from cli.keys import create
    from core.scopes import Scope

    click.echo(asyncio.run(create(settings, org_name, name, Scope(scope), expires_in)).key)


@keys.command(name="list")
def list_all() -> None:
    """List every key: its id, its creation, whether it is valid, its organisation, its scope, its
    expiry, its name and its last use, with tabs between.
    """
    settings = _settings()
    import asyncio

    from cli.keys import listed
    from core.model import utc_text

    for row in asyncio.run(listed(settings)):
        cells = (
            str(row.id),
            utc_text(row.created_at),
            f"revoked {utc_text(row.revoked_at)}" if row.revoked_at else str(row.status),
            row.org_name,
            str(row.scope),
            utc_text(row.expires_at) if row.expires_at else "",
            one_line(row.name or ""),
            utc_text(row.last_used_at) if row.last_used_at else "",
        )
        click.echo("\t".join(cells))


@keys.command()
@click.argument("key_id", metavar="ID", type=click.UUID)
def revoke(key_id: UUID) -> None:
    """Revoke the key with that ID at once."""
    settings = _settings()
    import asyncio

    from cli.keys import revoke

    asyncio.run(revoke(settings, key_id))


@diffy.group()
def quotas() -> None:
    """List and set the quotas of organisations."""


@quotas.command(name="list")
def list_quotas() -> None:
    """List every organisation and its own quotas: its name, pages, checks a day, and unfinished
    jobs, with tabs between. An empty cell is the default of the settings, 0 is no quota.
    """
    settings = _settings()
    import asyncio

    from cli.quotas import listed

    for row in asyncio.run(listed(settings)):
        figures = (row.pages, row.checks_per_day, row.unfinished_jobs)
        cells = (one_line(row.name), *("" if each is None else str(each) for each in figures))
        click.echo("\t".join(cells))


@quotas.command(name="set")
@click.argument("org_name", metavar="ORGANISATION")
@click.option("--pages", type=Figure(), help="How many pages it may have.")
@click.option("--checks-per-day", type=Figure(), help="How many checks it may have in a day.")
@click.option("--unfinished-jobs", type=Figure(), help="How many unfinished jobs it may have.")
def set_quotas(org_name: str, **_: object) -> None:
    """Set quotas of ORGANISATION: a number, `none`, or `default` for that of the settings.

    It holds from the next request on. What is over it already stays.
    """
    ctx = click.get_current_context()
    given = {
        name: figure
        for name, figure in ctx.params.items()
        if name != "org_name"
        and ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    }
    if not given:
        raise click.UsageError("Name a quota: --pages, --checks-per-day or --unfinished-jobs.")
    settings = _settings()
    import asyncio

    from cli.quotas import change

    asyncio.run(change(settings, org_name, given))


for command in COMMANDS:
    diffy.add_command(command)


def main() -> None:
    """Run the command in the arguments.

    Exits with 2 for an invalid setting or argument, with 1 for other errors.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        diffy()
    except DiffyError as error:
        click.echo(f"diffy: {error.message}", err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
    finally:
        release()


if __name__ == "__main__":
    main()
