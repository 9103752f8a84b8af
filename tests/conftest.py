"""What every test may use: a real Temporal server, a store, the API, a worker, a web site."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.extraction import Extractor
from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from store.migrate import migrate
from temporal.connection import connect
from tests.needs import left_out, need
from tests.ports import free_port
from tests.postgres import PostgresServer, running_postgres
from tests.site import FakeSite
from tests.system import System, running_system


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, and how to have them run."""
    for line in left_out(terminalreporter.getreports("skipped")):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedTemporal]:
    """The embedded Temporal server, as `diffy up` runs it."""
    folder = tmp_path_factory.mktemp("temporal")
    server = EmbeddedTemporal(
        database=folder / "temporal.db",
        port=free_port(),
        ui_port=None,
        log=folder / "temporal.log",
    )
    await server.start()
    yield server
    await server.stop()


class SharedExtractor(Extractor):
    """An extractor that outlives the worker that has it."""

    def close(self) -> None:
        """Nothing: the next worker goes on with its processes."""


@pytest.fixture(scope="session", autouse=True)
def extractor_of_workers() -> Iterator[None]:
    """One for all workers that run in the tests' own process: to load what extraction needs takes a
    second of each process.
    """
    shared = SharedExtractor()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.Extractor", lambda: shared)
        yield
    Extractor.close(shared)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    need("PostgreSQL")
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> None:
    """The browser and what drives it can run."""
    need("Chromium", "libatomic")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of the present schema."""
    path = tmp_path_factory.mktemp("template") / "diffy.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_path(sqlite_template: Path, tmp_path: Path) -> Path:
    """An SQLite file of the present schema, the test's own, where its system looks for it."""
    return Path(shutil.copy(sqlite_template, tmp_path / "diffy.db"))


@pytest.fixture
def settings(temporal: EmbeddedTemporal, tmp_path: Path, sqlite_path: Path) -> Settings:
    """Settings of a system of its own, on the shared Temporal server."""
    assert sqlite_path.parent == tmp_path
    return Settings(
        data_dir=tmp_path,
        temporal_address=temporal.address,
        allow_private_networks=True,
        host_rps=1000,
    )


@pytest.fixture
async def client(settings: Settings) -> Client:
    """A client of the Temporal server."""
    return await connect(settings)


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """A store, the API and an organisation, no worker yet."""
    async with running_system(settings) as system:
        yield system


@pytest.fixture
async def site() -> AsyncIterator[FakeSite]:
    """A web site on loopback."""
    async with FakeSite() as site:
        yield site
