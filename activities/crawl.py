"""The activity of `crawl.page`: one page fetched, compared, stored."""

import asyncio
import hashlib
from datetime import UTC, datetime
from functools import partial

from temporalio import activity

from activities.check import Check
from activities.extraction import Extracted, Extractor
from activities.fetch import NO_VALIDATORS, Fetched, Fetcher, Validators
from activities.politeness import Politeness
from activities.profiles import page_profile
from activities.rendering import Renderer
from activities.reporting import Attempt, Reporter
from activities.responses import no_page, refusal
from core.contract import ActivityName, AttemptReport, CrawlPageInput, CrawlPageResult, Outcome
from core.crawlsettings import Render
from core.errors import PageGone
from core.muting import Learned
from core.news import learning, removal, restoration
from core.scope import LeftOut, OutOfScope, ScopeRules, judge
from core.shell import EmptyShell
from core.site_errors import InvalidAnswer, RedirectToOtherSite
from core.urls import host_of, parse_domain
from store.checks import (
    EarlierCheck,
    check_of_job,
    record_change,
    record_gone,
    record_unchanged,
    record_version,
)
from store.domains import domain_by_id
from store.engine import Database
from store.pages import page_by_id
from store.regions import learned_of, remember
from store.secretkey import SecretKey
from store.snapshots import snapshot_by_id
from store.tables import PageStatus

