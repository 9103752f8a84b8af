"""A site that changes on all its pages at once, through the whole system."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from core.jobs.contract import CrawlPageResult
from core.jobs.states import JobState
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

NAMES = ("one", "two", "three", "four", "five", "six", "seven")
HEAD = "<p>Acme</p><p>Version 1.0, for everybody</p>"
NEWER = HEAD.replace("1.0", "1.1")


def show(site: FakeSite, head: str, *names: str, end: str = "The end.") -> None:
    """Have those pages of the site show `head`, or all."""
    for name in names or NAMES:
        site.page(f"/{name}", f"{head}<h1>Part {name}</h1><p>What {name} says.</p><p>{end}</p>")


@dataclass(frozen=True)
class Watched:
    """A site whose pages a running system watches, by their paths."""

    system: System
    site: FakeSite
    domain_id: UUID
    pages: dict[str, UUID]

    def show(self, head: str, *names: str, end: str = "The end.") -> None:
        """Have those pages show `head`, or all."""
        show(self.site, head, *names, end=end)

    async def crawl(self, *names: str) -> list[CrawlPageResult]:
        """What a crawl of each of those pages found, one after the other, or of all."""
        found = []
        for name in names or NAMES:
            path = f"/api/pages/{self.pages[f'/{name}']}/crawl"
            job = await self.system.finished(await self.system.ask(path, maxAttempts=1))
            assert job.state is JobState.COMPLETED, job.failed_reason
            found.append(CrawlPageResult.model_validate(job.return_value))
        return found

    async def crawl_together(self) -> None:
        """Crawl all pages of the site at once."""
        asked = await self.system.api.post(f"/api/domains/{self.domain_id}/crawl", json={})
        batch = asked.json()["data"]
        stats = await eventually(
            lambda: self.system.stats(batchId=batch["batchId"]),
            lambda stats: stats.completed + stats.failed == batch["jobsQueued"],
        )
        assert stats.failed == 0

    async def get(self, path: str) -> Any:
        """What the API answers."""
        return (await self.system.api.get(path)).json()

    async def summaries(self) -> list[str]:
        """What was reported."""
        return [each["summary"] for each in (await self.get("/api/changes"))["data"]]

    async def backtest(self) -> Any:
        """What a backtest of the domain reports."""
        answer = await self.system.api.post(f"/api/domains/{self.domain_id}/backtest")
        path = f"/api/backtests/{answer.json()['data']['backtestId']}"
        report = await eventually(
            lambda: self.get(path), lambda answer: answer["data"]["state"] == "completed"
        )
        return report["data"]

    async def asked(self) -> int:
        """How often pages were asked for."""
        return sum(len(self.site.requests_for(f"/{name}")) for name in NAMES)


@pytest.fixture
async def watched(system: System, site: FakeSite) -> AsyncIterator[Watched]:
    """Seven pages, crawled once."""
    site.page("/", "".join(f"<a href='/{name}'>{name}</a>" for name in NAMES))
    show(site, HEAD)
    domain_id, pages = await system.known_pages(site.origin, "/", *(f"/{each}" for each in NAMES))
    async with system.worker():
        watched = Watched(system, site, domain_id, pages)
        await watched.crawl_together()
        yield watched


async def test_a_site_that_changes_on_all_its_pages_at_once_raises_no_alarm(
    watched: Watched,
) -> None:
    before = await watched.asked()
    watched.show(NEWER)
    found = await watched.crawl()
    assert await watched.summaries() == []
    # The first page to change is believed once another one has been asked for; then it is known.
    assert await watched.asked() - before == len(NAMES) + 1
    # What the site says now is what the next crawls compare with.
    assert all(each.baseline and each.snapshot_id and not each.changed for each in found)
    assert [each.snapshot_id for each in await watched.crawl()] == [None] * len(NAMES)
    listed = await watched.get(f"/api/pages/{watched.pages['/one']}/snapshots")
    assert listed["meta"]["total"] == 2


async def test_neither_does_it_the_next_time(watched: Watched) -> None:
    for version in ("1.1", "1.2"):
        before = await watched.asked()
        watched.show(HEAD.replace("1.0", version))
        await watched.crawl()
        assert await watched.summaries() == []
        assert await watched.asked() - before == len(NAMES) + 1


async def test_pages_that_are_crawled_at_once_raise_no_alarm_either(watched: Watched) -> None:
    watched.show(NEWER)
    await watched.crawl_together()
    assert await watched.summaries() == []


async def test_a_page_that_changes_alone_is_told(watched: Watched) -> None:
    before = await watched.asked()
    watched.show(NEWER, "three")
    [found] = await watched.crawl("three")
    assert found.changed
    # That another one is as it was is all there is to know.
    assert await watched.asked() - before == 2
    assert await watched.summaries() == [
        "Changed “1.0,” to “1.1,” in “Version 1.0, for everybody”."
    ]


async def test_a_page_that_says_something_of_its_own_tells_that_alone(watched: Watched) -> None:
    watched.show(NEWER)
    watched.show(NEWER, "four", end="The very end.")
    await watched.crawl()
    assert await watched.summaries() == ["Added “very” to “The end.”."]


async def test_where_no_other_page_can_be_asked_the_news_is_told(watched: Watched) -> None:
    watched.show(NEWER, "five")
    for name in NAMES:
        if name != "five":
            watched.site.page(f"/{name}", "no", status=503)
    [found] = await watched.crawl("five")
    assert found.changed


async def test_a_backtest_knows_what_changed_on_all_pages_at_once(watched: Watched) -> None:
    watched.show(NEWER)
    watched.show(NEWER, "four", end="The very end.")
    await watched.crawl_together()
    report = await watched.backtest()
    assert (report["same"], report["new"]) == (1, 0)


@pytest.mark.parametrize("chosen", [{"watchSelector": "p, a"}, {"masksOff": ["site_wide"]}])
async def test_without_that_mask_it_is_told_of_each_page(
    watched: Watched, chosen: dict[str, object]
) -> None:
    await watched.system.choose(f"/api/domains/{watched.domain_id}", **chosen)
    watched.show(NEWER)
    await watched.crawl_together()
    watched.show(HEAD.replace("1.0", "1.2"))
    found = await watched.crawl()
    assert all(each.changed for each in found)
    report = await watched.backtest()
    assert (report["same"], report["gone"], report["new"]) == (len(NAMES), 0, 0)
