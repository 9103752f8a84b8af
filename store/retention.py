"""The retention rules of all tables, and the removal of expired rows.

Each growing table has an entry in `expiries`. Rows are examined in batches, in the order of an
index. The transaction that removes a row locks it first and then checks again that the row is
unused: rows that another transaction has locked, or refers to, stay.
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

from core.alerts.attempts import DeliveryState
from core.changes.muting import NOISE_WINDOW
from core.settings import Settings
from store.db.base import Base
from store.requests import IDEMPOTENCY_KEY_RETENTION
from store.tables.accounts import WebSession
from store.tables.alerts import Delivery
from store.tables.audit import AuditLine
from store.tables.backtests import Backtest, BacktestChange
from store.tables.batches import Batch, BatchPage
from store.tables.changes import Change
from store.tables.discoveries import Discovery, FrontierUrl
from store.tables.hosts import HostSlot, HostTurn, KeptAnswer, RobotsRecord
from store.tables.job_ends import ClaimedEnd
from store.tables.page_lines import PageLine
from store.tables.pages import Page
from store.tables.pending_confirmations import PendingConfirmation
from store.tables.prices import Price
from store.tables.quotas import CheckDay, CountedCheck
from store.tables.requests import KeyedRequest
from store.tables.snapshots import Content, Snapshot

DAY: Final = timedelta(days=1)

JOB_MARGIN: Final = IDEMPOTENCY_KEY_RETENTION + DAY
"""Time for which rows outlive their job: a request that is repeated with its `Idempotency-Key` must
find the rows of the first one, or it would do the work twice."""

ROBOTS_AGE: Final = 2 * DAY
"""Longer than the day for which robots.txt may be used (RFC 9309, 2.4)."""

CHECK_DAYS_AGE: Final = 31 * DAY
"""The days whose number of checks is known."""

COUNTED_CHECKS_AGE: Final = 7 * DAY
"""A job that is run again after so long would count as another check."""

Key = tuple[Any, ...]
"""The primary key of a row, or its position in the order of `Expiry.order`."""


class Trace(StrEnum):
    """The kind of execution in Temporal that a row belongs to; the row's key is its id."""

    JOB = "job"
    BATCH = "batch"
    BACKTEST = "backtest"


@dataclass(frozen=True)
class Part:
    """Child rows in `table`; the foreign key `owner` refers to the parent row."""

    table: type[Base]
    owner: InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Expiry:
    """A retention rule: rows of `table` expire `age` after their `moment`, if `condition` holds.

    A moment is a time or a number of seconds since 1970; without one, `condition` alone decides.
    `parts` are removed before their row. A row with a `trace` stays as long as Temporal retains the
    execution that it belongs to.
    """

    table: type[Base]
    moment: (
        InstrumentedAttribute[datetime]
        | InstrumentedAttribute[datetime | None]
        | InstrumentedAttribute[float]
        | None
    )
    age: timedelta
    condition: ColumnElement[bool] = field(default_factory=true)
    parts: tuple[Part, ...] = ()
    trace: Trace | None = None

    @property
    def order(self) -> list[ColumnElement[Any]]:
        """The columns of the examination order: the moment first if it is indexed, then the primary
        key.
        """
        key = _primary_key(self.table)
        moment = None if self.moment is None else inspect(self.table).c[self.moment.key]
        return key if moment is None or not moment.index else [moment, *key]

    def is_old(self, before: datetime) -> ColumnElement[bool]:
        """The condition that the moment of a row is before `before`."""
        if self.moment is None:
            return true()
        seconds = self.moment.type.python_type is float
        return self.moment < (before.timestamp() if seconds else before)


@dataclass(frozen=True)
class Examined:
    """The keys of expired rows, and the position of the last examined row, None at the end."""

    keys: list[Key]
    last: Key | None


