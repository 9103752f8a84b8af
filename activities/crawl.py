"""The activity of `crawl.page`: fetches and reads one page. `activities.crawling` has its parts."""

from functools import partial

from temporalio import activity

from activities.crawling.check import Check
from activities.crawling.check_recorder import Answer, CheckRecorder, Same, as_before, body_hash_of
from activities.crawling.page_fetcher import PageFetcher
from activities.crawling.profiles import page_profile
from activities.crawling.siblings import Siblings
from activities.extraction.extractor import Extracted, Extractor
from activities.http.fetch import Fetched, Fetcher, Validators
from activities.http.kept_answers import KeptAnswers
from activities.http.politeness import Politeness
from activities.rendering.renderer import Renderer
from activities.reporting import Attempt, Defer, Reporter
from core.errors import PageGone
from core.jobs.contract import ActivityName, AttemptReport, CrawlPageInput, CrawlPageResult, Outcome
from core.text.javascript_shell import EmptyShell
from core.web.crawl_settings import Render
from store.checks import check_of_job
from store.db.engine import Database
from store.domains import domain_by_id
from store.pages import page_by_id
from store.pending_confirmations import previous_fetch
from store.secretkey import SecretKey
from store.tables.domains import Domain
from store.tables.pages import Page


class CrawlActivities:
    """Checks pages, each attempt reported."""

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        politeness: Politeness,
        extractor: Extractor,
        renderer: Renderer,
        reporter: Reporter,
        secret_key: SecretKey,
    ) -> None:
        self._database = database
        self._page_fetcher = PageFetcher(fetcher, politeness)
        self._extractor = extractor
        self._renderer = renderer
        self._reporter = reporter
        self._secret_key = secret_key
        self._recorder = CheckRecorder(
            database, Siblings(database, self._page_fetcher, extractor, secret_key)
        )

    @activity.defn(name=ActivityName.CRAWL)
    async def crawl(
        self, job: CrawlPageInput, released: AttemptReport | None
    ) -> Outcome[CrawlPageResult]:
        """Check the page of `job`, or look at it again after news was put off to be confirmed. The
        same job answers the same however often it is run.
        """
        return await self._reporter.run(partial(self._crawl, job), released)

    async def _crawl(self, job: CrawlPageInput, attempt: Attempt) -> Answer:
        job_id = activity.info().workflow_id or ""
        async with self._database.reading() as session:
            page = await page_by_id(session, job.page_id)
            domain = await domain_by_id(session, page.domain_id)
            done = await check_of_job(session, page.id, job_id)
            earlier = await previous_fetch(session, page.id, job_id)
        if done is not None:
            return as_before(done)
        if earlier is not None and earlier.due_at != attempt.deferred_to:
            # The answer that said so was lost.
            return Defer(earlier.due_at)
        async with KeptAnswers.of(self._database, job_id, resumed=attempt.resumed) as kept:
            profile = page_profile(page, domain, self._secret_key)
            check = Check(job_id, page, profile, earlier, kept)
            return await self._look(check, domain, attempt)

    async def _look(self, check: Check, domain: Domain, attempt: Attempt) -> Answer:
        page, profile = check.page, check.profile
        try:
            fetched = await self._page_fetcher.fetch(check, domain)
        except PageGone as gone:
            deferred = await self._recorder.gone(check, gone.message)
            if deferred is not None:
                return deferred
            raise
        attempt.progress(50)
        if fetched.not_modified:
            return await self._recorder.same(check, _not_modified(page, fetched))
        if profile.render is Render.ALWAYS:
            fetched = await self._renderer.render(fetched, profile.request)
        if body_hash_of(fetched) == page.body_hash and check.comparable:
            return await self._recorder.same(check, _same_body(fetched))
        may_be_shell = profile.render is Render.AUTO
        extracted = await self._extractor.extract(check.source(fetched, may_be_shell=may_be_shell))
        if isinstance(extracted, EmptyShell):
            fetched = await self._renderer.render(fetched, profile.request)
            extracted = await self._extractor.extract(check.source(fetched))
        attempt.progress(80)
        if isinstance(extracted, Extracted):
            return await self._recorder.shown(check, fetched, extracted)
        return await self._recorder.same(check, _same_body(fetched))


def _not_modified(page: Page, fetched: Fetched) -> Same:
    """Many a 304 leaves out what the 200 said (RFC 9110, 15.4.5 asks for it)."""
    said = fetched.validators
    validators = Validators(
        etag=said.etag or page.etag, last_modified=said.last_modified or page.last_modified
    )
    return Same(fetched.status, validators, page.body_hash)


def _same_body(fetched: Fetched) -> Same:
    return Same(fetched.status, fetched.validators, body_hash_of(fetched))
