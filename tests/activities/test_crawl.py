"""`crawl.page` through the whole system: what it finds, and what it costs the site."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select
from temporalio.activity import Info
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.crawl import CrawlActivities
from activities.crawling.check_recorder import CheckRecorder
from activities.extraction.extractor import Extractor
from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from activities.notifications.telling import Teller
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer
from activities.reporting import Reporter
from core.errors import SubjectGone
from core.jobs.contract import CrawlPageInput, CrawlPageResult, Outcome
from core.jobs.states import JobState
from core.settings import Settings
from core.text.packing import pack
from core.text.stored_text import legacy_lines
from core.web.crawl_settings import CrawlSettings
from store.contents import keep
from store.db.engine import Database
from store.domains import add_domain
from store.outbox import DatabaseOutbox
from store.pages import NewPage, add_pages, page_by_id
from store.secretkey import SecretKey
from store.snapshots import snapshot_by_id
from store.tables.changes import Change
from store.tables.pages import Page, PageStatus
from store.tables.pending_confirmations import PendingConfirmation
from temporal.delivery import Delivery
from temporal.jobs.view import JobDetail
from tests.activities.behaviours import OK, sending
from tests.activities.conftest import USER_AGENT
from tests.site import Behaviour, FakeSite, SiteRequest
from tests.store.rows import new_organisation
from tests.system import System

PRICES = "<title>Prices</title><p>Welcome.</p><p>Pro costs $99 a month.</p>"
DEARER = PRICES.replace("99", "119")
ANSWER = OK + f"Content-Length: {len(PRICES)}\r\n\r\n{PRICES}".encode()
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n\r\n"


@dataclass(frozen=True)
class Watched:
    """A page that a running system watches."""

    system: System
    site: FakeSite
    page_id: UUID

    async def crawl(self) -> JobDetail:
        """The job of one crawl, tried once."""
        path = f"/api/pages/{self.page_id}/crawl"
        return await self.system.finished(await self.system.ask(path, maxAttempts=1))

    async def check(self) -> CrawlPageResult:
        """What one crawl found."""
        job = await self.crawl()
        assert job.state is JobState.COMPLETED, job.failed_reason
        return CrawlPageResult.model_validate(job.return_value)

    async def stored(self) -> Page:
        """The page as it is stored."""
        async with self.system.database.reading() as session:
            return await page_by_id(session, self.page_id)

    async def total(self, path: str) -> int:
        """How many entries that list has."""
        total: int = (await self.system.api.get(path)).json()["meta"]["total"]
        return total

    async def snapshots(self) -> int:
        """How many snapshots of the page there are."""
        return await self.total(f"/api/pages/{self.page_id}/snapshots")

    async def changes(self) -> int:
        """How many changes of the page there are."""
        return await self.total(f"/api/changes?pageId={self.page_id}")

    def last_request(self) -> SiteRequest:
        """The last request for the page."""
        return self.site.requests_for("/")[-1]


@pytest.fixture
async def watched(system: System, site: FakeSite) -> AsyncIterator[Watched]:
    """The front page of the site, never crawled."""
    site.page("/", PRICES)
    _, pages = await system.known_pages(site.origin, "/")
    async with system.worker():
        yield Watched(system, site, pages["/"])


async def test_the_first_crawl_stores_the_baseline_and_is_no_change(watched: Watched) -> None:
    assert (await watched.stored()).status is PageStatus.PENDING
    found = await watched.check()
    assert (found.changed, found.baseline, found.status_code) == (False, True, 200)
    assert found.change_id is None
    answer = await watched.system.api.get(f"/api/snapshots/{found.snapshot_id}")
    snapshot = answer.json()["data"]
    assert snapshot["text"] == "Welcome.\nPro costs $99 a month."
    assert (snapshot["title"], snapshot["statusCode"]) == ("Prices", 200)
    assert (await watched.stored()).status is PageStatus.ACTIVE
    assert await watched.changes() == 0


async def test_a_change_says_what_differs(watched: Watched) -> None:
    before = await watched.check()
    watched.site.page("/", DEARER)
    after = await watched.check()
    assert (after.changed, after.baseline, after.status_code) == (True, False, 200)
    answer = await watched.system.api.get(f"/api/changes/{after.change_id}")
    change = answer.json()["data"]
    assert change["beforeSnapshotId"] == str(before.snapshot_id)
    assert change["afterSnapshotId"] == str(after.snapshot_id)
    assert change["url"] == watched.site.url("/")
    assert "$99" in change["diffData"]["before"]
    assert "$119" in change["diffData"]["after"]
    assert len(change["diffData"]["blocks"]) == 1
    assert (await watched.snapshots(), await watched.changes()) == (2, 1)
    assert (await watched.check()).changed is False


async def test_a_site_that_says_304_is_unchanged(watched: Watched) -> None:
    watched.site.page("/", PRICES, headers={"ETag": '"1"'})
    await watched.check()
    assert "if-none-match" not in watched.last_request().headers
    found = await watched.check()
    assert (found.changed, found.baseline, found.status_code) == (False, False, 304)
    assert found.snapshot_id is None
    assert watched.last_request().headers["if-none-match"] == '"1"'
    assert await watched.snapshots() == 1


async def test_a_304_without_validators_keeps_those_of_the_page(watched: Watched) -> None:
    date = "Sun, 01 Mar 2026 12:00:00 GMT"
    watched.site.page("/", PRICES, headers={"ETag": '"1"', "Last-Modified": date})
    await watched.check()
    watched.site.behave("/", sending(NOT_MODIFIED))
    for _ in range(2):
        assert (await watched.check()).status_code == 304
        asked = watched.last_request().headers
        assert (asked["if-none-match"], asked["if-modified-since"]) == ('"1"', date)


async def test_the_same_bytes_are_unchanged_and_bring_new_validators(watched: Watched) -> None:
    watched.site.page("/", PRICES, headers={"ETag": '"1"'})
    await watched.check()
    watched.site.page("/", PRICES, headers={"ETag": '"2"'})
    found = await watched.check()
    assert (found.changed, found.status_code) == (False, 200)
    assert await watched.snapshots() == 1
    await watched.check()
    assert watched.last_request().headers["if-none-match"] == '"2"'
    watched.site.page("/", PRICES)
    await watched.check()
    await watched.check()
    assert "if-none-match" not in watched.last_request().headers


async def test_the_same_text_in_other_bytes_is_unchanged(watched: Watched) -> None:
    await watched.check()
    before = (await watched.stored()).body_hash
    watched.site.page("/", f"<!-- made now --><script>t=1</script>{PRICES}")
    found = await watched.check()
    assert (found.changed, found.status_code) == (False, 200)
    assert (await watched.snapshots(), await watched.changes()) == (1, 0)
    assert (await watched.stored()).body_hash != before


CODE = (
    "<title>Broker</title><h1>Broker</h1><p>Home | Docs |</p><ul><li>One</ul>"
    "<pre>\n# Ports\n  - 80\n# When true, verify\nverify = true\n- x | y\n</pre>"
)


async def older_text(watched: Watched) -> None:
    """Have the page stored as versions did that took `# Ports` for a heading."""
    async with watched.system.database.transaction() as session:
        page = await page_by_id(session, watched.page_id)
        assert page.snapshot_id is not None
        snapshot = await snapshot_by_id(session, page.snapshot_id)
        packed = pack("\n".join(legacy_lines(snapshot.text)))
        assert packed.key != snapshot.text_key
        await keep(session, [packed])
        snapshot.text_key, page.text_hash = packed.key, "hashed in another way"
        session.add_all([snapshot, page])


async def test_text_that_an_older_version_has_stored_is_unchanged_until_the_page_changes(
    watched: Watched,
) -> None:
    watched.site.page("/", CODE)
    await watched.check()
    text_hash = (await watched.stored()).text_hash
    await older_text(watched)
    watched.site.page("/", f"<!-- made now -->{CODE}")
    found = await watched.check()
    assert (found.changed, found.snapshot_id, found.status_code) == (False, None, 200)
    assert (await watched.stored()).text_hash == text_hash, "the next check reads it once"
    watched.site.page("/", CODE.replace("# When true, verify\n", ""))
    found = await watched.check()
    change = (await watched.system.api.get(f"/api/changes/{found.change_id}")).json()["data"]
    assert (change["changeType"], change["severity"]) == ("content_change", "low")
    assert change["summary"] == "Removed “# When true, verify”."
    [block] = change["diffData"]["blocks"]
    assert block["place"] == {"section": "Broker", "header": None}
    assert await watched.snapshots() == 2


ICONS = "<h1>Plans</h1><table><tr><td>Sign-on<td><img alt=Included></table><p>Pro costs $99.</p>"


async def read_by_older_rules(watched: Watched, *, with_html: bool) -> None:
    """Have the page stored as versions did that read no alternative texts."""
    async with watched.system.database.transaction() as session:
        page = await page_by_id(session, watched.page_id)
        assert page.snapshot_id is not None
        snapshot = await snapshot_by_id(session, page.snapshot_id)
        packed = pack(snapshot.text.replace(" | Included", ""))
        assert packed.key != snapshot.text_key
        await keep(session, [packed])
        snapshot.text_key = packed.key
        snapshot.text_hash = page.text_hash = "0" * 64
        if not with_html:
            snapshot.html_key = None
        session.add_all([snapshot, page])


@pytest.mark.parametrize("with_html", [True, False])
async def test_what_older_rules_have_read_becomes_a_new_baseline_and_no_change(
    watched: Watched, with_html: bool
) -> None:
    watched.site.page("/", ICONS)
    await watched.check()
    await read_by_older_rules(watched, with_html=with_html)
    watched.site.page("/", f"<!-- made now -->{ICONS}")
    found = await watched.check()
    assert (found.changed, found.baseline, await watched.changes()) == (False, True, 0)
    watched.site.page("/", ICONS.replace("Included", "Missing"))
    found = await watched.check()
    change = (await watched.system.api.get(f"/api/changes/{found.change_id}")).json()["data"]
    assert change["diffData"]["stats"]["changed"] == 1


async def test_a_change_of_a_page_that_older_rules_have_read_is_told(watched: Watched) -> None:
    watched.site.page("/", ICONS)
    await watched.check()
    await read_by_older_rules(watched, with_html=True)
    watched.site.page("/", ICONS.replace("$99", "$119"))
    found = await watched.check()
    change = (await watched.system.api.get(f"/api/changes/{found.change_id}")).json()["data"]
    assert change["changeType"] == "price_change"
    assert [each["kind"] for each in change["diffData"]["blocks"]] == ["changed"]


async def test_what_is_shown_of_code_is_the_text_of_the_page(watched: Watched) -> None:
    watched.site.page("/", CODE)
    await watched.check()
    watched.site.page("/", CODE.replace("  - 80\n", "  - 80\n    - 443\n"))
    found = await watched.check()
    text = (
        "# Broker\nHome | Docs |\n- One\n"
        "# Ports\n  - 80\n    - 443\n# When true, verify\nverify = true\n- x | y"
    )
    get = watched.system.api.get
    snapshot = (await get(f"/api/snapshots/{found.snapshot_id}")).json()["data"]
    change = (await get(f"/api/changes/{found.change_id}")).json()["data"]
    asked = (await get(f"/api/snapshots/{found.snapshot_id}/diff")).json()["data"]
    assert snapshot["text"] == change["diffData"]["after"] == text
    assert change["diffData"]["before"] == text.replace("    - 443\n", "")
    assert change["diffData"] == asked["diffData"]
    [block] = change["diffData"]["blocks"]
    assert (block["before"], block["after"]) == (None, "    - 443")
    assert change["summary"] == asked["summary"] == "Added “- 443”."


async def test_a_304_that_was_not_asked_for_is_the_sites_error(watched: Watched) -> None:
    watched.site.behave("/", sending(NOT_MODIFIED))
    job = await watched.crawl()
    assert job.state is JobState.FAILED
    assert job.failed_reason is not None
    assert "not asked" in job.failed_reason


async def test_a_redirect_within_the_site_is_followed(watched: Watched) -> None:
    watched.site.page("/", "", status=301, headers={"Location": "/home"})
    watched.site.page("/home", PRICES)
    found = await watched.check()
    snapshot = await watched.system.api.get(f"/api/snapshots/{found.snapshot_id}")
    assert snapshot.json()["data"]["url"] == watched.site.url("/home")


async def test_a_redirect_to_another_site_fails_for_good_in_plain_words(watched: Watched) -> None:
    await watched.check()
    async with FakeSite() as other:
        other.page("/", "<p>elsewhere</p>")
        watched.site.page("/", "", status=302, headers={"Location": other.url("/")})
        path = f"/api/pages/{watched.page_id}/crawl"
        job = await watched.system.finished(await watched.system.ask(path, maxAttempts=3))
        assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
        assert job.failed_reason == "The page now redirects to another site, 127.0.0.1."
        assert other.requests == []


@pytest.mark.parametrize("in_header", [False, True])
async def test_a_refresh_to_another_site_fails_for_good_in_plain_words(
    watched: Watched, in_header: bool
) -> None:
    await watched.check()
    async with FakeSite() as other:
        refresh = f"0; url={other.url('/')}"
        if in_header:
            watched.site.page("/", "<p>We moved.</p>", headers={"Refresh": refresh})
        else:
            moved = f"<meta http-equiv=refresh content='{refresh}'><p>We moved.</p>"
            watched.site.page("/", moved)
        path = f"/api/pages/{watched.page_id}/crawl"
        job = await watched.system.finished(await watched.system.ask(path, maxAttempts=3))
        assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
        assert (job.failed_reason or "").endswith("to another site, 127.0.0.1.")
        assert other.requests == []


async def test_a_page_that_is_gone_comes_back(watched: Watched) -> None:
    await watched.check()
    for status in (404, 410):
        watched.site.page("/", "gone", status=status)
        job = await watched.crawl()
        assert job.failed_reason == f"The site answered {status}: the page does not exist."
        assert (await watched.stored()).status is PageStatus.GONE
    watched.site.page("/", PRICES)
    back = await watched.check()
    assert back.changed
    async with watched.system.database.reading() as session:
        page = await watched.stored()
        rows = select(Change).where(Change.page_id == page.id).order_by(Change.created_at)
        gone, restored = (await session.scalars(rows)).all()
    assert (gone.change_type, gone.severity) == ("page_removed", "critical")
    assert gone.summary == "The site answered 404: the page does not exist."
    assert (gone.before_id, gone.after_id) == (page.snapshot_id, None)
    assert back.snapshot_id == page.snapshot_id
    assert (restored.id, restored.change_type) == (back.change_id, "page_restored")
    assert (restored.before_id, restored.after_id) == (page.snapshot_id, page.snapshot_id)
    assert (await watched.check()).changed is False
    assert (await watched.stored()).status is PageStatus.ACTIVE
    assert await watched.snapshots() == 1


@pytest.mark.parametrize("confirmed", [False, True], ids=["at once", "at the second look"])
async def test_a_late_answer_that_the_page_is_gone_is_not_told_of_one_that_was_found_since(
    watched: Watched, confirmed: bool
) -> None:
    system, site = watched.system, watched.site
    await watched.check()
    crawl = f"/api/pages/{watched.page_id}/crawl"
    if confirmed:
        await system.choose(f"/api/pages/{watched.page_id}", confirmAfterSeconds=3600)
        site.page("/", "gone", status=404)
        job_id = await system.ask(crawl, maxAttempts=1)
        await system.job_when(job_id, lambda job: job.next_attempt_at is not None)
    late = asyncio.Event()
    answers = iter([gone_once(late), sending(ANSWER)])

    async def in_turn(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        await next(answers)(request, writer)

    site.behave("/", in_turn)
    asked = len(site.requests_for("/"))
    if confirmed:
        await system.api.post(f"/api/jobs/{job_id}/promote")
    else:
        job_id = await system.ask(crawl, maxAttempts=1)
    await site.arrived("/", asked + 1)
    assert (await watched.check()).changed is False
    late.set()
    job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The site answered 404: the page does not exist."
    assert (await watched.stored()).status is PageStatus.ACTIVE
    assert await watched.changes() == 0


def gone_once(released: asyncio.Event) -> Behaviour:
    """An answer that the page does not exist, which comes late."""

    async def behave(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        await sending(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")(request, writer)

    return behave


async def test_a_failure_leaves_the_page_as_it_was(watched: Watched) -> None:
    await watched.check()
    before = await watched.stored()
    watched.site.page("/", "broken", status=500)
    assert (await watched.crawl()).state is JobState.FAILED
    watched.site.page("/", "<p> </p>")
    job = await watched.crawl()
    assert job.failed_reason == "The page shows no text."
    after = await watched.stored()
    assert (after.status, after.last_check_at) == (PageStatus.ACTIVE, before.last_check_at)
    assert after.snapshot_id == before.snapshot_id


async def test_a_page_that_robots_forbids_is_not_asked_for(system: System, site: FakeSite) -> None:
    site.page("/robots.txt", "User-agent: *\nDisallow: /secret")
    site.page("/", "<p>Welcome.</p>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        added = await system.api.post(
            f"/api/domains/{domain.id}/pages", json={"url": site.url("/secret")}
        )
        assert added.status_code == 201, added.text
        job_id = await system.ask(f"/api/pages/{added.json()['data']['id']}/crawl")
        job = await system.finished(job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The robots.txt of 127.0.0.1 does not allow this page."
    assert site.requests_for("/secret") == []


@pytest.fixture
def crawls(
    database: Database, fetcher: Fetcher, client: Client, settings: Settings
) -> Iterator[CrawlActivities]:
    """The activities of a worker."""
    extractor = Extractor(count=1)
    politeness = Politeness(database, fetcher, host_rps=1_000)
    renderer = Renderer(Browser(), fetcher, user_agent=USER_AGENT)
    reporter, secret_key = Reporter(client), SecretKey(settings)
    tell = Teller(Delivery(client, DatabaseOutbox(database), 1)).tell
    yield CrawlActivities(
        database,
        fetcher,
        politeness,
        extractor,
        renderer,
        reporter,
        secret_key,
        CheckRecorder(database, tell, 3),
    )
    extractor.close()


async def test_a_job_that_runs_again_answers_what_it_found_before(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> None:
    """A worker may die after its commit, before its answer."""
    page_id = await page_of(database, site)
    for body, changed in ((PRICES, False), (DEARER, True)):
        site.page("/", body)
        environment = ActivityEnvironment()
        environment.info = replaced_id(environment, job_id=f"crawl-{changed}")
        first = await environment.run(crawls.crawl, CrawlPageInput(page_id=page_id), None)
        site.page("/", "<p>Something else by now.</p>")
        again = await environment.run(crawls.crawl, CrawlPageInput(page_id=page_id), None)
        assert first.result is not None
        assert first.result.changed == changed
        assert again.result == first.result
    assert len(site.requests_for("/")) == 2


async def test_a_job_that_runs_again_says_again_that_the_page_was_gone(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> None:
    page_id = await page_of(database, site)
    environment = ActivityEnvironment()

    async def crawl(job_id: str) -> Outcome[CrawlPageResult]:
        environment.info = replaced_id(environment, job_id=job_id)
        job = CrawlPageInput(page_id=page_id)
        return await environment.run(crawls.crawl, job, None)

    site.page("/", PRICES)
    await crawl("first")
    site.page("/", "gone", status=410)
    with pytest.raises(ApplicationError) as gone:
        await crawl("second")
    site.page("/", PRICES)
    with pytest.raises(ApplicationError) as again:
        await crawl("second")
    assert (again.value.type, again.value.message) == (gone.value.type, gone.value.message)
    assert gone.value.message == "The site answered 410: the page does not exist."
    back = await crawl("third")
    assert back.result is not None
    assert back.result.changed


async def test_a_job_that_has_looked_once_answers_when_it_looks_again_and_looks_when_it_is_due(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> None:
    environment, job = await changed_page(database, crawls, site)
    asked_at = datetime.now(UTC)
    first = await environment.run(crawls.crawl, job, None)
    assert first.result is None
    assert first.attempt.next_at is not None
    assert first.attempt.next_at - asked_at >= timedelta(seconds=60)
    again = await environment.run(crawls.crawl, job, None)
    assert (again.result, again.attempt.next_at) == (None, first.attempt.next_at)
    assert len(site.requests_for("/")) == 2
    second = await environment.run(crawls.crawl, job, first.attempt)
    assert second.result is not None
    assert second.result.changed
    assert (second.attempt.attempt, second.attempt.next_at) == (1, None)
    repeated = await environment.run(crawls.crawl, job, first.attempt)
    assert repeated.result == second.result
    assert len(site.requests_for("/")) == 3


async def test_a_first_look_that_was_forgotten_is_taken_anew(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> None:
    environment, job = await changed_page(database, crawls, site)
    first = await environment.run(crawls.crawl, job, None)
    async with database.transaction() as session:
        await session.execute(delete(PendingConfirmation))
    anew = await environment.run(crawls.crawl, job, first.attempt)
    assert (anew.result, anew.attempt.attempt) == (None, 1)
    assert anew.attempt.next_at is not None
    assert first.attempt.next_at is not None
    assert anew.attempt.next_at > first.attempt.next_at


async def test_a_job_of_a_page_that_is_deleted_before_its_second_look_fails_by_name(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> None:
    environment, job = await changed_page(database, crawls, site)
    first = await environment.run(crawls.crawl, job, None)
    async with database.transaction() as session:
        await session.execute(delete(Page).where(Page.id == job.page_id))
    with pytest.raises(ApplicationError, match="does not exist here any more") as failed:
        await environment.run(crawls.crawl, job, first.attempt)
    assert failed.value.type == SubjectGone.code


async def changed_page(
    database: Database, crawls: CrawlActivities, site: FakeSite
) -> tuple[ActivityEnvironment, CrawlPageInput]:
    """A page that was crawled and has changed since, whose news is confirmed; and its next job."""
    job = CrawlPageInput(page_id=await page_of(database, site))
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    site.page("/", PRICES)
    await environment.run(crawls.crawl, job, None)
    async with database.transaction() as session:
        page = await page_by_id(session, job.page_id)
        page.crawl_settings = CrawlSettings(confirm_after_seconds=60)
    site.page("/", DEARER)
    environment.info = replaced_id(environment, job_id="the next")
    return environment, job


def replaced_id(environment: ActivityEnvironment, job_id: str) -> Info:
    return replace(environment.info, workflow_id=job_id)


async def page_of(database: Database, site: FakeSite) -> UUID:
    async with database.transaction() as session:
        domain = await add_domain(
            session,
            await new_organisation(session),
            domain=site.origin,
            origin=site.origin,
            display_name="A site",
            check_frequency_hours=24,
        )
        [page_id] = (await add_pages(session, domain.id, [NewPage(site.url("/"), "home")])).added
    return page_id
