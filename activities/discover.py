"""The activity of `discover.pages`: a walk over a domain whose frontier lives in the store."""

import asyncio
from bisect import insort
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.candidates import NEVER_VISITED, Candidates
from activities.politeness import Politeness
from activities.profiles import SiteProfiles
from activities.reporting import Attempt, Reporter
from activities.seeds import find_seeds
from activities.turns import DomainTurns, Turn
from activities.visit import FoundPage, NoPage, Visit, Visitor
from core.contract import (
    ActivityName,
    AttemptReport,
    DiscoverPagesInput,
    DiscoverPagesResult,
    Outcome,
)
from core.errors import JobError
from core.scope import LeftOut, ScopeRules
from core.site_errors import RedirectToOtherSite
from core.urls import Site, host_of, parse_domain
from store import frontier
from store.domains import domain_by_id
from store.engine import Database
from store.frontier import FoundUrl, Settled
from store.pages import NewPage, add_pages
from store.secretkey import SecretKey
from store.tables import Domain, FrontierState
from store.turns import Walker

AT_ONCE: Final = 16
"""Visits in flight; the host's gate, not this, keeps the rate."""

FRESH_ROBOTS: Final = timedelta(minutes=1)
"""A discovery reads robots.txt anew unless it was read just now."""

BY_DEPTH: Final = attrgetter("depth")
"""The order of visits. The target of a redirect has the depth of its source, and may be found when
links of the next depth are waiting already.
"""


class DiscoverActivities:
    """Walks domains, each attempt reported."""

    def __init__(
        self,
        database: Database,
        visitor: Visitor,
        politeness: Politeness,
        turns: DomainTurns,
        reporter: Reporter,
        secret_key: SecretKey,
    ) -> None:
        self._database = database
        self._visitor = visitor
        self._politeness = politeness
        self._turns = turns
        self._reporter = reporter
        self._secret_key = secret_key

    @activity.defn(name=ActivityName.DISCOVER)
    async def discover(
        self, job: DiscoverPagesInput, handed_back: AttemptReport | None
    ) -> Outcome[DiscoverPagesResult]:
        """Walk the domain of `job`. A later attempt goes on where the one before was stopped."""
        return await self._reporter.run(partial(self._discover, job), handed_back)

    async def _discover(self, job: DiscoverPagesInput, attempt: Attempt) -> DiscoverPagesResult:
        info = activity.info()
        walker = Walker(info.workflow_id or "", info.started_time)
        async with self._database.transaction() as session:
            domain = await domain_by_id(session, job.domain_id)
            discovery = await frontier.begin(session, walker.job_id, domain.id)
        if discovery.result is not None:
            return DiscoverPagesResult.model_validate(discovery.result)
        profiles = SiteProfiles(domain, self._secret_key)
        async with self._turns.held(domain, walker, resumed=attempt.resumed) as turn:
            walk = Walk(
                self._database,
                turn,
                self._visitor,
                self._politeness,
                walker.job_id,
                job,
                domain,
                profiles,
            )
            return await walk.run(attempt)


