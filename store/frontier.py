"""The frontier of a discovery: the URLs it has seen and their outcomes.

Rows to visit and rows of excluded URLs have a limit each. A URL over the first limit becomes an
excluded row. A URL over both has no row, and is counted each time it is found.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.jobs.checkpoint import EMPTY_CHECKPOINT, Checkpoint
from core.web.scope import ExclusionReason
from store.db.upsert import ROWS_PER_STATEMENT, upsert
from store.tables.discoveries import Discovery, FrontierState, FrontierUrl
from store.tables.pages import Page, PageStatus

UNREAD: Final = (
    ExclusionReason.TOO_DEEP,
    ExclusionReason.OVER_LIMIT,
    ExclusionReason.UNREACHABLE,
    ExclusionReason.UNREADABLE,
    ExclusionReason.ACCESS_REFUSED,
    ExclusionReason.BLOCKED_BY_ROBOTS,
)
"""Reasons to leave out a page that may still be there, with its links."""

ROWS_PER_PAGE: Final = 4
"""Rows of each kind for each page of `max_pages`."""

EXTRA_ROWS: Final = 10_000
"""Rows of each kind in addition, so that a small site does not reach the limit."""


@dataclass(frozen=True)
class FoundUrl:
    """A URL that the discovery has found.

    `depth` is the number of links from the front page or a sitemap. With a `reason` (an
    ExclusionReason) the URL is excluded without a visit. `uses_budget` is set if the URL looks like
    part of a crawler trap, and counts towards that trap's limit (`core.web.traps`). `for_links` is
    set if the URL is no page of the discovery, and is visited for its links.
    """

    url: str
    depth: int
    reason: str | None = None
    uses_budget: bool = False
    for_links: bool = False


@dataclass(frozen=True)
class UrlOutcome:
    """The outcome of a visit; `reason` is the ExclusionReason of an excluded URL."""

    url: str
    state: FrontierState
    reason: str | None = None


@dataclass(frozen=True)
class Tally:
    """The number of URLs for each outcome; `left_out` counts excluded URLs by reason."""

    added: int = 0
    known: int = 0
    pending: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def discovered(self) -> int:
        """The number of pages."""
        return self.added + self.known

    @property
    def seen(self) -> int:
        """The number of URLs; one without a row counts each time it was found."""
        return self.discovered + self.pending + sum(self.left_out.values())


def max_rows(max_pages: int) -> int:
    """The limit that applies to each: rows to visit, and rows of excluded URLs."""
    return ROWS_PER_PAGE * max_pages + EXTRA_ROWS


async def begin(session: AsyncSession, job_id: str, domain_id: UUID) -> Discovery:
    """The discovery of the job, created if there is none."""
    await session.execute(
        upsert(session, Discovery)
        .values(job_id=job_id, domain_id=domain_id)
        .on_conflict_do_nothing()
    )
    return await session.get_one(Discovery, job_id)


def checkpoint_of(discovery: Discovery) -> Checkpoint:
    """The checkpoint of the discovery; `EMPTY_CHECKPOINT` if none is stored."""
    if discovery.checkpoint is None:
        return EMPTY_CHECKPOINT
    return Checkpoint.model_validate(discovery.checkpoint)


async def put_checkpoint(session: AsyncSession, job_id: str, checkpoint: Checkpoint) -> None:
    """Store the checkpoint of the discovery."""
    discovery = await session.get_one(Discovery, job_id)
    discovery.checkpoint = checkpoint.model_dump(mode="json", by_alias=True)


_UNVISITED: Final = and_(
    FrontierUrl.position.is_(None), FrontierUrl.reason == ExclusionReason.EXCLUDED
)
"""The condition of a row that the patterns left out without a visit."""


async def unknown(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl]) -> list[FoundUrl]:
    """Those of `urls` that have no row in this discovery, in order, duplicates included.

    A URL to be read `for_links` is one of them too if it was only left out by the patterns: a
    sitemap listed it.
    """
    for_links = {found.url for found in urls if found.for_links}
    names = list(dict.fromkeys(found.url for found in urls))
    known: set[str] = set()
    for start in range(0, len(names), ROWS_PER_STATEMENT):
        rows = await session.execute(
            select(FrontierUrl.url, _UNVISITED).where(
                FrontierUrl.job_id == job_id,
                FrontierUrl.url.in_(names[start : start + ROWS_PER_STATEMENT]),
            )
        )
        known.update(url for url, unvisited in rows if not (unvisited and url in for_links))
    return [found for found in urls if found.url not in known]


async def add_urls(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl], most: int) -> int:
    """Insert URLs that are `unknown`, and return the number of those to visit.

    `most` limits the rows to visit of the whole discovery, and also the rows of excluded URLs. A
    URL over the first limit is excluded as over the limit. A URL over both is only counted. Other
    duplicates in `urls` are skipped.
    """
    discovery = await session.get_one(Discovery, job_id)
    discovery.rows_left_out -= await _remove_listed(session, job_id, urls)
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


async def _remove_listed(session: AsyncSession, job_id: str, urls: Sequence[FoundUrl]) -> int:
    """Delete the rows of the `urls` to be read for links that a sitemap listed; their number."""
    names = list({found.url for found in urls if found.for_links})
    removed = 0
    for start in range(0, len(names), ROWS_PER_STATEMENT):
        listed = (
            delete(FrontierUrl)
            .where(
                FrontierUrl.job_id == job_id,
                FrontierUrl.url.in_(names[start : start + ROWS_PER_STATEMENT]),
                _UNVISITED,
            )
            .returning(FrontierUrl.url)
        )
        removed += len((await session.scalars(listed)).all())
    return removed


async def pending(session: AsyncSession, job_id: str, limit: int) -> list[FoundUrl]:
    """Up to `limit` pending URLs of the lowest pending depth, oldest first; empty if none.

    `uses_budget` is not loaded.
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
    """The URLs that count towards the limits of traps (`core.web.traps`)."""
    rows = await session.scalars(
        select(FrontierUrl.url).where(
            FrontierUrl.job_id == job_id, FrontierUrl.uses_budget.is_(True)
        )
    )
    return list(rows)


