"""The walk of a discovery over a domain, with its frontier in the store."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from activities.crawling.profiles import SiteProfiles
from activities.discovery.candidates import Candidates
from activities.discovery.lock import DiscoveryLock
from activities.discovery.seeds import (
    MAX_SEEDS,
    first_sitemaps,
    read_sitemap,
    usual_sitemaps,
)
from activities.discovery.visit import Excluded, FoundPage, Reading, Visit, Visitor
from activities.http.fetch import ResponseCache
from activities.http.kept_responses import Hops
from activities.http.politeness import Politeness
from activities.notifications.telling import Teller
from activities.reporting import Attempt
from core.changes.detection import SeenPage, prices_of
from core.changes.events import page_unlinked
from core.changes.price_list import ListedPrice
from core.errors import Deferral, DiffyError, JobError, RedirectToOtherSite
from core.jobs.checkpoint import EMPTY_CHECKPOINT, Checkpoint, Seeding, StoredError
from core.jobs.contract import DEFAULT_MAX_DEPTH, DiscoverPagesInput, DiscoverPagesResult
from core.outbox import BatchMessage
from core.quotas import Quotas
from core.web.scope import ExclusionReason, ScopeRules, file_kind, in_words
from core.web.urls import Site, host_of, parse_domain
from core.web.watch_rules import WATCH_ALL
from store import frontier
from store.batches import create_batch
from store.changes import record_event
from store.checks import PageVersion, baselines_of, record_baselines
from store.db.engine import Database
from store.frontier import FoundUrl, Tally, UrlOutcome
from store.matching import announced
from store.outbox_rows import put
from store.pages import NewPage, known_urls, mark_found, mark_unlinked, pages_at
from store.prices import record_first_prices
from store.quotas import add_pages_within
from store.tables.discoveries import FrontierState
from store.tables.domains import Domain
from store.watching import record_discovery, tell_added
from temporal.delivery import Delivery
from temporal.jobs.messages import NO_OPTIONS, Launcher
from temporal.jobs.room import make_room

MAX_PARALLEL_VISITS: Final = 16
"""Maximum number of visits in flight. The host's slots limit the rate."""

STORE_INTERVAL: Final = 0.25
"""Seconds between two transactions that store visits: what a kill has visited again at most."""

FRONTIER_BATCH_SIZE: Final = 500
"""Maximum number of pending URLs in memory; the store has the others."""

FILES_OF_A_KIND: Final = 3
"""Visits to URLs of one kind of file name that found no page, after which no other is visited."""

MAX_READ_FOR_LINKS: Final = 1_000
"""Maximum number of URLs that match no include pattern and are visited for their links."""

MAX_FILE_KINDS: Final = 200

MAX_ROBOTS_AGE: Final = timedelta(minutes=1)
"""Maximum age of the robots.txt with which a discovery begins."""


