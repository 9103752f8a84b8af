"""`diffy up`: the whole system in one process tree."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import click

from cli.data_directory import check_nothing_moved, own_data_directory
from cli.embedded import HOST, EmbeddedTemporal
from cli.ports import Port, check_ports
from cli.preparation import first_key, prepare
from cli.services import CommandService
from cli.supervisor import supervised
from cli.terminal import own_foreground
from core.settings import DEFAULT_ORGANISATION, Settings

T = TypeVar("T")

WORKER_GRACE_PERIOD: Final = 20.0
"""Seconds for the worker to finish or release running attempts."""

API_GRACE_PERIOD: Final = 10.0
"""Seconds for the API to answer the requests under way."""


def up(settings: Settings) -> None:
    """Run the whole system in the foreground until SIGINT, SIGTERM or SIGHUP.

    Raises SettingsError for a setting that does not fit, and Unavailable if a part fails to start.
    """
    with own_foreground(), own_data_directory(settings):
        check_nothing_moved(settings)
        check_ports(list(_ports(settings)))
        asyncio.run(_until_stopped(_run(settings)))


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    """Run `work` until the first signal. Later signals do not interrupt its clean-up."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    stopping.cancel()
    await asyncio.wait({working})
    if not working.cancelled():
        working.result()


async def _run(settings: Settings) -> None:
    api = CommandService("API", "api", grace=API_GRACE_PERIOD)
    worker = CommandService("worker", "worker", grace=WORKER_GRACE_PERIOD)
    async with (
        _loaded([api, worker]),
        _beside(prepare(settings)) as prepared,
        _temporal(settings),
    ):
        any_key = await prepared
        async with supervised([api, worker]):
            await _announce(settings, any_key)
            await asyncio.Event().wait()


@asynccontextmanager
async def _loaded(services: Sequence[CommandService]) -> AsyncIterator[None]:
    """The services load their code beside what must be there before they begin."""
    try:
        for service in services:
            await service.load()
        yield
    finally:
        for service in services:
            await service.stop()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """`work` as a task, which ends with the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def _temporal(settings: Settings) -> AsyncIterator[None]:
    if settings.temporal_address is not None:
        yield
        return
    server = EmbeddedTemporal(
        database=settings.data_dir / "temporal.db",
        port=settings.temporal_port,
        ui_port=settings.temporal_ui_port,
        log=settings.data_dir / "logs" / "temporal.log",
    )
    async with supervised([server]):
        yield


async def _announce(settings: Settings, any_key: bool) -> None:
    host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
    click.echo(f"API:          http://{host}:{settings.api_port}")
    click.echo(f"Web page:     http://{host}:{settings.api_port}/")
    if settings.temporal_address is None:
        click.echo(f"Temporal UI:  http://{HOST}:{settings.temporal_ui_port}")
    else:
        click.echo(f"Temporal:     {settings.temporal_address}")
    if settings.bootstrap_api_key is not None:
        click.echo("API key:      the one in DIFFY_BOOTSTRAP_API_KEY")
    elif not any_key and (key := await first_key()):
        # Made last, because this is the only time that it is shown.
        click.echo(f"API key:      {key}")
        click.echo(f"              of organisation {DEFAULT_ORGANISATION}; it is not shown again")
    click.echo("Ctrl-C stops everything; the next start carries on.")


def _ports(settings: Settings) -> Iterator[Port]:
    yield Port("DIFFY_API_PORT", settings.api_host, settings.api_port)
    if settings.temporal_address is None:
        yield Port("DIFFY_TEMPORAL_PORT", HOST, settings.temporal_port)
        yield Port("DIFFY_TEMPORAL_UI_PORT", HOST, settings.temporal_ui_port)
