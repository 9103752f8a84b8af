"""How large the store grows: a site that is checked hourly for a simulated year and a half.

Run by hand: `.venv/bin/python -m benchmarks.retention [--pages 40] [--days 548] [--postgres]`.
Rows are written by the store's own functions at simulated times, and the activity of
`prune.snapshots` runs once a simulated day with the default settings. 40 pages stand for 1,000:
what pages leave behind grows with their number, and the rest is small. What an unchanged check
writes, a member of its batch and a count of crawls, is written once for a batch, or for a day.

Of the checks of a page one in 168 finds a change, as if it changed once a week; one in ten changes
is a new baseline that is not reported. One page in fifty has a counter that is learned as noise
below a new heading each month. Each day brings a discovery, of which one in ten is cancelled and
leaves its frontier, keyed requests, hosts that are asked once, and checks that nobody confirms;
each week brings a backtest. PostgreSQL, which runs without autovacuum here, is vacuumed each week.
Prints rows and KiB (with indexes) of each table, month by month, and the CPU time of a sweep.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.testing import ActivityEnvironment

from activities.retention import RetentionActivities
from core.changes.backtest import ReportedChange, Verdict
from core.changes.detection import DetectedChange, SeenPage, detect_unmuted_change
from core.settings import Settings
from core.text.packing import pack
from store import frontier
from store.backtests import Finding, add_backtest, backtest_by_id, finish, record_page
from store.batches import create_batch
from store.checks import PageVersion, record_change, record_unchanged, record_version
from store.db.base import Base
from store.db.engine import Database
from store.db.migrations import migrate
from store.domains import add_domain
from store.frontier import FoundUrl
from store.hosts import take_slot
from store.keys import create_key, organisation_of
from store.page_lines import noise_history_of, store_noise_history
from store.pages import NewPage, add_pages, page_by_id
from store.pending_confirmations import PreviousFetch, store_pending_confirmation
from store.requests import enter_request
from store.retention import expiries
from store.robots import put_robots
from store.snapshots import snapshot_by_id
from store.tables.discoveries import Discovery
from store.tables.domains import Domain
from store.tables.pages import Page
from temporal.jobs.known import KnownToTemporal
from tests.postgres import running_postgres

BEGAN: Final = datetime(2024, 1, 1, tzinfo=UTC)
HOURS: Final = 24
MONTH: Final = 30
CHANGES_A_DAY: Final = 1 / 7
UNREPORTED: Final = 0.1
COUNTERS: Final = 50
"""One page in so many has a line that is noise."""
LINES: Final = 120
HTML: Final = 14_000
"""Bytes of a page, most of them markup."""
ROBOTS: Final = b"User-agent: *\nDisallow: /cart\n" * 20


class Forgotten(KnownToTemporal):
    """A Temporal server that forgets a job at the end of its retention: before the store does."""

    def __init__(self) -> None:
        """It needs no connection."""

    async def jobs(self, workflow_ids: Iterable[str]) -> set[str]:
        """None."""
        return set()

    async def batches(self, batch_ids: Iterable[UUID]) -> set[UUID]:
        """None."""
        return set()


class Site:
    """A site of so many pages in `database`, and the days that pass on it."""

    def __init__(self, database: Database, pages: int) -> None:
        self._database = database
        self._count = pages
        self._random = random.Random(pages)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = ["".join(self._random.choices(letters, k=7)) for _ in range(2_000)]
        self._shown: dict[UUID, list[str]] = {}
        self._sweep_cpu = 0.0
        self._sweeps = 0
        self.now = BEGAN
        self._domain: Domain
        self._retention = RetentionActivities(
            database, expiries(Settings()), Forgotten(), lambda: self.now
        )

    async def open(self) -> None:
        """Register the site and its pages, each with its first version."""
        async with self._database.transaction() as session:
            key = await create_key(session, "benchmark")
            org = await organisation_of(session, key.key)
            self._domain = await add_domain(
                session,
                org.id,
                domain="shop.example",
                origin="https://shop.example",
                display_name="Shop",
                check_frequency_hours=1,
            )
            found = [NewPage(f"https://shop.example/{n}", "other") for n in range(self._count)]
            page_ids = (await add_pages(session, self._domain.id, found)).added
        for page_id in page_ids:
            self._shown[page_id] = [self._line() for _ in range(LINES)]
            await self._crawl(page_id, uuid4().hex, reported=False)

    async def day(self, number: int) -> None:
        """Let a day pass, and sweep at the end of it."""
        async with self._database.transaction() as session:
            for hour in range(HOURS):
                self.now = BEGAN + timedelta(days=number, hours=hour)
                await self._batch(session)
            await session.execute(update(Page).values(crawl_count=Page.crawl_count + HOURS))
        for place, page_id in enumerate(self._shown):
            if self._random.random() < CHANGES_A_DAY:
                changed = self._random.sample(range(1, LINES), 3)
                for line in changed:
                    self._shown[page_id][line] = self._line()
                reported = self._random.random() >= UNREPORTED
                await self._crawl(page_id, uuid4().hex, reported=reported)
            if place % COUNTERS == 0 and number % 7 == 0:
                for _ in range(3):
                    await self._count_on(page_id, number // MONTH)
        await self._asides(number)
        if number % 7 == 0:
            await self._backtest()
        began = time.process_time()
        await ActivityEnvironment().run(self._retention.prune)
        self._sweep_cpu += time.process_time() - began
        self._sweeps += 1

    def sweep_cpu(self) -> float:
        """CPU seconds of a sweep, on average since this was asked last; without the server's."""
        mean = self._sweep_cpu / max(self._sweeps, 1)
        self._sweep_cpu, self._sweeps = 0.0, 0
        return round(mean, 3)

    async def _batch(self, session: AsyncSession) -> None:
        batch = await create_batch(session, self._domain.org_id, self._domain.id, None)
        batch.created_at = self.now
        await session.flush()

    async def _crawl(self, page_id: UUID, job_id: str, *, reported: bool) -> None:
        """Write what a crawl writes that finds another text (`activities.crawling`)."""
        shown = "\n".join(self._shown[page_id])
        async with self._database.reading() as session:
            page = await page_by_id(session, page_id)
            known = await noise_history_of(session, page_id, page.crawl_count)
            before = await snapshot_by_id(session, page.snapshot_id) if page.snapshot_id else None
        found: DetectedChange | None = None
        learned = known
        if before is not None:
            earlier = SeenPage(before.url, before.title, before.text)
            found, learned = detect_unmuted_change(
                earlier, SeenPage(page.url, "Shop", shown), known
            )
        async with self._database.transaction() as session:
            after_id = await record_version(
                session,
                page,
                job_id,
                self._version(page, shown),
                at=self.now,
                is_change=reported,
            )
            assert after_id is not None
            await store_noise_history(session, page_id, known, learned, self.now)
            if before is not None and found is not None and reported:
                await record_change(
                    session,
                    page=page,
                    job_id=job_id,
                    before_id=before.id,
                    after_id=after_id,
                    detected=found,
                    at=self.now,
                )

    async def _count_on(self, page_id: UUID, month: int) -> None:
        """What a crawl writes that finds another figure and nothing else."""
        async with self._database.transaction() as session:
            page = await page_by_id(session, page_id)
            known = await noise_history_of(session, page_id, page.crawl_count)
            texts = [
                f"# Month {month}\nThere are {self._random.random()} friends of ours in town."
                for _ in range(2)
            ]
            versions = [SeenPage(page.url, "Shop", each) for each in texts]
            _, learned = detect_unmuted_change(versions[0], versions[1], known)
            await record_unchanged(
                session,
                page,
                at=self.now,
                etag=page.etag,
                last_modified=page.last_modified,
                body_hash=page.body_hash,
            )
            await store_noise_history(session, page_id, known, learned, self.now)

    async def _asides(self, number: int) -> None:
        """What a day leaves behind besides crawls."""
        job_id = f"discover-{number}"
        urls = [FoundUrl(f"https://shop.example/{n}", 1) for n in range(3 * self._count)]
        async with self._database.transaction() as session:
            await frontier.begin(session, job_id, self._domain.id)
            await session.execute(
                update(Discovery).where(Discovery.job_id == job_id).values(created_at=self.now)
            )
            await frontier.add_urls(session, job_id, urls, 10_000)
            if number % 10:
                await frontier.finish(session, job_id, {"pagesDiscovered": self._count})
            for each in range(5):
                key = f"{number} {each}"
                await enter_request(session, self._domain.org_id, key, "fingerprint", self.now)
            for host in ("shop.example", f"a{number}.example", f"b{number}.example"):
                await take_slot(session, host, timedelta(seconds=0.5), self.now)
                await put_robots(session, f"https://{host}", 200, ROBOTS, self.now)
            page_id = self._random.choice(list(self._shown))
            seen = SeenPage("https://shop.example/", "Shop", "\n".join(self._shown[page_id]))
            look = PreviousFetch(1, self.now + timedelta(hours=1), seen)
            await store_pending_confirmation(session, page_id, job_id, look)

    async def _backtest(self) -> None:
        backtest_id = uuid4()
        told = ReportedChange("content_change", "low", "Three lines changed.")
        async with self._database.transaction() as session:
            await add_backtest(session, self._domain.id, backtest_id, self.now)
            for page_id in self._shown:
                session.expire_all()  # each page is reported on as by a step of its own
                backtest = await backtest_by_id(session, backtest_id)
                row = Finding(
                    Verdict.SAME, self.now, uuid4(), uuid4(), uuid4(), told, told, confidence=0.9
                )
                await record_page(session, backtest, page_id, [row], 2)
            await finish(session, backtest_id, self.now)

    def _line(self) -> str:
        return " ".join(self._random.choices(self._words, k=self._random.randint(3, 12)))

    def _version(self, page: Page, shown: str) -> PageVersion:
        html = "".join(f'<div class="row"><p>{line}</p></div>' for line in shown.split("\n"))
        return PageVersion(
            url=page.url,
            status_code=200,
            title="Shop",
            text=shown,
            html=pack(html.ljust(HTML)),
            text_hash=pack(shown).key,
            body_hash=pack(html).key,
            etag=None,
            last_modified=None,
        )