def expiries(settings: Settings) -> list[Expiry]:
    """All retention rules, in order: referring rows are removed before the rows they refer to."""
    changes = timedelta(days=settings.change_retention_days)
    snapshots = timedelta(days=settings.snapshot_retention_days)
    jobs = timedelta(days=settings.job_retention_days) + JOB_MARGIN
    pages = Part(BatchPage, BatchPage.batch_id)
    frontier = Part(FrontierUrl, FrontierUrl.job_id)
    report = Part(BacktestChange, BacktestChange.backtest_id)
    return [
        Expiry(Delivery, Delivery.created_at, changes, Delivery.state != DeliveryState.PENDING),
        Expiry(Change, Change.created_at, changes),
        Expiry(Snapshot, Snapshot.created_at, snapshots, _is_unused_snapshot()),
        Expiry(Content, None, timedelta(0), _is_unused_content()),
        Expiry(Price, Price.ended_at, changes),
        Expiry(PageLine, PageLine.changed_at, changes),
        Expiry(PageLine, PageLine.changed_at, DAY, _is_outside_noise_window()),
        Expiry(PendingConfirmation, PendingConfirmation.due_at, DAY),
        Expiry(KeyedRequest, KeyedRequest.created_at, IDEMPOTENCY_KEY_RETENTION),
        Expiry(HostSlot, HostSlot.next_at, DAY),
        Expiry(HostTurn, HostTurn.due_at, DAY),
        Expiry(KeptAnswer, KeptAnswer.kept_at, jobs),
        Expiry(AuditLine, AuditLine.at, timedelta(days=settings.audit_retention_days)),
        Expiry(CheckDay, CheckDay.day, CHECK_DAYS_AGE),
        Expiry(CountedCheck, CountedCheck.counted_at, COUNTED_CHECKS_AGE),
        Expiry(ClaimedEnd, ClaimedEnd.created_at, 7 * DAY),
        Expiry(RobotsRecord, RobotsRecord.fetched_at, ROBOTS_AGE),
        Expiry(WebSession, WebSession.expires_at, timedelta(0)),
        Expiry(Batch, Batch.created_at, jobs, parts=(pages,), trace=Trace.BATCH),
        Expiry(Discovery, Discovery.created_at, jobs, parts=(frontier,), trace=Trace.JOB),
        Expiry(Backtest, Backtest.created_at, changes, parts=(report,), trace=Trace.BACKTEST),
    ]


async def examine(
    session: AsyncSession, expiry: Expiry, before: datetime, after: Key | None, limit: int
) -> Examined:
    """Examine the next `limit` rows with a moment before `before`, after the position `after`."""
    order = expiry.order
    rows = select(*order, expiry.condition).where(expiry.is_old(before)).order_by(*order)
    if after is not None:
        rows = rows.where(_of(order) > (after if len(order) > 1 else after[0]))
    examined = [tuple(row) for row in await session.execute(rows.limit(limit))]
    start = len(order) - len(_primary_key(expiry.table))
    expired = [row[start:-1] for row in examined if row[-1]]
    return Examined(expired, examined[-1][:-1] if len(examined) == limit else None)


async def remove(
    session: AsyncSession, expiry: Expiry, before: datetime, keys: Sequence[Key]
) -> int:
    """Remove the rows with these keys that are still expired, and return their number."""
    columns = _primary_key(expiry.table)
    has_no_parts = [_is_none(part.owner == columns[0]) for part in expiry.parts]
    rows = select(*columns).where(_is_one_of(columns, keys)).with_for_update(skip_locked=True)
    locked = [tuple(row) for row in await session.execute(rows)]
    if not locked:
        return 0
    return await _deleted(
        session,
        expiry.table,
        _is_one_of(columns, locked),
        expiry.is_old(before),
        expiry.condition,
        *has_no_parts,
    )


async def remove_parts(session: AsyncSession, part: Part, owner: Key, limit: int) -> int:
    """Remove at most `limit` parts of the row with key `owner`, and return their number."""
    columns = _primary_key(part.table)
    some = select(*columns).where(part.owner == owner[0]).limit(limit)
    # A CTE, because PostgreSQL may execute a locking subquery more than once.
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
    # SQLite uses the index for tuples of a subquery, but scans the table for a list of tuples.
    listed = values(*(column(f"key_{n}", each.type) for n, each in enumerate(columns)))
    return tuple_(*columns).in_(select(listed.data(list(keys)).cte()))


def _is_none(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that no row matches. For NOT EXISTS, PostgreSQL would scan the whole table."""
    return select(true()).where(condition).limit(1).scalar_subquery().is_(None)


def _is_unused_snapshot() -> ColumnElement[bool]:
    """The condition that no change refers to a snapshot and that it is not its page's newest."""
    return and_(
        _is_none(Change.before_id == Snapshot.id),
        _is_none(Change.after_id == Snapshot.id),
        _is_none(and_(Page.id == Snapshot.page_id, Page.snapshot_id == Snapshot.id)),
    )


def _is_unused_content() -> ColumnElement[bool]:
    """The condition that no snapshot has the content."""
    keys = (Snapshot.text_key, Snapshot.main_text_key, Snapshot.html_key)
    return and_(*(_is_none(key == Content.key) for key in keys))


def _is_outside_noise_window() -> ColumnElement[bool]:
    """The condition that a line is not muted and last changed before the noise window."""
    newest = func.coalesce(
        *(PageLine.crawls[place].as_integer() for place in reversed(range(NOISE_WINDOW)))
    )
    next_crawl = Page.crawl_count + 1
    return and_(
        PageLine.muted_at.is_(None),
        exists().where(Page.id == PageLine.page_id, newest <= next_crawl - NOISE_WINDOW),
    )
