"""The frontier of a discovery: the URLs it saw, and what became of them.

Only so many have rows. A URL beyond them is left out and counted, each time that it is found.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs.checkpoint import EMPTY_CHECKPOINT, Checkpoint
from core.web.scope import ExclusionReason
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.tables.discoveries import Discovery, FrontierState, FrontierUrl

ROWS_PER_PAGE: Final = 4
EXTRA_ROWS: Final = 10_000
"""A site that has four other URLs for each of its pages, and a small one any number, loses none."""


@dataclass(frozen=True)
class FoundUrl:
    """A URL that was seen, `depth` links from where the walk began.

    With a `reason` it is left out at once. `uses_budget`: it counts towards the limit of a trap.
    """

    url: str
    depth: int
    reason: str | None = None
    uses_budget: bool = False


@dataclass(frozen=True)
class UrlOutcome:
    """What became of a URL that waited for a visit."""

    url: str
    state: FrontierState
    reason: str | None = None


@dataclass(frozen=True)
class Tally:
    """How many URLs there are of each end."""

    added: int = 0
    known: int = 0
    pending: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def discovered(self) -> int:
        """The pages."""
        return self.added + self.known

    @property
    def seen(self) -> int:
        """Every URL."""
        return self.discovered + self.pending + sum(self.left_out.values())


def max_rows(max_pages: int) -> int:
    """How many URLs a discovery of so many pages remembers to visit, and how many others."""
    return ROWS_PER_PAGE * max_pages + EXTRA_ROWS


async def begin(session: AsyncSession, job_id: str, domain_id: UUID) -> Discovery:
    """The discovery of that job, made when there is none."""
    await session.execute(
        upsert(session, Discovery)
        .values(job_id=job_id, domain_id=domain_id)
        .on_conflict_do_nothing()
    )
    return await session.get_one(Discovery, job_id)


def checkpoint_of(discovery: Discovery) -> Checkpoint:
    """How far the discovery is."""
    if discovery.checkpoint is None:
        return EMPTY_CHECKPOINT
    return Checkpoint.model_validate(discovery.checkpoint)


async def put_checkpoint(session: AsyncSession, job_id: str, checkpoint: Checkpoint) -> None:
    """Store how far the discovery is."""
    discovery = await session.get_one(Discovery, job_id)
    discovery.checkpoint = checkpoint.model_dump(mode="json", by_alias=True)


async def unknown(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl]) -> list[FoundUrl]:
    """Those of the URLs that have no row."""
    names = list(dict.fromkeys(found.url for found in urls))
    known: set[str] = set()
    for start in range(0, len(names), ROWS_PER_STATEMENT):
        rows = select(FrontierUrl.url).where(
            FrontierUrl.job_id == job_id,
            FrontierUrl.url.in_(names[start : start + ROWS_PER_STATEMENT]),
        )
        known.update(await session.scalars(rows))
    return [found for found in urls if found.url not in known]


async def add_urls(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl], most: int) -> int:
    """Add URLs that have no row, `most` to visit and `most` others in all of the discovery; how
    many of them wait for a visit. Of a URL that is there twice the first counts.

    Where there is no room for another visit, a URL is left out as over the limit; where there is
    none for another row, it is counted as often as it is there.
    """
    discovery = await session.get_one(Discovery, job_id)
    without_row = Counter(discovery.without_row)
    rows: dict[str, dict[str, object]] = {}
    waiting = 0
    for found in urls:
        if found.url in rows:
            continue
        position = reason = None
        if found.reason is None and discovery.rows_to_visit < most:
            discovery.rows_to_visit += 1
            waiting += 1
            position = discovery.rows_to_visit
        else:
            reason = found.reason or ExclusionReason.OVER_LIMIT
            if discovery.rows_left_out >= most:
                without_row[reason] += 1
                continue
            discovery.rows_left_out += 1
        rows[found.url] = {
            "job_id": job_id,
            "url": found.url,
            "depth": found.depth,
            "position": position,
            "uses_budget": found.uses_budget and position is not None,
            "state": FrontierState.LEFT_OUT if reason else FrontierState.PENDING,
            "reason": reason,
        }
    if rows:
        table = FrontierUrl.__table__
        await session.execute(insert(table), list(rows.values()))  # type: ignore[arg-type]
    if without_row:
        discovery.without_row = dict(without_row)
    return waiting


async def pending(session: AsyncSession, job_id: str, limit: int) -> list[FoundUrl]:
    """The first URLs of those that wait for a visit and are least deep, in the order they were
    found.
    """
    waiting = (FrontierUrl.job_id == job_id, FrontierUrl.state == FrontierState.PENDING)
    least = select(func.min(FrontierUrl.depth)).where(*waiting).scalar_subquery()
    rows = await session.execute(
        select(FrontierUrl.url, FrontierUrl.depth)
        .where(*waiting, FrontierUrl.depth == least)
        .order_by(FrontierUrl.position)
        .limit(limit)
    )
    return [FoundUrl(url, depth) for url, depth in rows]


async def budgeted(session: AsyncSession, job_id: str) -> list[str]:
    """The URLs that count towards the limits of traps."""
    rows = await session.scalars(
        select(FrontierUrl.url).where(
            FrontierUrl.job_id == job_id, FrontierUrl.uses_budget.is_(True)
        )
    )
    return list(rows)


async def record_outcomes(
    session: AsyncSession, job_id: str, outcomes: Sequence[UrlOutcome]
) -> None:
    """Store what became of the URLs."""
    if not outcomes:
        return
    frontier = FrontierUrl.__table__
    await session.execute(
        update(frontier)  # type: ignore[arg-type]
        .where(frontier.c.job_id == job_id, frontier.c.url == bindparam("settled_url"))
        .values(state=bindparam("settled_state"), reason=bindparam("settled_reason")),
        [
            {
                "settled_url": outcome.url,
                "settled_state": outcome.state,
                "settled_reason": outcome.reason,
            }
            for outcome in outcomes
        ],
    )


async def tally(session: AsyncSession, job_id: str) -> Tally:
    """Count the URLs of the discovery, also those without a row."""
    rows = await session.execute(
        select(FrontierUrl.state, FrontierUrl.reason, func.count())
        .where(FrontierUrl.job_id == job_id)
        .group_by(FrontierUrl.state, FrontierUrl.reason)
    )
    without_row = await session.scalar(
        select(Discovery.without_row).where(Discovery.job_id == job_id)
    )
    ends: Counter[FrontierState] = Counter()
    left_out = Counter(without_row)
    for state, reason, count in rows:
        if reason is not None:
            left_out[reason] += count
        else:
            ends[state] += count
    return Tally(
        added=ends[FrontierState.PAGE_ADDED],
        known=ends[FrontierState.PAGE_KNOWN],
        pending=ends[FrontierState.PENDING],
        left_out=dict(sorted(left_out.items())),
    )


async def start_over(session: AsyncSession, job_id: str) -> None:
    """Forget what the discovery saw."""
    await session.execute(delete(FrontierUrl).where(FrontierUrl.job_id == job_id))
    discovery = await session.get_one(Discovery, job_id)
    discovery.rows_to_visit = discovery.rows_left_out = 0
    discovery.without_row = discovery.checkpoint = None


async def finish(session: AsyncSession, job_id: str, result: JsonValue) -> None:
    """Store the result of the discovery; its frontier is not needed any more."""
    await start_over(session, job_id)
    discovery = await session.get_one(Discovery, job_id)
    discovery.result = result
    discovery.finished_at = datetime.now(UTC)