async def sizes(database: Database) -> dict[str, object]:
    """Rows and KiB of each table, and of the whole."""
    tables = sorted(Base.metadata.tables)
    counts = " UNION ALL ".join(f"SELECT '{each}', count(*) FROM {each}" for each in tables)
    async with database.reading() as session:
        rows = {row[0]: row[1] for row in await session.execute(text(counts))}
        if session.get_bind().dialect.name == "postgresql":
            kib = {
                each: await session.scalar(text(f"SELECT pg_total_relation_size('{each}') / 1024"))
                for each in tables
            }
            whole = await session.scalar(text("SELECT pg_database_size(current_database()) / 1024"))
            free = None
        else:
            of_tables = text(
                "SELECT tbl_name, sum(pgsize) / 1024 FROM dbstat JOIN sqlite_schema USING (name)"
                " WHERE aggregate = TRUE GROUP BY tbl_name"
            )
            kib = {row[0]: row[1] for row in await session.execute(of_tables)}
            pages = await session.scalar(text("PRAGMA page_count"))
            page_kib = (await session.scalar(text("PRAGMA page_size"))) / 1024
            whole = int(pages * page_kib)
            free = int(await session.scalar(text("PRAGMA freelist_count")) * page_kib)
    found: dict[str, object] = {each: [rows[each], kib.get(each, 0)] for each in tables}
    return {**found, "all KiB": whole, **({} if free is None else {"free KiB": free})}


async def measured(url: str, pages: int, days: int) -> None:
    """Let the days pass and print a line a month."""
    migrate(url)
    database = Database.open(url)
    site = Site(database, pages)
    await site.open()
    for number in range(days):
        await site.day(number)
        if number % 7 == 0 and url.startswith("postgresql"):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM (ANALYZE)")
        if (number + 1) % MONTH == 0 or number + 1 == days:
            print(
                json.dumps(
                    {
                        "day": number + 1,
                        "CPU seconds a sweep": site.sweep_cpu(),
                        **await sizes(database),
                    }
                ),
                flush=True,
            )
    await database.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--days", type=int, default=548)
    parser.add_argument("--postgres", action="store_true", help="store in PostgreSQL")
    given = parser.parse_args()
    with ExitStack() as parts:
        if given.postgres:
            server = parts.enter_context(running_postgres())
            url = parts.enter_context(server.database())
        else:
            scratch = parts.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite:///{Path(scratch, 'diffy.db')}"
        asyncio.run(measured(url, given.pages, given.days))


if __name__ == "__main__":
    main()
