"""Whether watching works: the checks and discoveries that fail, and the events that say so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.changes.events import page_added, watch_broken, watch_restored
from core.errors import BlockedBySite, JobError
from core.jobs.contract import DiscoverPagesResult
from store.changes import record_event
from store.tables.domains import Domain
from store.tables.pages import Page

MIN_FAILING_PAGES: Final = 3
"""Number of pages whose checks fail from which on it can be the site that fails, and not they."""

FEW_FAIL: Final = 4
"""A site whose checks failed works again if at most one page of so many still fails: far enough
from half of them for a site on the edge to be told once. Of a small site fewer than
`MIN_FAILING_PAGES` may, if they are not most.
"""

LOW_SHARE: Final = 10
"""A discovery that finds at most one page of so many found hardly any."""

MIN_PAGES_TO_COMPARE: Final = 10
"""Number of pages of a discovery from which on the next one can find hardly any."""

ROW_LOCK: Final = {"key_share": True}


@dataclass(frozen=True)
class FailedCheck:
    """A check of a page that failed for good: the sentence that says why.

    After one that fails `at_once` the page is not watched; other errors may pass. One that was
    `walled` met what does not pass by itself either, but is a matter of the whole site: of its
    pages the first is told at once, and the others as those that fail are.
    """

    job_id: str
    at: datetime
    reason: str
    at_once: bool = False
    walled: bool = False


def is_wall(error: JobError) -> bool:
    """Whether the site asked for a proof of a human, or refused the page to us alone."""
    # Its kinds are of other walls: a consent, a login, and a maintenance that ends.
    return type(error) is BlockedBySite


async def record_failed_check(
    session: AsyncSession, page_id: UUID, failed: FailedCheck, limit: int
) -> None:
    """Count a failed check of the page, once for each job, and tell that it is not watched: after
    `limit` in a row, or at once. If most pages of the site fail, that is told once, of the domain.

    Nothing happens if the page was deleted.
    """
    # The domain first, as discoveries lock it before pages.
    domain = await session.scalar(
        select(Domain)
        .join(Page, Page.domain_id == Domain.id)
        .where(Page.id == page_id)
        .with_for_update(of=Domain, key_share=True)
    )
    page = await session.get(Page, page_id, with_for_update=ROW_LOCK, populate_existing=True)
    if domain is None or page is None or page.failed_job == failed.job_id:
        return
    page.failed_checks += 1
    page.failed_job, page.failed_at, page.problem = failed.job_id, failed.at, failed.reason
    await session.flush()
    await tell_added(session, page, domain, None, None, None, failed.at)
    if page.broken_since is not None or not page.monitoring_enabled:
        return
    if failed.at_once or (failed.walled and not await _has_broken(session, domain)):
        await _tell_broken_page(session, page, failed, failed.reason)
        return
    if page.failed_checks < limit:
        return
    failing, watched = await _failing(session, domain.id, limit)
    if domain.checks_broken_since is not None:
        await _tell_restored_site(session, domain, failing, watched, failed.job_id, failed.at)
    if domain.checks_broken_since is not None:
        return
    if failing >= MIN_FAILING_PAGES and 2 * failing > watched:
        domain.checks_broken_since, domain.checks_problem = failed.at, failed.reason
        sentence = f"The checks of {failing} of the {watched} watched pages fail. {failed.reason}"
        await record_event(
            session, domain, None, failed.job_id, watch_broken(sentence), at=failed.at
        )
        return
    times = "The last check" if limit == 1 else f"The last {page.failed_checks} checks"
    await _tell_broken_page(session, page, failed, f"{times} of the page failed. {failed.reason}")


async def _has_broken(session: AsyncSession, domain: Domain) -> bool:
    """Whether it was told of the domain, or of a page that it watches, that it is not watched."""
    if domain.checks_broken_since is not None:
        return True
    broken = select(Page.id).where(
        Page.domain_id == domain.id, Page.monitoring_enabled, Page.broken_since.is_not(None)
    )
    return await session.scalar(broken.limit(1)) is not None


async def _tell_broken_page(
    session: AsyncSession, page: Page, failed: FailedCheck, sentence: str
) -> None:
    page.broken_since = failed.at
    await record_event(session, page, page.id, failed.job_id, watch_broken(sentence), at=failed.at)


async def _failing(session: AsyncSession, domain_id: UUID, limit: int) -> tuple[int, int]:
    """How many watched pages of the domain fail, those included that have one check left of the
    `limit`, and how many there are.
    """
    failing = func.count().filter(Page.failed_checks >= max(limit - 1, 1))
    row = await session.execute(
        select(failing, func.count()).where(Page.domain_id == domain_id, Page.monitoring_enabled)
    )
    failed, watched = row.one()
    return failed, watched


async def lock_if_failing(session: AsyncSession, page: Page, *, site_fails: bool) -> None:
    """Lock the domain of a page whose checks failed, or those of its site, before the page itself:
    `tell_restored`.
    """
    if site_fails or page.failed_checks or page.broken_since is not None:
        await session.execute(
            select(Domain.id).where(Domain.id == page.domain_id).with_for_update(key_share=True)
        )


async def tell_restored(
    session: AsyncSession, page: Page, job_id: str, at: datetime, limit: int, *, site_fails: bool
) -> None:
    """Tell that the page, which the caller has read before its check, is watched again, and that
    its site is, if most of its pages no longer fail. `site_fails` is whether that was told.
    """
    if page.failed_checks or page.broken_since is not None:
        restored = await session.scalar(
            update(Page)
            .where(Page.id == page.id, Page.broken_since.is_not(None))
            .values(broken_since=None)
            .returning(Page.id)
            .execution_options(synchronize_session=False)
        )
        if restored is not None:
            event = watch_restored("The page can be checked again.")
            await record_event(session, page, page.id, job_id, event, at=at)
    if not site_fails:
        return
    domain = await session.get(
        Domain, page.domain_id, with_for_update=ROW_LOCK, populate_existing=True
    )
    if domain is not None and domain.checks_broken_since is not None:
        failing, watched = await _failing(session, domain.id, limit)
        await _tell_restored_site(session, domain, failing, watched, job_id, at)


async def _tell_restored_site(
    session: AsyncSession, domain: Domain, failing: int, watched: int, job_id: str, at: datetime
) -> None:
    """Tell that the domain is watched again, if few of its pages fail: most work, or those that
    failed were deleted.
    """
    few_of_a_small_site = failing < MIN_FAILING_PAGES and 2 * failing <= watched
    if FEW_FAIL * failing > watched and not few_of_a_small_site:
        return
    domain.checks_broken_since = domain.checks_problem = None
    event = watch_restored("The pages of the site can be checked again.")
    await record_event(session, domain, None, job_id, event, at=at)


async def tell_added(
    session: AsyncSession,
    page: Page,
    domain: Domain,
    snapshot_id: UUID | None,
    title: str | None,
    text: str | None,
    at: datetime,
) -> None:
    """Tell of a page that a discovery found as a new one, if that was not told before.

    `snapshot_id` and `text` are what it says, None if it cannot be read.
    """
    if page.found_by is None:
        return
    told = await session.scalar(
        update(Page)
        .where(Page.id == page.id, Page.found_by == page.found_by)
        .values(found_by=None)
        .returning(Page.id)
        .execution_options(synchronize_session=False)
    )
    if told is None:
        return
    event = page_added(
        page.page_type, page.url, title or page.title, text, certain=domain.discovery_complete
    )
    await record_event(session, page, page.id, page.found_by, event, after_id=snapshot_id, at=at)


async def record_failed_discovery(
    session: AsyncSession, domain_id: UUID, failed: FailedCheck, limit: int
) -> None:
    """Count a failed discovery, once for each job, and tell that the domain is not discovered after
    `limit` in a row, or after one that was walled. Nothing happens if the domain was deleted.
    """
    domain = await session.get(Domain, domain_id, with_for_update=ROW_LOCK)
    if domain is None or domain.failed_discovery == failed.job_id:
        return
    domain.failed_discoveries += 1
    domain.failed_discovery, domain.discovery_problem = failed.job_id, failed.reason
    limit = 1 if failed.walled else limit
    if domain.failed_discoveries < limit or domain.discovery_broken_since is not None:
        return
    domain.discovery_broken_since = failed.at
    times = "The last discovery" if limit == 1 else f"The last {limit} discoveries"
    event = watch_broken(f"{times} of the pages failed. {failed.reason}")
    await record_event(session, domain, None, failed.job_id, event, at=failed.at)


async def record_discovery(
    session: AsyncSession,
    domain_id: UUID,
    job_id: str,
    result: DiscoverPagesResult,
    *,
    whole: bool,
    complete: bool,
    limit: int,
    at: datetime,
) -> bool:
    """Record a discovery that has ended, and tell if watching broke or is restored by it; whether
    it found as much as was to be expected.

    One that was not of the `whole` site says nothing about what the site has. It is `complete` if
    no page was over its limit.
    """
    domain = await session.get(Domain, domain_id, with_for_update=ROW_LOCK, populate_existing=True)
    assert domain is not None, "the discovery lock is held"
    if not whole:
        if domain.discovered_at is not None:
            domain.discovered_at = at
        return False
    found, before = result.pages_discovered, domain.discovered_pages or 0
    domain.discovered_at = at
    domain.failed_discoveries, domain.failed_discovery = 0, None
    hardly_any = before >= MIN_PAGES_TO_COMPARE and LOW_SHARE * found <= before
    # One that reached its limit says nothing about how many pages there are.
    low = complete and (hardly_any or found == 0 < before)
    domain.low_discoveries = domain.low_discoveries + 1 if low else 0
    if low and domain.low_discoveries < max(limit, 2):
        if domain.discovery_broken_since is None:
            domain.discovery_broken_since = at
            sentence = f"The discovery found {found} of the site's pages; before, it had {before}."
            domain.discovery_problem = sentence
            await record_event(session, domain, None, job_id, watch_broken(sentence), at=at)
        return False
    accepted = domain.low_discoveries
    domain.low_discoveries = 0
    domain.discovered_pages, domain.discovery_complete = found, complete
    domain.discovery_problem = None
    if domain.discovery_broken_since is not None:
        domain.discovery_broken_since = None
        sentence = f"The discovery found {found} pages."
        if accepted:
            sentence = f"{accepted} discoveries in a row found {found} pages: the site has no more."
        await record_event(session, domain, None, job_id, watch_restored(sentence), at=at)
    return not accepted