class Walk:
    """One walk, breadth first: no link of a depth is visited before all of the depth above."""

    def __init__(
        self,
        database: Database,
        turn: Turn,
        visitor: Visitor,
        politeness: Politeness,
        job_id: str,
        job: DiscoverPagesInput,
        domain: Domain,
        profiles: SiteProfiles,
    ) -> None:
        self._database = database
        self._turn = turn
        self._visitor = visitor
        self._politeness = politeness
        self._job_id = job_id
        self._job = job
        self._domain_id = domain.id
        self._profiles = profiles
        self._site: Site = parse_domain(domain.domain)
        rules = ScopeRules(include=job.include, exclude=job.exclude)
        today = datetime.now(UTC).date()
        self._candidates = Candidates(self._site, rules, job.max_depth, today)
        self._first_error: JobError | None = None

    async def run(self, attempt: Attempt) -> DiscoverPagesResult:
        """What the walk found. Raises the site's error when not one page could be reached."""
        await self._seed()
        await self._visit_all(attempt)
        return await self._finish()

    async def _seed(self) -> None:
        async with self._database.reading() as session:
            begun = (await frontier.tally(session, self._job_id)).seen > 0
            linked = await frontier.linked(session, self._job_id, but_for=NEVER_VISITED)
        if begun:
            await self._candidates.remember(linked)
            return
        front = self._site.origin + "/"
        robots = await self._politeness.robots(front, max_age=FRESH_ROBOTS)
        profile = self._profiles.of(front)
        seeds = await find_seeds(self._site, robots, self._visitor, profile)
        judged = await self._candidates.judged(seeds.urls, front, 0)
        async with self._turn.transaction() as session:
            await frontier.add_urls(session, self._job_id, judged)

    async def _visit_all(self, attempt: Attempt) -> None:
        """Keep `AT_ONCE` visits in flight; each round of answers is one transaction."""
        waiting, found, settled = await self._load()
        flying: dict[asyncio.Task[Visit], FoundUrl] = {}
        try:
            while waiting or flying:
                while waiting and self._may_start(waiting[0], flying, found):
                    url = waiting.pop(0)
                    flying[asyncio.create_task(self._visit(url.url))] = url
                if not flying:
                    break
                done, _ = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                landed = [(flying.pop(task), task.result()) for task in done]
                fresh = await self._settle(landed)
                for url in fresh:
                    insort(waiting, url, key=BY_DEPTH)
                settled += len(landed)
                found += sum(isinstance(visited, FoundPage) for _, visited in landed)
                known = min(settled + len(waiting) + len(flying), self._job.max_pages)
                attempt.progress(100 * min(settled, known) // max(known, 1))
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _load(self) -> tuple[list[FoundUrl], int, int]:
        async with self._database.reading() as session:
            tally = await frontier.tally(session, self._job_id)
            waiting = await frontier.pending(session, self._job_id)
        return sorted(waiting, key=BY_DEPTH), tally.discovered, tally.seen - tally.pending

    def _may_start(
        self, url: FoundUrl, flying: dict[asyncio.Task[Visit], FoundUrl], found: int
    ) -> bool:
        if len(flying) >= min(AT_ONCE, self._job.max_pages - found):
            return False
        return all(other.depth == url.depth for other in flying.values())

    async def _visit(self, url: str) -> Visit:
        return await self._visitor.visit(
            url, self._candidates.in_site, self._profiles.of(url), self._profiles.render
        )

    async def _settle(self, landed: list[tuple[FoundUrl, Visit]]) -> list[FoundUrl]:
        """Store what the visits showed; the URLs that are new and wait for a visit."""
        judged = self._candidates.judged
        found: list[FoundUrl] = []
        for url, visited in landed:
            if isinstance(visited, FoundPage):
                found += await judged(visited.links, url.url, url.depth + 1)
                found += self._candidates.feeds(visited.feeds, url)
            elif visited.links:
                found += await judged(visited.links, url.url, url.depth + 1)
            elif visited.instead is not None:
                [instead] = await judged([visited.instead], url.url, url.depth)
                found.append(instead)
                if instead.reason is LeftOut.OTHER_HOST and self._first_error is None:
                    self._first_error = RedirectToOtherSite(
                        f"The site now redirects to another one, {host_of(instead.url)}."
                    )
            elif visited.error is not None and self._first_error is None:
                self._first_error = visited.error
        async with self._turn.transaction() as session:
            outcomes = await self._outcomes(session, landed)
            await frontier.settle(session, self._job_id, outcomes)
            return await frontier.add_urls(session, self._job_id, found)

    async def _outcomes(
        self, session: AsyncSession, landed: list[tuple[FoundUrl, Visit]]
    ) -> list[Settled]:
        pages = [
            NewPage(url.url, visited.page_type, visited.title)
            for url, visited in landed
            if isinstance(visited, FoundPage)
        ]
        known = set((await add_pages(session, self._domain_id, pages)).known)
        outcomes: list[Settled] = []
        for url, visited in landed:
            if isinstance(visited, NoPage):
                outcomes.append(Settled(url.url, FrontierState.LEFT_OUT, visited.reason))
            elif url.url in known:
                outcomes.append(Settled(url.url, FrontierState.PAGE_KNOWN))
            else:
                outcomes.append(Settled(url.url, FrontierState.PAGE_ADDED))
        return outcomes

    async def _finish(self) -> DiscoverPagesResult:
        async with self._turn.transaction() as session:
            tally = await frontier.tally(session, self._job_id)
            if tally.discovered == 0 and self._first_error is not None:
                await frontier.start_over(session, self._job_id)
        if tally.discovered == 0 and self._first_error is not None:
            raise self._first_error
        async with self._turn.transaction() as session:
            await frontier.leave_out_pending(session, self._job_id, LeftOut.OVER_LIMIT)
            tally = await frontier.tally(session, self._job_id)
            result = DiscoverPagesResult(
                pages_discovered=tally.discovered,
                pages_added=tally.added,
                pages_known=tally.known,
                urls_seen=tally.seen,
                left_out=tally.left_out,
            )
            await frontier.finish(
                session,
                self._job_id,
                result.model_dump(mode="json", by_alias=True),
            )
        return result
