"""What is removed when it is old, and how.

A table that grows is one more entry of `expiries`. Rows are examined some at a time, in the order
of an index. The transaction that removes a row locks it first and then checks again that nothing
needs it: what another transaction locks, or refers to, stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    and_,
    column,
    delete,
    exists,
    func,
    inspect,
    select,
    true,
    tuple_,
    values,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from core.changes.muting import NOISE_WINDOW
from core.settings import Settings
from store.db.base import Base
from store.requests import IDEMPOTENCY_KEY_RETENTION
from store.tables.backtests import Backtest, BacktestChange
from store.tables.batches import Batch, BatchPage
from store.tables.changes import Change
from store.tables.discoveries import Discovery, FrontierUrl
from store.tables.hosts import HostSlot, HostTurn, KeptAnswer, RobotsRecord
from store.tables.job_ends import ClaimedEnd
from store.tables.page_lines import PageLine
from store.tables.pages import Page
from store.tables.pending_confirmations import PendingConfirmation
from store.tables.requests import KeyedRequest
from store.tables.snapshots import Content, Snapshot

DAY: Final = timedelta(days=1)

JOB_MARGIN: Final = IDEMPOTENCY_KEY_RETENTION + DAY
"""How much longer than a job its rows are kept. A request that is sent again while its
`Idempotency-Key` stands must find what the first one made, or it would do the work twice."""

ROBOTS_AGE: Final = 2 * DAY
"""No robots.txt is used that is older than a day (RFC 9309, 2.4)."""

Key = tuple[Any, ...]
"""The primary key of a row, or its place in the order of its table's expiry."""


class Trace(StrEnum):
    """What a row belongs to that Temporal may still know. The key of the row is its id."""

    JOB = "job"
    BATCH = "batch"
    BACKTEST = "backtest"


@dataclass(frozen=True)
class Part:
    """Rows of `table` that belong to another row, by the foreign key `owner`."""

    table: type[Base]
    owner: InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Expiry:
    """Rows of `table` that are removed: `age` after their `moment`, where `condition` holds.

    A moment is a time or a number of seconds since 1970; without one a row is removed as soon as
    `condition` holds. Its `parts` go before it. A `trace` stays as long as Temporal knows what it
    belongs to.
    """

    table: type[Base]
    moment: InstrumentedAttribute[datetime] | InstrumentedAttribute[float] | None
    age: timedelta
    condition: ColumnElement[bool] = field(default_factory=true)
    parts: tuple[Part, ...] = ()
    trace: Trace | None = None

    @property
    def order(self) -> list[ColumnElement[Any]]:
        """The columns that rows are ordered by: the primary key, or an indexed moment first."""
        key = _primary_key(self.table)
        moment = None if self.moment is None else inspect(self.table).c[self.moment.key]
        return key if moment is None or not moment.index else [moment, *key]

    def is_old(self, before: datetime) -> ColumnElement[bool]:
        """Whether the moment of a row is before that one."""
        if self.moment is None:
            return true()
        seconds = self.moment.type.python_type is float
        return self.moment < (before.timestamp() if seconds else before)


@dataclass(frozen=True)
class Examined:
    """The keys of the rows that may go, and the place of the last row that was examined; None when
    there are no more.
    """

    keys: list[Key]
    last: Key | None


def expiries(settings: Settings) -> list[Expiry]:
    """All that is ever removed for its age, in this order: what refers to a row goes before it."""
    changes = timedelta(days=settings.change_retention_days)
    snapshots = timedelta(days=settings.snapshot_retention_days)
    jobs = timedelta(days=settings.job_retention_days) + JOB_MARGIN
    pages = Part(BatchPage, BatchPage.batch_id)
    frontier = Part(FrontierUrl, FrontierUrl.job_id)
    report = Part(BacktestChange, BacktestChange.backtest_id)
    return [
        Expiry(Change, Change.created_at, changes),
        Expiry(Snapshot, Snapshot.created_at, snapshots, _is_unneeded()),
        Expiry(Content, None, timedelta(0), _is_held_by_none()),
        Expiry(PageLine, PageLine.changed_at, changes),
        Expiry(PageLine, PageLine.changed_at, DAY, _is_forgotten()),
        Expiry(PendingConfirmation, PendingConfirmation.due_at, DAY),
        Expiry(KeyedRequest, KeyedRequest.created_at, IDEMPOTENCY_KEY_RETENTION),
        Expiry(HostSlot, HostSlot.next_at, DAY),
        Expiry(HostTurn, HostTurn.due_at, DAY),
        Expiry(KeptAnswer, KeptAnswer.kept_at, jobs),
        Expiry(ClaimedEnd, ClaimedEnd.created_at, 7 * DAY),
        Expiry(RobotsRecord, RobotsRecord.fetched_at, ROBOTS_AGE),
        Expiry(Batch, Batch.created_at, jobs, parts=(pages,), trace=Trace.BATCH),
        Expiry(Discovery, Discovery.created_at, jobs, parts=(frontier,), trace=Trace.JOB),
        Expiry(Backtest, Backtest.created_at, changes, parts=(report,), trace=Trace.BACKTEST),
    ]


