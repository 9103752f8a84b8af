"""The fetcher, a store and what answers as badly as a test wants."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.discovery.visit import Visitor
from activities.extraction.extractor import Extractor
from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer
from store.db.engine import Database

USER_AGENT = "Mozilla/5.0 (compatible; DiffyBot/1.0)"


@pytest.fixture(scope="module")
async def fetcher() -> AsyncIterator[Fetcher]:
    """A fetcher that may reach the sites on loopback."""
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
    yield fetcher
    await fetcher.aclose()


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[Fetcher]:
    """A fetcher as it is by default: for public addresses only."""
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=False)
    yield fetcher
    await fetcher.aclose()


@pytest.fixture(scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    """An extractor of one process."""
    extractor = Extractor(count=1)
    yield extractor
    extractor.close()


async def at_once(_: str) -> None:
    """Admit every request, now."""


@pytest.fixture
def visitor(fetcher: Fetcher, extractor: Extractor) -> Visitor:
    """A visitor that waits for no turn, and has no browser."""
    renderer = Renderer(Browser(Path("/nowhere/chromium")), fetcher, user_agent=USER_AGENT)
    return Visitor(fetcher, extractor, renderer, at_once)


@pytest.fixture
async def database(sqlite_path: Path) -> AsyncIterator[Database]:
    """An empty store."""
    database = Database.open(f"sqlite:///{sqlite_path}")
    yield database
    await database.close()


@pytest.fixture
def politeness(database: Database, fetcher: Fetcher) -> Politeness:
    """One worker's politeness, at a rate that no test waits for."""
    return Politeness(database, fetcher, host_rps=10_000)