Lessons = tuple[Learned, Learned]
"""What was known of a page before a crawl, and after it."""


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
        self._fetcher = fetcher
        self._politeness = politeness
        self._extractor = extractor
        self._renderer = renderer
        self._reporter = reporter
        self._secret_key = secret_key

    @activity.defn(name=ActivityName.CRAWL)
    async def crawl(
        self, job: CrawlPageInput, handed_back: AttemptReport | None
    ) -> Outcome[CrawlPageResult]:
        """Check the page of `job`. The same job answers the same however often it is run."""
        return await self._reporter.run(partial(self._crawl, job), handed_back)

    async def _crawl(self, job: CrawlPageInput, attempt: Attempt) -> CrawlPageResult:
        job_id = activity.info().workflow_id or ""
        async with self._database.reading() as session:
            page = await page_by_id(session, job.page_id)
            domain = await domain_by_id(session, page.domain_id)
            done = await check_of_job(session, page.id, job_id)
        if done is not None:
            return _as_before(done)
        profile = page_profile(page, domain, self._secret_key)
        check = Check(job_id, page, profile)
        try:
            fetched = await self._fetch(check, domain.domain)
        except PageGone as gone:
            await self._gone(check, gone.message)
            raise
        attempt.progress(50)
        if fetched.not_modified:
            return await self._unchanged(check, fetched, page.body_hash)
        if profile.render is Render.ALWAYS:
            fetched = await self._renderer.render(fetched, profile.request)
        if _hash(fetched) == page.body_hash and check.comparable:
            return await self._unchanged(check, fetched, page.body_hash)
        may_be_shell = profile.render is Render.AUTO
        extracted = await self._extractor.extract(check.source(fetched, may_be_shell=may_be_shell))
        if isinstance(extracted, EmptyShell):
            fetched = await self._renderer.render(fetched, profile.request)
            extracted = await self._extractor.extract(check.source(fetched))
        attempt.progress(80)
        if isinstance(extracted, Extracted):
            return await self._changed(check, fetched, extracted)
        return await self._unchanged(check, fetched, _hash(fetched))

    async def _fetch(self, check: Check, domain: str) -> Fetched:
        page, site = check.page, parse_domain(domain)

        async def admit(url: str) -> None:
            if judge(url, site, ScopeRules()) == OutOfScope(LeftOut.OTHER_HOST):
                raise RedirectToOtherSite(
                    f"The page now redirects to another site, {host_of(url)}."
                )
            await self._politeness.admit(url)

        fetched = await self._fetcher.fetch(
            page.url,
            validators=check.validators,
            profile=check.profile.request,
            before_request=admit,
        )
        if refused := refusal(fetched.status, fetched.retry_after):
            raise refused
        if fetched.not_modified:
            if check.validators == NO_VALIDATORS:
                raise InvalidAnswer(
                    "The site says that nothing changed, though it was not asked that."
                )
        elif unusable := no_page(fetched.content_type, fetched.body):
            raise unusable
        return fetched

    async def _gone(self, check: Check, reason: str) -> None:
        page, now = check.page, datetime.now(UTC)
        async with self._database.transaction() as session:
            if await record_gone(session, page.id, now) and page.snapshot_id is not None:
                await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=None,
                    news=removal(reason),
                    at=now,
                )

    async def _unchanged(
        self,
        check: Check,
        fetched: Fetched,
        body_hash: str | None,
        text_hash: str | None = None,
        lessons: Lessons | None = None,
    ) -> CrawlPageResult:
        page, validators = check.page, fetched.validators
        if fetched.not_modified:
            # Many a 304 leaves out what the 200 said (RFC 9110, 15.4.5 asks for it).
            validators = Validators(
                etag=validators.etag or page.etag,
                last_modified=validators.last_modified or page.last_modified,
            )
        now = datetime.now(UTC)
        change_id = None
        async with self._database.transaction() as session:
            recorded = await record_unchanged(
                session,
                page,
                at=now,
                etag=validators.etag,
                last_modified=validators.last_modified,
                body_hash=body_hash,
                text_hash=text_hash,
                seen_under=check.profile.fingerprint,
            )
            if recorded and lessons is not None:
                await remember(session, page.id, *lessons, now)
            if recorded and page.status is PageStatus.GONE and page.snapshot_id is not None:
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=page.snapshot_id,
                    after_id=page.snapshot_id,
                    news=restoration(None),
                    at=now,
                )
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=fetched.status,
            snapshot_id=page.snapshot_id if change_id else None,
            change_id=change_id,
        )

    async def _changed(
        self, check: Check, fetched: Fetched, extracted: Extracted
    ) -> CrawlPageResult:
        page, body_hash = check.page, _hash(fetched)
        async with self._database.reading() as session:
            before = await snapshot_by_id(session, page.snapshot_id) if page.snapshot_id else None
            known = await learned_of(session, page.id, page.crawls)
        news = None
        lessons: Lessons | None = None
        if before is not None and check.comparable:
            news, lesson = await asyncio.to_thread(
                learning, *check.versions(before, fetched, extracted), known
            )
            lessons = known, lesson
            if news is None:
                return await self._unchanged(
                    check, fetched, body_hash, extracted.text_hash, lessons
                )
        if before is not None and page.status is PageStatus.GONE:
            news = restoration(news)
        version = check.version(fetched, extracted, body_hash)
        now = datetime.now(UTC)
        async with self._database.transaction() as session:
            snapshot_id = await record_version(session, page, check.job_id, version, at=now)
            if snapshot_id is None:
                # It may have been an attempt of this job that was taken for dead.
                done = await check_of_job(session, page.id, check.job_id)
                if done is not None:
                    return _as_before(done)
                return CrawlPageResult(changed=False, status_code=fetched.status)
            if lessons is not None:
                await remember(session, page.id, *lessons, now)
            change_id = None
            if before is not None and news is not None:
                change_id = await record_change(
                    session,
                    page=page,
                    job_id=check.job_id,
                    before_id=before.id,
                    after_id=snapshot_id,
                    news=news,
                    at=now,
                )
        return CrawlPageResult(
            changed=change_id is not None,
            status_code=fetched.status,
            baseline=change_id is None,
            snapshot_id=snapshot_id,
            change_id=change_id,
        )


def _hash(fetched: Fetched) -> str:
    return hashlib.sha256(fetched.body).hexdigest()


def _as_before(done: EarlierCheck) -> CrawlPageResult:
    return CrawlPageResult(
        changed=done.change_id is not None,
        status_code=done.status_code,
        baseline=done.change_id is None,
        snapshot_id=done.snapshot_id,
        change_id=done.change_id,
    )
