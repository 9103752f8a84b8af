"""How a command ends that has used Temporal."""

import asyncio
import gc
from weakref import ref

import pytest
from temporalio.client import Client

import cli.main
from core.settings import Settings
from temporal.connection import connect
from temporal.shutdown import release
from tests.site import FakeSite
from tests.system import System


async def test_a_command_lets_go_of_its_clients_which_could_crash_the_end_of_the_interpreter(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = await system.add_domain(site.origin)
    clients: list[ref[Client]] = []
    alive: list[int] = []

    async def connected(settings: Settings) -> Client:
        client = await connect(settings)
        clients.append(ref(client))
        return client

    def count() -> int:
        return sum(client() is not None for client in clients)

    def released() -> None:
        alive.append(count())
        release()
        alive.append(count())

    def run() -> None:
        gc.disable()  # What is collected by chance proves nothing.
        try:
            cli.main.main()
        finally:
            gc.enable()

    monkeypatch.setattr("cli.backtest.connect", connected)
    monkeypatch.setattr("cli.main.release", released)
    monkeypatch.setattr("sys.argv", ["diffy", "backtest", str(domain.id)])
    monkeypatch.setenv("DIFFY_DATA_DIR", str(system.settings.data_dir))
    monkeypatch.setenv("DIFFY_DATABASE_URL", system.settings.resolved_database_url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", str(system.settings.temporal_address))
    async with system.worker():
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(run)
    assert (ended.value.code, alive) == (0, [1, 0])