async def examine(
    session: AsyncSession, expiry: Expiry, before: datetime, after: Key | None, limit: int
) -> Examined:
    """Examine the next `limit` rows whose moment is before that one, behind the place `after`."""
    order = expiry.order
    rows = select(*order, expiry.condition).where(expiry.is_old(before)).order_by(*order)
    if after is not None:
        rows = rows.where(_of(order) > (after if len(order) > 1 else after[0]))
    found = [tuple(row) for row in await session.execute(rows.limit(limit))]
    start = len(order) - len(_primary_key(expiry.table))
    may_go = [row[start:-1] for row in found if row[-1]]
    return Examined(may_go, found[-1][:-1] if len(found) == limit else None)


async def remove(
    session: AsyncSession, expiry: Expiry, before: datetime, keys: Sequence[Key]
) -> int:
    """Remove those of the rows that may go; how many they were."""
    columns = _primary_key(expiry.table)
    whole = [_is_none(part.owner == columns[0]) for part in expiry.parts]
    found = select(*columns).where(_is_one_of(columns, keys)).with_for_update(skip_locked=True)
    locked = [tuple(row) for row in await session.execute(found)]
    if not locked:
        return 0
    return await _deleted(
        session,
        expiry.table,
        _is_one_of(columns, locked),
        expiry.is_old(before),
        expiry.condition,
        *whole,
    )


async def remove_parts(session: AsyncSession, part: Part, owner: Key, limit: int) -> int:
    """Remove parts of the row with that key, `limit` at most; how many they were."""
    columns = _primary_key(part.table)
    some = select(*columns).where(part.owner == owner[0]).limit(limit)
    # In a CTE, for PostgreSQL may run a subquery that locks more than once.
    locked = some.with_for_update(skip_locked=True).cte()
    return await _deleted(session, part.table, _of(columns).in_(select(locked)))


async def _deleted(
    session: AsyncSession, table: type[Base], *conditions: ColumnElement[bool]
) -> int:
    removed = await session.execute(
        delete(table)
        .where(*conditions)
        .returning(*_primary_key(table))
        .execution_options(synchronize_session=False)
    )
    return len(removed.all())


def _primary_key(table: type[Base]) -> list[ColumnElement[Any]]:
    return list(inspect(table).primary_key)


def _of(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    return columns[0] if len(columns) == 1 else tuple_(*columns)


def _is_one_of(columns: Sequence[ColumnElement[Any]], keys: Sequence[Key]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key for (key,) in keys])
    # SQLite looks a tuple up in an index for rows of a query, and scans the table for a list.
    listed = values(*(column(f"key_{n}", each.type) for n, each in enumerate(columns)))
    return tuple_(*columns).in_(select(listed.data(list(keys)).cte()))


def _is_none(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """That no row meets the condition. PostgreSQL would read a whole table for a NOT EXISTS."""
    return select(true()).where(condition).limit(1).scalar_subquery().is_(None)


def _is_unneeded() -> ColumnElement[bool]:
    """A snapshot that is no change's evidence, and not its page's newest."""
    return and_(
        _is_none(Change.before_id == Snapshot.id),
        _is_none(Change.after_id == Snapshot.id),
        _is_none(and_(Page.id == Snapshot.page_id, Page.snapshot_id == Snapshot.id)),
    )


def _is_held_by_none() -> ColumnElement[bool]:
    """A content that no snapshot has."""
    keys = (Snapshot.text_key, Snapshot.main_text_key, Snapshot.html_key)
    return and_(*(_is_none(key == Content.key) for key in keys))


def _is_forgotten() -> ColumnElement[bool]:
    """A line that is not muted, and changed in none of the crawls that its page is judged by."""
    newest = func.coalesce(
        *(PageLine.crawls[place].as_integer() for place in reversed(range(NOISE_WINDOW)))
    )
    next_crawl = Page.crawl_count + 1
    return and_(
        PageLine.muted_at.is_(None),
        exists().where(Page.id == PageLine.page_id, newest <= next_crawl - NOISE_WINDOW),
    )