class Walk:
    """One attempt of a breadth-first walk: it visits all URLs of one depth before the next depth.

    After each step the store has all that a later attempt needs to resume.
    """

    def __init__(
        self,
        database: Database,
        lock: DiscoveryLock,
        visitor: Visitor,
        politeness: Politeness,
        job_id: str,
        job: DiscoverPagesInput,
        domain: Domain,
        profiles: SiteProfiles,
        attempt: Attempt,
        kept: ResponseCache,
        delivery: Delivery,
        broken_after: int,
        quotas: Quotas,
    ) -> None:
        self._database = database
        self._lock = lock
        self._politeness = politeness
        self._job_id = job_id
        self._job = job
        self._domain = domain
        self._domain_id = domain.id
        self._delivery = delivery
        self._teller = Teller(delivery)
        self._broken_after = broken_after
        self._quotas = quotas
        self._watched = domain.watch or WATCH_ALL
        self._profiles = profiles
        self._attempt = attempt
        self._kept = kept
        self._site: Site = parse_domain(domain.domain)
        self._max_rows = frontier.max_rows(job.max_pages)
        self._checkpoint = EMPTY_CHECKPOINT
        self._candidates = self._candidates_after(EMPTY_CHECKPOINT)
        self._visits = self._pending = self._pages = 0
        self._visitor = replace(visitor, admit=self._admit)
        self._admission = asyncio.Lock()
        self._busy: Deferral | None = None
        self._files: dict[str, int] = {}
        self._known: set[str] = set()

    async def run(self) -> DiscoverPagesResult:
        """Walk the domain, and return the counts of what was found.

        Raises the first JobError of the site if no page was found: the next attempt then starts
        over. Raises BrowserElsewhere, HostBusy if the host's next slot is more than
        `Attempt.max_host_wait` away, and
        AlreadyDiscovering if another attempt has taken over the lock.
        """
        result = await self._resume()
        if result is not None:
            return result
        await self._seed()
        await self._visit_all()
        if await self._seed_usual_places():
            await self._visit_all()
        await self._visit_missing()
        return await self._finish()

    @property
    def _is_whole(self) -> bool:
        """Whether the discovery is of the whole site, so that a page that it misses is missing."""
        job = self._job
        return (
            not job.include
            and not job.exclude
            and job.max_depth >= DEFAULT_MAX_DEPTH
            and job.max_pages >= self._watched.max_pages
        )

    def _candidates_after(self, checkpoint: Checkpoint) -> Candidates:
        rules = ScopeRules(include=self._job.include, exclude=self._job.exclude)
        today = datetime.now(UTC).date()
        return Candidates(
            self._site,
            rules,
            self._job.max_depth,
            today,
            checkpoint.feeds,
            links_budget=min(self._job.max_pages, MAX_READ_FOR_LINKS) - checkpoint.read_for_links,
        )

    async def _resume(self) -> DiscoverPagesResult | None:
        """Load the stored state, or create it. Return the result if an earlier attempt finished."""
        async with self._lock.transaction() as session:
            discovery = await frontier.begin(session, self._job_id, self._domain_id)
            tally = await frontier.tally(session, self._job_id)
            budgeted = await frontier.budgeted(session, self._job_id)
        if discovery.result is not None:
            return DiscoverPagesResult.model_validate(discovery.result)
        self._checkpoint = frontier.checkpoint_of(discovery)
        self._visits, self._pending = discovery.rows_to_visit, tally.pending
        self._pages = tally.discovered
        self._candidates = self._candidates_after(self._checkpoint)
        await self._candidates.restore_budgets(budgeted)
        return None

    async def _seed(self) -> None:
        """Add the URLs of the sitemaps to the frontier, one sitemap after the other."""
        front = self._site.origin + "/"
        if self._checkpoint.seeding is None:
            robots = await self._politeness.robots(front, max_age=MAX_ROBOTS_AGE)
            first = [self._candidates.front_page()]
            await self._take_seeds(first, first_sitemaps(self._site, robots))
        await self._read_sitemaps()

    async def _seed_usual_places(self) -> bool:
        """Add the URLs of sitemaps that the site does not name, if links lead to no more pages."""
        first_error = self._checkpoint.first_error
        failing = self._pages == 0 and first_error is not None and first_error.as_error().retryable
        if failing or self._pages >= self._job.max_pages:
            return False
        interval = await self._politeness.interval(self._site.origin + "/")
        seeding = usual_sitemaps(self._checkpoint.seeding or Seeding(), self._site, interval)
        if seeding is None:
            return False
        await self._take_seeds([], seeding)
        await self._read_sitemaps()
        return True

    async def _visit_all(self) -> None:
        while self._pages < self._job.max_pages and (urls := await self._next()):
            await self._visit_each(urls)

    async def _read_sitemaps(self) -> None:
        """Read the waiting sitemaps. One that lists URLs is stored at once. Those that list none,
        as most that nobody has named, are stored together, once in `STORE_INTERVAL`.
        """
        front = self._site.origin + "/"
        seeding = self._checkpoint.seeding
        store_at = time.monotonic() + STORE_INTERVAL
        while seeding is not None and seeding.waiting:
            profile = self._profiles.of(front)
            try:
                async with self._hops() as cache:
                    seeding, urls = await read_sitemap(
                        seeding, self._site, self._visitor, profile, cache
                    )
            except Deferral:
                if seeding != self._checkpoint.seeding:
                    await self._take_seeds([], seeding)
                raise
            if urls or not seeding.waiting or time.monotonic() >= store_at:
                found = await self._candidates.judged(urls, front, 0, listed=True)
                await self._take_seeds(found, seeding)
                store_at = time.monotonic() + STORE_INTERVAL

    async def _take_seeds(self, found: Sequence[FoundUrl], seeding: Seeding) -> None:
        fresh = await self._unseen(found)
        checkpoint = self._checkpoint.model_copy(update={"seeding": seeding})
        async with self._lock.transaction() as session:
            added = await self._add(session, fresh, checkpoint)
        self._added(added, checkpoint)

    async def _next(self) -> deque[FoundUrl]:
        """The next URLs to visit, all of one depth; empty if none is pending."""
        async with self._database.reading() as session:
            urls = await frontier.pending(session, self._job_id, FRONTIER_BATCH_SIZE)
            self._known = await known_urls(session, self._domain_id, [each.url for each in urls])
        return deque(urls)

    async def _visit_each(self, urls: deque[FoundUrl]) -> None:
        """Visit `urls` and store each outcome, until `max_pages` is reached or the host is busy.

        One transaction stores all visits of `STORE_INTERVAL`. URLs that were not visited stay
        pending. Raises HostBusy, after all visits in flight are stored, if the host's next slot is
        too far away, and so BrowserElsewhere if a page needs a browser.
        """
        in_flight: dict[asyncio.Task[Visit | None], FoundUrl] = {}
        completed: list[tuple[FoundUrl, Visit]] = []
        store_at = time.monotonic()
        # Counted as visits end: one that is stored later would come too late for those that begin.
        self._files = dict(self._checkpoint.files)
        try:
            while True:
                while urls and self._may_begin(len(in_flight), len(completed)):
                    url = urls.popleft()
                    visiting = self._visit(url.url, self._reading(url.url))
                    in_flight[asyncio.create_task(visiting)] = url
                if not in_flight and not completed:
                    break
                if in_flight:
                    done, _ = await asyncio.wait(
                        in_flight,
                        timeout=max(store_at - time.monotonic(), 0) if completed else None,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    for task in done:
                        url, visit = in_flight.pop(task), task.result()
                        if visit is not None:
                            completed.append((url, visit))
                            _count_file(self._files, url.url, visit)
                if not in_flight or time.monotonic() >= store_at:
                    await self._store(completed)
                    self._attempt.progress(self._percent())
                    completed, store_at = [], time.monotonic() + STORE_INTERVAL
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
        if self._busy is not None and self._pages < self._job.max_pages:
            raise self._busy

    def _may_begin(self, in_flight: int, unstored: int) -> bool:
        room = self._job.max_pages - self._pages - unstored
        return self._busy is None and in_flight < min(MAX_PARALLEL_VISITS, room)

    def _percent(self) -> int:
        visited = self._visits - self._pending
        expected = min(self._visits, self._job.max_pages)
        return 100 * min(visited, expected) // max(expected, 1)

    def _reading(self, url: str) -> Reading:
        """How a page at `url` is read: with its content if the domain does not have it yet."""
        is_new = url not in self._known and self._candidates.is_taken(url)
        return Reading(self._profiles.new_page, self._watched if is_new else None)

    async def _visit(self, url: str, reading: Reading) -> Visit | None:
        """Visit `url`; None if it was not requested, because its host is busy."""
        if self._is_file(url):
            return Excluded(ExclusionReason.NOT_A_PAGE)
        try:
            async with self._hops() as cache:
                return await self._visitor.visit(
                    url, self._candidates.in_site, self._profiles.of(url), reading, cache
                )
        except Deferral as busy:
            self._busy = busy
            return None

    @asynccontextmanager
    async def _hops(self) -> AsyncIterator[ResponseCache]:
        """The redirects of one visit, which are kept if the host is busy in the middle of it."""
        hops = Hops(self._kept)
        try:
            yield hops
        except Deferral:
            hops.keep()
            raise

    def _is_file(self, url: str) -> bool:
        """Whether all visits to URLs of this kind of file name so far have found no page."""
        kind = file_kind(url)
        return kind is not None and self._files.get(kind, 0) >= FILES_OF_A_KIND

    async def _admit(self, url: str) -> None:
        """Wait for a slot of the host.

        One request waits at a time, so that none takes a slot that it then gives up. Raises
        HostBusy if the slot is more than `max_host_wait` away, and from then on at once.
        """
        async with self._admission:
            if self._busy is not None:
                raise self._busy
            await self._politeness.admit(url, self._attempt.max_host_wait)

    async def _store(self, completed: Sequence[tuple[FoundUrl, Visit]]) -> None:
        """Store the outcomes of visits, and the URLs that they found."""
        if not completed:
            return
        found: list[FoundUrl] = []
        checkpoint = self._checkpoint
        files = dict(checkpoint.files)
        for url, visit in completed:
            leads_to = await self._leads_to(url, visit)
            found += leads_to
            _count_file(files, url.url, visit)
            error = _error_of(visit, leads_to)
            matters = url.depth == 0 or self._candidates.is_taken(url.url)
            if error is not None and matters and checkpoint.first_error is None:
                first = {"first_error": StoredError.of(error)}
                checkpoint = checkpoint.model_copy(update=first)
        feeds = {"feeds": self._candidates.feeds_taken}
        checkpoint = checkpoint.model_copy(update={**feeds, "files": files})
        fresh = await self._unseen(found)
        listed = await asyncio.to_thread(_prices, completed)
        batch: BatchMessage | None = None
        if self._tells_of_pages:
            client, org_id = self._delivery.client, self._domain.org_id
            new_pages = sum(
                self._is_page(url, visit) and url.url not in self._known for url, visit in completed
            )
            if new_pages:
                await make_room(client, self._database, org_id, new_pages, self._quotas)
        async with self._lock.transaction() as session:
            outcomes = await self._outcomes(session, completed)
            await frontier.record_outcomes(session, self._job_id, outcomes)
            added = await self._add(session, fresh, checkpoint)
            new = {each.url for each in outcomes if each.state is FrontierState.PAGE_ADDED}
            versions = {
                url.url: visit.version
                for url, visit in completed
                if url.url in new and isinstance(visit, FoundPage) and visit.version is not None
            }
            await record_baselines(session, self._domain_id, self._job_id, versions)
            prices = {url: listed[url] for url in versions}
            await record_first_prices(session, self._domain_id, prices, datetime.now(UTC))
            if self._tells_of_pages:
                batch = await self._new_pages(session, sorted(new), versions)
        self._added(added, checkpoint)
        await self._teller.tell(*announced(session))
        if batch is not None:
            # If this fails, the reconciler starts the crawls.
            with suppress(DiffyError):
                await self._delivery.deliver(batch.subject_id)
        self._pending -= len(completed)
        self._pages += sum(self._is_page(url, visit) for url, visit in completed)

    async def _leads_to(self, url: FoundUrl, visit: Visit) -> list[FoundUrl]:
        judged = partial(self._candidates.judged, routes=visit.rendered)
        if isinstance(visit, FoundPage):
            feeds = self._candidates.feeds(visit.feeds, url)
            taken = {feed.url for feed in feeds}
            links = await judged(visit.links, url.url, url.depth + 1)
            return feeds + [link for link in links if link.url not in taken]
        if visit.instead is not None:
            instead = await judged([visit.instead], url.url, url.depth)
            links = await judged(visit.links, url.url, url.depth + 1)
            return instead + [link for link in links if link.url != instead[0].url]
        return await judged(visit.links, url.url, url.depth + 1)

    async def _unseen(self, found: Sequence[FoundUrl]) -> list[FoundUrl]:
        """The URLs that have no row yet; one of a crawler trap gets an exclusion reason."""
        async with self._database.reading() as session:
            fresh = await frontier.unknown(session, self._job_id, found)
        return await self._candidates.without_traps(fresh, self._max_rows - self._visits)

    async def _add(
        self, session: AsyncSession, fresh: Sequence[FoundUrl], checkpoint: Checkpoint
    ) -> int:
        added = sum(1 for each in fresh if each.for_links and each.reason is None)
        if added:
            read = {"read_for_links": checkpoint.read_for_links + added}
            checkpoint = checkpoint.model_copy(update=read)
        if checkpoint != self._checkpoint:
            await frontier.put_checkpoint(session, self._job_id, checkpoint)
        return await frontier.add_urls(session, self._job_id, fresh, self._max_rows)

    def _added(self, count: int, checkpoint: Checkpoint) -> None:
        """Update the counts after a transaction."""
        self._checkpoint = checkpoint
        self._visits += count
        self._pending += count

    async def _outcomes(
        self, session: AsyncSession, completed: Sequence[tuple[FoundUrl, Visit]]
    ) -> list[UrlOutcome]:
        now = datetime.now(UTC)
        pages = [
            NewPage(
                url.url,
                visit.page_type,
                visit.title,
                monitoring_enabled=self._watched.allows(url.url, visit.page_type),
                found_at=now,
                found_by=self._job_id if self._tells_of_pages else None,
            )
            for url, visit in completed
            if isinstance(visit, FoundPage) and self._is_page(url, visit)
        ]
        within = await add_pages_within(
            session, self._domain.org_id, self._domain_id, pages, self._quotas
        )
        known, over_quota = set(within.pages.known), set(within.over_quota)
        await mark_found(session, self._domain_id, sorted(known), now)
        outcomes: list[UrlOutcome] = []
        for url, visit in completed:
            if isinstance(visit, Excluded):
                outcomes.append(UrlOutcome(url.url, FrontierState.LEFT_OUT, visit.reason))
            elif not self._is_page(url, visit):
                excluded = ExclusionReason.EXCLUDED
                outcomes.append(UrlOutcome(url.url, FrontierState.LEFT_OUT, excluded))
            elif url.url in over_quota:
                excluded = ExclusionReason.OVER_QUOTA
                outcomes.append(UrlOutcome(url.url, FrontierState.LEFT_OUT, excluded))
            elif url.url in known:
                outcomes.append(UrlOutcome(url.url, FrontierState.PAGE_KNOWN))
            else:
                outcomes.append(UrlOutcome(url.url, FrontierState.PAGE_ADDED))
        return outcomes

    def _is_page(self, url: FoundUrl, visit: Visit) -> bool:
        """Whether the visit found one of the discovery's pages, and not only links."""
        return isinstance(visit, FoundPage) and self._candidates.is_taken(url.url)

    @property
    def _tells_of_pages(self) -> bool:
        """Whether a page that is not known is a new one: not in the first discovery."""
        return self._domain.discovered_at is not None

    async def _new_pages(
        self, session: AsyncSession, urls: Sequence[str], versions: Mapping[str, PageVersion]
    ) -> BatchMessage | None:
        """Tell of new pages: with what they say of those that have a version, without it of those
        that are not to be watched. Have the others crawled at once, which tells of them. The batch,
        None if nothing is to be crawled.
        """
        pages = await pages_at(session, self._domain_id, urls)
        for page in pages:
            version = versions.get(page.url)
            if version is None and page.monitoring_enabled:
                continue
            text = version.text if version else None
            now = datetime.now(UTC)
            await tell_added(session, page, self._domain, page.snapshot_id, page.title, text, now)
        unread = [page for page in pages if page.url not in versions]
        watched = [page.id for page in unread if page.monitoring_enabled]
        if not watched:
            return None
        batch = await create_batch(
            session,
            self._domain.org_id,
            self._domain_id,
            watched,
            quotas=self._quotas,
            in_part=True,
        )
        launcher = Launcher(self._job.max_attempts)
        message = launcher.batch(self._domain, batch, NO_OPTIONS)
        await put(session, message)
        return message

    async def _visit_missing(self) -> None:
        """Visit the known pages that the walk did not find, if it would have found them.

        Raises HostBusy as `run` does.
        """
        if not self._checkpoint.missing_listed:
            await self._list_missing()
        while urls := await self._missing():
            reading = Reading(self._profiles.new_page)
            visits = await asyncio.gather(*(self._visit(url, reading) for url in urls))
            outcomes = [
                UrlOutcome(
                    url,
                    FrontierState.UNLINKED
                    if isinstance(visit, FoundPage)
                    else FrontierState.NOT_THERE,
                )
                for url, visit in zip(urls, visits, strict=True)
                if visit is not None
            ]
            async with self._lock.transaction() as session:
                await frontier.record_outcomes(session, self._job_id, outcomes)
            if self._busy is not None:
                raise self._busy

    async def _list_missing(self) -> None:
        checkpoint = self._checkpoint.model_copy(update={"missing_listed": True})
        seeding = checkpoint.seeding
        async with self._lock.transaction() as session:
            tally = await frontier.tally(session, self._job_id)
            if (
                self._is_whole
                and self._tells_of_pages
                and tally.discovered
                and _is_complete(tally)
                and not (seeding is None or seeding.failed)
                and not (seeding.passed_over or seeding.urls_passed_over)
                and not await frontier.hides_pages(session, self._job_id)
            ):
                await frontier.add_missing(session, self._job_id, self._job.max_pages)
            await frontier.put_checkpoint(session, self._job_id, checkpoint)
        self._checkpoint = checkpoint

    async def _missing(self) -> list[str]:
        async with self._database.reading() as session:
            return await frontier.missing_pages(session, self._job_id, MAX_PARALLEL_VISITS)

    async def _tell_unlinked(self, session: AsyncSession, at: datetime) -> None:
        for url in await frontier.unlinked_pages(session, self._job_id):
            page = await mark_unlinked(session, self._domain_id, url, at)
            if page is not None:
                await record_event(session, page, page.id, self._job_id, page_unlinked(), at=at)

    async def _finish(self) -> DiscoverPagesResult:
        first_error = self._checkpoint.first_error
        result: DiscoverPagesResult | None = None
        async with self._lock.transaction() as session:
            if self._pages == 0 and first_error is not None:
                await frontier.start_over(session, self._job_id)
            else:
                now = datetime.now(UTC)
                tally = await frontier.tally(session, self._job_id)
                baselines = await baselines_of(session, self._domain_id, self._job_id)
                result = _result(tally, self._checkpoint.seeding or Seeding(), baselines)
                as_expected = await record_discovery(
                    session,
                    self._domain_id,
                    self._job_id,
                    result,
                    whole=self._is_whole,
                    complete=_is_complete(tally),
                    limit=self._broken_after,
                    at=now,
                )
                if as_expected:
                    await self._tell_unlinked(session, now)
                as_json = result.model_dump(mode="json", by_alias=True)
                await frontier.finish(session, self._job_id, as_json)
        await self._teller.tell(*announced(session))
        if result is None:
            assert first_error is not None
            raise first_error.as_error()
        return result


def _prices(
    completed: Sequence[tuple[FoundUrl, Visit]],
) -> dict[str, tuple[ListedPrice, ...]]:
    """The prices of each page whose content was read, by its URL."""
    versions = {url.url: visit.version for url, visit in completed if isinstance(visit, FoundPage)}
    return {
        url: tuple({each.key: each for each in prices_of(_seen(version))}.values())
        for url, version in versions.items()
        if version is not None
    }


def _seen(version: PageVersion) -> SeenPage:
    return SeenPage(version.url, version.title, version.text)


def _error_of(visit: Visit, leads_to: Sequence[FoundUrl]) -> JobError | None:
    """The error because of which the URL is no page; None if it is one, or there was none."""
    if isinstance(visit, FoundPage):
        return None
    if visit.instead is not None and leads_to[0].reason is ExclusionReason.OTHER_HOST:
        host = host_of(leads_to[0].url)
        return RedirectToOtherSite(f"The site now redirects to another one, {host}.")
    return visit.error


def _count_file(files: dict[str, int], url: str, visit: Visit) -> None:
    """Count a visit to a URL that is named like a file; one page clears all of its kind."""
    kind = file_kind(url)
    if kind is None or (kind not in files and len(files) >= MAX_FILE_KINDS):
        return
    if isinstance(visit, FoundPage):
        files[kind] = -MAX_FILE_KINDS
    elif visit.reason is ExclusionReason.NOT_A_PAGE:
        files[kind] = files.get(kind, 0) + 1


def _notes(tally: Tally, left_out: Mapping[str, int], seeding: Seeding) -> list[str]:
    """What a person should know about the result, in at most seven sentences."""
    notes: list[str] = []
    if tally.discovered == 0:
        notes.append(
            f"No page was found. Of the {tally.seen} addresses seen, these were left out: "
            f"{in_words(left_out)}."
        )
    notes += [f"A sitemap was not read as a whole. {problem}" for problem in seeding.problems]
    if seeding.passed_over:
        notes.append(f"{seeding.passed_over} sitemaps were passed over: the limits were reached.")
    if seeding.urls_passed_over:
        notes.append(
            f"{seeding.urls_passed_over} addresses in sitemaps were passed over: "
            f"a discovery takes {MAX_SEEDS:,}."
        )
    if over_quota := left_out.get(ExclusionReason.OVER_QUOTA):
        notes.append(
            f"{over_quota} pages were passed over: the organisation's quota of pages is used up."
        )
    return notes


def _is_complete(tally: Tally) -> bool:
    """Whether no page was left out because there were too many."""
    too_many = {ExclusionReason.OVER_LIMIT, ExclusionReason.OVER_QUOTA}
    return not tally.pending and too_many.isdisjoint(tally.left_out)


def _result(tally: Tally, seeding: Seeding, baselines: int) -> DiscoverPagesResult:
    """The result of the walk. URLs that are still pending count as over the limit."""
    left_out = Counter(tally.left_out)
    if tally.pending:
        left_out[ExclusionReason.OVER_LIMIT] += tally.pending
    return DiscoverPagesResult(
        pages_discovered=tally.discovered,
        pages_added=tally.added,
        pages_known=tally.known,
        urls_seen=tally.seen,
        left_out=left_out,
        baselines=baselines,
        notes=tuple(_notes(tally, left_out, seeding)),
    )