async def record_outcomes(
    session: AsyncSession, job_id: str, outcomes: Sequence[UrlOutcome]
) -> None:
    """Store the outcomes of visits."""
    if not outcomes:
        return
    frontier = FrontierUrl.__table__
    await session.execute(
        update(frontier)  # type: ignore[arg-type]
        .where(frontier.c.job_id == job_id, frontier.c.url == bindparam("outcome_url"))
        .values(state=bindparam("outcome_state"), reason=bindparam("outcome_reason")),
        [
            {
                "outcome_url": outcome.url,
                "outcome_state": outcome.state,
                "outcome_reason": outcome.reason,
            }
            for outcome in outcomes
        ],
    )


async def tally(session: AsyncSession, job_id: str) -> Tally:
    """The number of URLs for each outcome, including those without a row."""
    rows = await session.execute(
        select(FrontierUrl.state, FrontierUrl.reason, func.count())
        .where(FrontierUrl.job_id == job_id)
        .group_by(FrontierUrl.state, FrontierUrl.reason)
    )
    without_row = await session.scalar(
        select(Discovery.without_row).where(Discovery.job_id == job_id)
    )
    states: Counter[FrontierState] = Counter()
    left_out = Counter(without_row)
    for state, reason, count in rows:
        if reason is not None:
            left_out[reason] += count
        else:
            states[state] += count
    return Tally(
        added=states[FrontierState.PAGE_ADDED],
        known=states[FrontierState.PAGE_KNOWN],
        pending=states[FrontierState.PENDING],
        left_out=dict(sorted(left_out.items())),
    )


async def hides_pages(session: AsyncSession, job_id: str) -> bool:
    """Whether a known page was left out unread: what it links to may not have been seen."""
    row = (
        select(FrontierUrl.url)
        .join(Discovery, Discovery.job_id == FrontierUrl.job_id)
        .join(Page, and_(Page.domain_id == Discovery.domain_id, Page.url == FrontierUrl.url))
        .where(
            FrontierUrl.job_id == job_id,
            FrontierUrl.state == FrontierState.LEFT_OUT,
            FrontierUrl.reason.in_(UNREAD),
        )
        .limit(1)
    )
    return await session.scalar(row) is not None


async def add_missing(session: AsyncSession, job_id: str, limit: int) -> None:
    """Add the known pages that earlier discoveries found and this one did not, `limit` at most.

    Pages that are gone, or known not to be linked, are left out.
    """
    missing = (
        select(Page.url)
        .join(Discovery, Discovery.domain_id == Page.domain_id)
        .outerjoin(FrontierUrl, and_(FrontierUrl.job_id == job_id, FrontierUrl.url == Page.url))
        .where(
            Discovery.job_id == job_id,
            Page.found_at.is_not(None),
            Page.unlinked_at.is_(None),
            Page.status != PageStatus.GONE,
            FrontierUrl.url.is_(None),
        )
        .order_by(Page.url)
        .limit(limit)
    )
    rows = [
        {"job_id": job_id, "url": url, "depth": 0, "state": FrontierState.MISSING}
        for url in await session.scalars(missing)
    ]
    if rows:
        await session.execute(insert(FrontierUrl), rows)


async def missing_pages(session: AsyncSession, job_id: str, limit: int) -> list[str]:
    """The next `limit` missing pages that were not visited."""
    return await _in_state(session, job_id, FrontierState.MISSING, limit)


async def unlinked_pages(session: AsyncSession, job_id: str) -> list[str]:
    """The missing pages that answered."""
    return await _in_state(session, job_id, FrontierState.UNLINKED, None)


async def _in_state(
    session: AsyncSession, job_id: str, state: FrontierState, limit: int | None
) -> list[str]:
    rows = select(FrontierUrl.url).where(FrontierUrl.job_id == job_id, FrontierUrl.state == state)
    return list(await session.scalars(rows.order_by(FrontierUrl.url).limit(limit)))


async def start_over(session: AsyncSession, job_id: str) -> None:
    """Delete the frontier and checkpoint of the discovery."""
    await session.execute(delete(FrontierUrl).where(FrontierUrl.job_id == job_id))
    discovery = await session.get_one(Discovery, job_id)
    discovery.rows_to_visit = discovery.rows_left_out = 0
    discovery.without_row = discovery.checkpoint = None


async def finish(session: AsyncSession, job_id: str, result: JsonValue) -> None:
    """Store the result of the discovery and delete its frontier."""
    await start_over(session, job_id)
    discovery = await session.get_one(Discovery, job_id)
    discovery.result = result
    discovery.finished_at = datetime.now(UTC)
