"""News that is told once a second look has confirmed it, through the whole system."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from core.jobs.contract import CrawlPageResult
from core.jobs.states import JobState
from store.tables.pending_confirmations import PendingConfirmation
from temporal.jobs.view import JobDetail
from tests.site import FakeSite
from tests.system import System

PAGE = "<title>Shop</title><p>Welcome.</p><p>Pro costs $99.</p><p>There are 12 friends in town.</p>"
DEARER = PAGE.replace("$99", "$129")
TAGGED = {"ETag": '"1"'}


@dataclass(frozen=True)
class Shop:
    """A page that a running system watches, and whose news it confirms."""

    system: System
    site: FakeSite
    page_id: UUID

    async def choose(self, **chosen: object) -> None:
        """Set crawl settings of the page."""
        await self.system.choose(f"/api/pages/{self.page_id}", **chosen)

    async def ask(self) -> str:
        """A job that crawls the page, tried once."""
        return await self.system.ask(f"/api/pages/{self.page_id}/crawl", maxAttempts=1)

    async def deferred(self) -> str:
        """A job that has found news, and waits for its next look."""
        job_id = await self.ask()
        job = await self.system.job_when(job_id, lambda job: job.next_attempt_at is not None)
        assert job.state is JobState.DELAYED
        return job_id

    async def look_again(self, job_id: str) -> None:
        """Let a job that waits look again now."""
        answer = await self.system.api.post(f"/api/jobs/{job_id}/promote")
        assert answer.status_code == 200, answer.text

    async def ended(self, job_id: str) -> JobDetail:
        """The job once it is over, which leaves nothing behind."""
        job = await self.system.finished(job_id)
        async with self.system.database.reading() as session:
            assert await session.scalar(select(func.count()).select_from(PendingConfirmation)) == 0
        return job

    async def found(self, job_id: str) -> CrawlPageResult:
        """What the job has found, now that it is over, at its one attempt."""
        job = await self.ended(job_id)
        assert job.state is JobState.COMPLETED, job.failed_reason
        assert job.attempts_made == 1
        return CrawlPageResult.model_validate(job.return_value)

    async def check(self) -> CrawlPageResult:
        """What a job has found that needs one look only."""
        return await self.found(await self.ask())

    async def told(self) -> list[dict[str, Any]]:
        """What was told of the page, oldest first."""
        answer = await self.system.api.get(f"/api/changes?pageId={self.page_id}&limit=100")
        return list(reversed(answer.json()["data"]))

    async def summaries(self) -> list[str]:
        """The sentences of what was told of the page, oldest first."""
        return [change["summary"] for change in await self.told()]

    async def snapshots(self) -> int:
        """How many snapshots of the page there are."""
        answer = await self.system.api.get(f"/api/pages/{self.page_id}/snapshots")
        total: int = answer.json()["meta"]["total"]
        return total

    def asked(self) -> int:
        """How often the site was asked for the page."""
        return len(self.site.requests_for("/"))


@pytest.fixture
async def shop(system: System, site: FakeSite) -> AsyncIterator[Shop]:
    """The front page of the site, crawled once; its domain has news confirmed after an hour."""
    site.page("/", PAGE, headers=TAGGED)
    domain_id, pages = await system.known_pages(site.origin, "/")
    async with system.worker():
        shop = Shop(system, site, pages["/"])
        assert (await shop.check()).baseline
        await system.choose(f"/api/domains/{domain_id}", confirmAfterSeconds=3600)
        yield shop


async def test_the_choice_makes_no_new_baseline(shop: Shop) -> None:
    found = await shop.check()
    assert (found.changed, found.baseline, found.status_code) == (False, False, 304)


async def test_a_change_that_stays_is_told_after_the_second_look(shop: Shop) -> None:
    shop.site.page("/", DEARER, headers={"ETag": '"2"'})
    job_id = await shop.deferred()
    assert (await shop.told(), await shop.snapshots()) == ([], 1)
    await shop.look_again(job_id)
    found = await shop.found(job_id)
    assert (found.changed, found.status_code) == (True, 200)
    assert await shop.summaries() == ["Price of Pro changed from $99 to $129."]
    assert await shop.snapshots() == 2
    assert [each.headers["if-none-match"] for each in shop.site.requests_for("/")[-2:]] == [
        '"1"',
        '"1"',
    ], "no 304 answers for what the first look saw"
    assert (await shop.check()).status_code == 304


async def test_the_second_look_comes_by_itself_when_it_is_due(shop: Shop) -> None:
    await shop.choose(confirmAfterSeconds=1)
    shop.site.page("/", DEARER)
    assert (await shop.check()).changed
    first, second = shop.site.requests_for("/")[-2:]
    assert second.at - first.at >= 1


async def test_a_change_that_is_gone_again_is_no_news(shop: Shop) -> None:
    shop.site.page("/", DEARER, headers={"ETag": '"2"'})
    job_id = await shop.deferred()
    shop.site.page("/", PAGE, headers=TAGGED)
    await shop.look_again(job_id)
    found = await shop.found(job_id)
    assert (found.changed, found.snapshot_id, found.status_code) == (False, None, 304)
    assert (await shop.told(), await shop.snapshots()) == ([], 1)


async def test_a_third_text_is_not_told_and_is_found_by_the_next_check(shop: Shop) -> None:
    shop.site.page("/", DEARER, headers={"ETag": '"2"'})
    job_id = await shop.deferred()
    shop.site.page("/", PAGE.replace("$99", "$119"), headers={"ETag": '"3"'})
    await shop.look_again(job_id)
    found = await shop.found(job_id)
    assert (found.changed, found.snapshot_id) == (False, None)
    assert await shop.told() == []
    job_id = await shop.deferred()
    await shop.look_again(job_id)
    assert (await shop.found(job_id)).changed
    assert await shop.summaries() == ["Price of Pro changed from $99 to $119."]


async def test_news_of_which_a_part_was_not_there_before_gets_a_third_look(shop: Shop) -> None:
    shop.site.page("/", DEARER)
    job_id = await shop.deferred()
    shop.site.page("/", DEARER + "<p>Buy one today!</p>")
    asked = shop.asked()
    await shop.look_again(job_id)
    await shop.site.arrived("/", asked + 1)
    again = await shop.system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
    assert again.attempts_made == 1
    assert await shop.told() == []
    shop.site.page("/", DEARER)
    await shop.look_again(job_id)
    found = await shop.found(job_id)
    assert await shop.summaries() == ["Price of Pro changed from $99 to $129."]
    snapshot = await shop.system.api.get(f"/api/snapshots/{found.snapshot_id}")
    assert "Buy" not in snapshot.json()["data"]["text"]


async def test_of_what_differs_at_each_look_only_what_stays_is_told(shop: Shop) -> None:
    asked = shop.asked()
    await shop.choose(confirmAfterSeconds=1)
    replies = (f"{DEARER}<p>Today: {word}!</p>" for word in ("apples", "pears", "plums"))
    shop.site.in_turn("/", *replies)
    assert (await shop.check()).changed
    assert shop.asked() - asked == 3
    assert await shop.summaries() == ["Price of Pro changed from $99 to $129."]


async def test_a_page_that_is_gone_once_is_not_told_as_removed(shop: Shop) -> None:
    shop.site.page("/", "gone", status=404)
    job_id = await shop.deferred()
    page = await shop.system.api.get(f"/api/pages/{shop.page_id}")
    assert page.json()["data"]["status"] == "active"
    shop.site.page("/", PAGE, headers=TAGGED)
    await shop.look_again(job_id)
    assert (await shop.found(job_id)).changed is False
    assert await shop.told() == []


async def test_a_page_that_stays_gone_is_told_as_removed_and_back_when_it_stays(
    shop: Shop,
) -> None:
    shop.site.page("/", "gone", status=410)
    job_id = await shop.deferred()
    await shop.look_again(job_id)
    job = await shop.ended(job_id)
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The site answered 410: the page does not exist."
    assert [each["changeType"] for each in await shop.told()] == ["page_removed"]
    shop.site.page("/", PAGE, headers=TAGGED)
    job_id = await shop.deferred()
    shop.site.page("/", "gone", status=410)
    await shop.look_again(job_id)
    assert (await shop.ended(job_id)).state is JobState.FAILED
    assert len(await shop.told()) == 1
    shop.site.page("/", PAGE, headers=TAGGED)
    job_id = await shop.deferred()
    await shop.look_again(job_id)
    assert (await shop.found(job_id)).changed
    assert [each["changeType"] for each in await shop.told()] == ["page_removed", "page_restored"]


async def test_a_page_that_comes_back_changed_tells_what_both_looks_saw(shop: Shop) -> None:
    await shop.choose(confirmAfterSeconds=0)
    shop.site.page("/", "gone", status=404)
    assert (await shop.ended(await shop.ask())).state is JobState.FAILED
    await shop.choose(confirmAfterSeconds=None)
    shop.site.page("/", DEARER)
    job_id = await shop.deferred()
    shop.site.page("/", PAGE.replace("$99", "$119"))
    await shop.look_again(job_id)
    assert (await shop.found(job_id)).changed
    [_, back] = await shop.summaries()
    assert back == "The page exists again. It says what it said before."
    job_id = await shop.deferred()
    await shop.look_again(job_id)
    assert (await shop.found(job_id)).changed
    assert (await shop.summaries())[-1] == "Price of Pro changed from $99 to $119."


async def test_a_page_that_another_job_tells_as_removed_meanwhile_is_back_when_it_is_seen_twice(
    shop: Shop,
) -> None:
    shop.site.page("/", "gone", status=404)
    one, other = await shop.deferred(), await shop.deferred()
    await shop.look_again(other)
    await shop.system.finished(other)
    shop.site.page("/", PAGE, headers=TAGGED)
    for looks in (4, 5):
        asked = shop.asked()
        await shop.look_again(one)
        await shop.site.arrived("/", asked + 1)
        if looks == 4:
            await shop.system.job_when(one, lambda job: job.state is JobState.DELAYED)
            assert [each["changeType"] for each in await shop.told()] == ["page_removed"]
    assert (await shop.found(one)).changed
    assert [each["changeType"] for each in await shop.told()] == ["page_removed", "page_restored"]


async def test_news_that_is_followed_by_a_page_that_is_gone_tells_neither(shop: Shop) -> None:
    shop.site.page("/", DEARER)
    job_id = await shop.deferred()
    shop.site.page("/", "gone", status=404)
    await shop.look_again(job_id)
    job = await shop.ended(job_id)
    assert job.failed_reason == "The site answered 404: the page does not exist."
    assert await shop.told() == []
    page = await shop.system.api.get(f"/api/pages/{shop.page_id}")
    assert page.json()["data"]["status"] == "active"


async def test_a_page_may_have_its_news_told_at_once(shop: Shop) -> None:
    await shop.choose(confirmAfterSeconds=0)
    shop.site.page("/", DEARER)
    asked = shop.asked()
    assert (await shop.check()).changed
    assert shop.asked() - asked == 1


async def test_what_is_no_news_needs_no_second_look(shop: Shop) -> None:
    asked = shop.asked()
    shop.site.page("/", PAGE + "<p>7 views</p>", headers={"ETag": '"2"'})
    shop.site.page("/", PAGE.replace("<p>Welcome", "<p class=x>Welcome"))
    assert (await shop.check()).changed is False
    assert shop.asked() - asked == 1


async def test_a_line_that_is_another_at_each_look_is_learned_without_an_alarm(
    shop: Shop,
) -> None:
    await shop.choose(confirmAfterSeconds=1)
    rotated = [PAGE.replace("12 friends", f"{number} friends") for number in range(13, 20)]
    shop.site.in_turn("/", *rotated)
    asked = shop.asked()
    for _ in range(3):
        assert (await shop.check()).changed is False
    assert await shop.told() == []
    muted = await shop.system.api.get(f"/api/pages/{shop.page_id}/muted")
    [region] = muted.json()["data"]
    assert region["words"] == "There are … friends in town."
    assert shop.asked() - asked == 5, "the third check knows it for noise at its first look"


async def test_a_line_that_flickers_is_learned_without_an_alarm(shop: Shop) -> None:
    for number in range(13, 15):
        shop.site.page("/", PAGE.replace("12 friends", f"{number} friends"))
        job_id = await shop.deferred()
        shop.site.page("/", PAGE, headers=TAGGED)
        await shop.look_again(job_id)
        assert (await shop.found(job_id)).changed is False
    shop.site.page("/", PAGE.replace("12 friends", "15 friends"))
    assert (await shop.check()).changed is False
    assert await shop.told() == []


async def test_news_whose_second_look_fails_is_neither_told_nor_learned(shop: Shop) -> None:
    friendlier = PAGE.replace("12 friends", "13 friends")
    for _ in range(3):
        shop.site.page("/", friendlier)
        job_id = await shop.deferred()
        shop.site.page("/", "broken", status=500)
        await shop.look_again(job_id)
        job = await shop.system.finished(job_id)
        assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert [each["event"] for each in await shop.told()] == ["watch_broken"]
    shop.site.page("/", friendlier)
    job_id = await shop.deferred()
    await shop.look_again(job_id)
    assert (await shop.system.finished(job_id)).state is JobState.COMPLETED
    told = [each["event"] for each in await shop.told()]
    assert sorted(told) == ["change", "watch_broken", "watch_restored"]


async def test_a_change_that_another_job_tells_meanwhile_is_told_once(shop: Shop) -> None:
    shop.site.page("/", DEARER)
    one = await shop.deferred()
    other = await shop.deferred()
    await shop.look_again(other)
    assert CrawlPageResult.model_validate((await shop.system.finished(other)).return_value).changed
    await shop.look_again(one)
    assert (await shop.found(one)).changed is False
    assert len(await shop.told()) == 1
