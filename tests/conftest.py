"""What every test may use: a real Temporal server, a store, the API, a worker, a web site."""

import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx2
import hypothesis
import pytest
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache
from temporalio.client import Client

from activities.extraction.extractor import Extractor
from activities.extraction.main_texts import MainTexts
from activities.extraction.processes import ReadingProcess
from activities.rendering.browser import Browser
from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from store.db.engine import Database
from store.db.migrations import migrate
from store.secretkey import SecretKey
from temporal.connection import connect
from tests.needs import left_out, need
from tests.ports import free_port
from tests.postgres import PostgresServer, running_postgres
from tests.site import FakeSite
from tests.system import System, running_system

SECRET_KEY: Final = "of the tests, and of nobody else"

# A slow machine is no defect. The suite tries the same examples each time, so that a landing fails
# only on what it changes; "search" looks for new ones: see CONTRIBUTING.md.
hypothesis.settings.register_profile(
    "suite",
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "search",
    max_examples=3000,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests run on either database."""
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="where systems of tests have their store",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process is left alone with one at the end.

    With PostgreSQL, leave out what has no system and runs on both databases anyway, or is about
    SQLite.
    """
    items.sort(key=lambda item: item.get_closest_marker("dear") is None)
    if config.getoption("--database") == "sqlite":
        return
    kept = [
        item
        for item in items
        if "store" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("sqlite")
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def pytest_configure() -> None:
    """Collect no garbage while the tests are read, which make none."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what is there before the first test out of every collection of garbage: half a million
    objects, which a worker and a command would look through when they end, a third of a second.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, and how to have them run."""
    for line in left_out(terminalreporter.getreports("skipped")):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedTemporal]:
    """The embedded Temporal server, as `diffy up` runs it. Only its garbage is collected less
    often, which takes a quarter off what it costs the processor.
    """
    folder = tmp_path_factory.mktemp("temporal")
    server = EmbeddedTemporal(
        database=folder / "temporal.db",
        port=free_port(),
        ui_port=None,
        log=folder / "temporal.log",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.embedded.GARBAGE_COLLECTION", "400")
        await server.start()
    yield server
    await server.stop()


class SharedExtractor(Extractor):
    """An extractor that outlives the worker that has it."""

    def close(self) -> None:
        """Nothing: the next worker goes on with its processes."""


class SharedBrowser(Browser):
    """A browser that outlives the worker that has it."""

    async def aclose(self) -> None:
        """Nothing: the next worker goes on with its process."""


class SharedMainTexts(MainTexts):
    """The main texts of one system, whose process outlives it."""

    process: Final = ReadingProcess()

    def __init__(self, database: Database, secret_key: SecretKey) -> None:
        super().__init__(database, secret_key)
        self._process = self.process

    def close(self) -> None:
        """Nothing: the next system goes on with the process."""


@pytest.fixture(scope="session", autouse=True)
async def shared_by_workers() -> AsyncIterator[None]:
    """One extractor, one process for main texts and one browser for all systems in the tests' own
    process: to load what extraction needs takes a second of each process, and a browser takes two.
    """
    extractor, browser = SharedExtractor(), SharedBrowser()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.Extractor", lambda: extractor)
        patch.setattr("worker.Browser", lambda path: Browser(path) if path else browser)
        patch.setattr("tests.system.MainTexts", SharedMainTexts)
        yield
    Extractor.close(extractor)
    SharedMainTexts.process.end()
    await Browser.aclose(browser)


@pytest.fixture(scope="session", autouse=True)
def made_once() -> Iterator[None]:
    """What all systems and clients may share, as it is the same for each: compiled statements, a
    tenth of what most tests cost, and the authorities that a client trusts, 50 ms. Dialects of one
    class are one to the cache of statements.
    """
    compiled: LRUCache[Any, Any] = LRUCache(4_000)

    def engine_of(url: URL, **options: Any) -> AsyncEngine:
        engine = create_async_engine(url, **options)
        engine.sync_engine._compiled_cache = compiled
        return engine

    with pytest.MonkeyPatch.context() as patch:
        for dialect in (SQLiteDialect_aiosqlite, PGDialectAsync_psycopg):
            patch.setattr(dialect, "__hash__", lambda self: hash(type(self)))
            patch.setattr(dialect, "__eq__", lambda self, other: type(self) is type(other))
        patch.setattr("store.db.engine.create_async_engine", engine_of)
        patch.setattr(
            "httpx2._transports.default.create_ssl_context", cache(httpx2.create_ssl_context)
        )
        yield


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
def store(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of the store of the test's system: migrated, and without a row."""
    if request.config.getoption("--database") == "sqlite":
        request.getfixturevalue("sqlite_path")
        yield {}
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.migrated() as url:
        yield {"database_url": url, "secret_key": SECRET_KEY}


@pytest.fixture
def settings(temporal: EmbeddedTemporal, tmp_path: Path, store: dict[str, str]) -> Settings:
    """Settings of a system of its own, on the shared Temporal server."""
    chosen = Settings(
        signal_targets="*",
        data_dir=tmp_path,
        temporal_address=temporal.address,
        allow_private_networks=True,
        host_rps=1000,
    )
    return chosen.model_copy(update=store)


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
