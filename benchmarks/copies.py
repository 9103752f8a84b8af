"""How long a backup, a restore and a move to PostgreSQL take, and how large a backup is.

Run by hand: `.venv/bin/python -m benchmarks.copies [--snapshots 20000] [--jobs 2000]`.
A stopped embedded installation has 1,000 pages and so many versions of them, each with a text of
3 kB and HTML of 14 kB. Its Temporal has so many unfinished jobs. It is backed up and restored. Then
it is moved to PostgreSQL and to another Temporal server, and backed up and restored there. Versions
are counted after each step. Prints seconds and MB.
"""

import argparse
import asyncio
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import URL, Connection, create_engine, func, insert, select

from benchmarks.retention import HTML
from cli.backup import backup, restore
from cli.embedded import EmbeddedTemporal
from cli.migrate_to import migrate_to
from core.jobs.contract import CrawlPageInput, Owner
from core.settings import Settings
from core.text.packing import pack
from store.db.engine import Database, parse_url
from store.db.migrations import migrate
from store.domains import add_domain
from store.keys import create_key, organisation_of
from store.owners import owner_of
from store.pages import NewPage, add_pages
from store.tables.snapshots import Content, Snapshot
from temporal.connection import connect
from temporal.jobs.launch import JobStart, start_job
from temporal.namespace import prepare_namespace
from tests.ports import free_port
from tests.postgres import running_postgres

PAGES: Final = 1_000
TEXT: Final = 3_000
AT_ONCE: Final = 500
"""Versions that one transaction stores."""

STARTED_AT_ONCE: Final = 50
"""Jobs: the embedded server starts some 35 a second, and each call has ten."""

DELAY: Final = timedelta(days=1)
KEY: Final = "the key of the benchmark, of nobody else"


def embedded(data_dir: Path) -> Settings:
    """The settings of an embedded installation."""
    return Settings(data_dir=data_dir, temporal_port=free_port(), secret_key=KEY)


def server_of(settings: Settings) -> EmbeddedTemporal:
    """The Temporal server of an embedded installation."""
    return EmbeddedTemporal(
        database=settings.data_dir / "temporal.db",
        port=settings.temporal_port,
        ui_port=None,
        log=settings.data_dir / "temporal.log",
    )


async def registered(url: str) -> list[Owner]:
    """The owners of the pages of a new site."""
    database = Database.open(url)
    async with database.transaction() as session:
        key = await create_key(session, "benchmark")
        org = await organisation_of(session, key.key)
        domain = await add_domain(
            session,
            org.id,
            domain="shop.example",
            origin="https://shop.example",
            display_name="Shop",
            check_frequency_hours=24,
        )
        pages = [NewPage(f"https://shop.example/{n}", "other") for n in range(PAGES)]
        ids = (await add_pages(session, domain.id, pages)).added
        owner = owner_of(domain)
    await database.close()
    return [owner.model_copy(update={"page_id": each}) for each in ids]


