"""Fixtures with a store of their own; each test that uses them runs on both databases."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from store.db.engine import Database
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.postgres import PostgresServer
from tests.store.rows import new_domain, new_organisation, new_page

BACKENDS = ["sqlite", "postgresql"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the transaction of a test behind those that make its rows: SQLite lets one write."""
    for item in items:
        if isinstance(item, pytest.Function):
            item.fixturenames.sort(key=lambda name: name == "session")


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.migrated() as url:
            yield url
    else:
        yield f"sqlite:///{request.getfixturevalue('sqlite_path')}"


@pytest.fixture(params=BACKENDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path / 'data' / 'diffy.db'}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open store."""
    database = Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """One transaction, for tests that need no second one."""
    async with database.transaction() as session:
        yield session


@pytest.fixture
async def org_id(database: Database) -> UUID:
    """An organisation."""
    async with database.transaction() as session:
        return await new_organisation(session)


@pytest.fixture
async def domain(database: Database, org_id: UUID) -> Domain:
    """A domain of the organisation, without pages."""
    async with database.transaction() as session:
        return await new_domain(session, org_id)


@pytest.fixture
async def page(database: Database, domain: Domain) -> Page:
    """A page of the domain, never crawled."""
    async with database.transaction() as session:
        return await new_page(session, domain.id)
