"""The activity of `discover.pages`."""

from functools import partial

from temporalio import activity

from activities.crawling.profiles import SiteProfiles
from activities.discovery.lock import DomainTurns
from activities.discovery.visit import Visitor
from activities.discovery.walk import Walk
from activities.http.politeness import Politeness
from activities.reporting import Attempt, Reporter
from core.jobs.contract import (
    ActivityName,
    AttemptReport,
    DiscoverPagesInput,
    DiscoverPagesResult,
    Outcome,
)
from store import frontier
from store.db.engine import Database
from store.discovery_lock import LockHolder
from store.domains import domain_by_id
from store.secretkey import SecretKey


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
        self, job: DiscoverPagesInput, released: AttemptReport | None
    ) -> Outcome[DiscoverPagesResult]:
        """Walk the domain of `job`. A later attempt goes on where the one before was stopped."""
        return await self._reporter.run(partial(self._discover, job), released)

    async def _discover(self, job: DiscoverPagesInput, attempt: Attempt) -> DiscoverPagesResult:
        info = activity.info()
        walker = LockHolder(info.workflow_id or "", info.started_time)
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
                attempt,
            )
            return await walk.run()