def write_versions(url: str, pages: list[UUID], count: int) -> None:
    """Write so many versions, spread over the pages, each with contents of its own."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(2_000)]
    engine = create_engine(url)
    for start in range(0, count, AT_ONCE):
        with engine.begin() as connection:
            _write(connection, pages, range(start, min(count, start + AT_ONCE)), chance, words)
    engine.dispose()


def _write(
    connection: Connection,
    pages: list[UUID],
    numbers: range,
    chance: random.Random,
    words: list[str],
) -> None:
    contents, snapshots = [], []
    for number in numbers:
        text = pack(" ".join(chance.choices(words, k=TEXT // 8)))
        html = pack("<p>".join(chance.choices(words, k=HTML // 10)))
        contents += [{"key": each.key, "data": each.data} for each in (text, html)]
        snapshots.append(
            {
                "page_id": pages[number % len(pages)],
                "job_id": f"job-{number}",
                "url": "https://shop.example/",
                "status_code": 200,
                "text_key": text.key,
                "html_key": html.key,
                "text_hash": text.key,
                "body_hash": html.key,
                "created_at": datetime.now(UTC),
            }
        )
    connection.execute(insert(Content), contents)
    connection.execute(insert(Snapshot), snapshots)


def versions_in(url: URL) -> int:
    """How many versions a store has."""
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(Snapshot))
    engine.dispose()
    return count or 0


async def start_jobs(settings: Settings, owners: list[Owner], count: int) -> None:
    """Start so many delayed jobs."""
    server = server_of(settings)
    await server.start()
    client = await connect(settings)
    await prepare_namespace(client, timedelta(days=settings.job_retention_days))
    for start in range(0, count, STARTED_AT_ONCE):
        jobs = []
        for number in range(start, min(count, start + STARTED_AT_ONCE)):
            owner = owners[number % len(owners)]
            assert owner.page_id is not None
            given = CrawlPageInput(page_id=owner.page_id)
            jobs.append(JobStart(f"crawl-{uuid4().hex}", given, owner, delay=DELAY))
        await asyncio.gather(*(start_job(client, each) for each in jobs))
    await server.stop()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 1)


def megabytes(path: Path) -> float:
    """The size of a file."""
    return round(path.stat().st_size / 1e6, 1)


def measured(scratch: Path, stack: ExitStack, given: argparse.Namespace) -> dict[str, object]:
    """The figures, each step checked."""
    here = embedded(scratch / "data")
    here.data_dir.mkdir()
    store = here.resolved_database_url
    migrate(store)
    owners = asyncio.run(registered(store))
    pages = [each.page_id for each in owners if each.page_id is not None]
    write_versions(store, pages, given.snapshots)
    asyncio.run(start_jobs(here, owners, given.jobs))
    figures: dict[str, object] = {"SQLite file, MB": megabytes(here.data_dir / "diffy.db")}

    def check(url: str) -> None:
        assert versions_in(parse_url(url)) == given.snapshots

    file = scratch / "sqlite.tar"
    figures["backup of SQLite, s"] = seconds(lambda: backup(here, file))
    figures["backup of SQLite, MB"] = megabytes(file)
    restored = embedded(scratch / "restored")
    figures["restore of SQLite, s"] = seconds(lambda: restore(restored, file))
    check(restored.resolved_database_url)
    shutil.rmtree(restored.data_dir)
    file.unlink()

    server = stack.enter_context(running_postgres())
    one, other = (stack.enter_context(server.database()) for _ in range(2))
    figures["move to PostgreSQL, s"] = seconds(lambda: migrate_to(here, one, None, _silent))
    check(one)
    moved = _jobs_moved(here, scratch, other)
    figures["the same with the jobs, s"] = moved
    check(other)
    there = here.model_copy(update={"database_url": one, "temporal_address": "elsewhere:7233"})
    dump = scratch / "postgresql.tar"
    figures["backup of PostgreSQL, s"] = seconds(lambda: backup(there, dump))
    figures["backup of PostgreSQL, MB"] = megabytes(dump)
    third = stack.enter_context(server.database())
    again = there.model_copy(update={"database_url": third, "data_dir": scratch / "again"})
    figures["restore of PostgreSQL, s"] = seconds(lambda: restore(again, dump))
    check(third)
    return figures


def _silent(_: str) -> None:
    """Nobody reads the lines of a move."""


def _jobs_moved(here: Settings, scratch: Path, database: str) -> float:
    """Seconds of a move to a database and a Temporal server that has nothing."""
    other = embedded(scratch / "other")
    server = server_of(other)

    async def move() -> float:
        await server.start()
        try:
            began = time.monotonic()
            await asyncio.to_thread(migrate_to, here, database, server.address, _silent)
            return round(time.monotonic() - began, 1)
        finally:
            await server.stop()

    return asyncio.run(move())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2_000)
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = measured(scratch, stack, given)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
