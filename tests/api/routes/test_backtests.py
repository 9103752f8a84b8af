"""Backtests over REST, run by a real worker over what real crawls have stored."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update

from api.deps import services_of
from core.text.packing import pack
from store.contents import keep
from store.tables.changes import Change
from store.tables.snapshots import Snapshot
from tests.api.crawled import CrawledPage, crawled_page, numbered, walked
from tests.eventually import eventually
from tests.faults import Fault, Stopped, faulty
from tests.site import FakeSite
from tests.system import System


def priced(price: int, *, noted: str = "") -> str:
    """A page that sells something."""
    return f"<h1>Prices</h1><p>Pro costs ${price} a month.</p>{noted}"


async def data(system: System, path: str) -> Any:
    """The data of an answer."""
    answer = await system.api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def asked(system: System, domain_id: UUID) -> str:
    """Ask for a backtest of the domain; its path."""
    answer = await system.api.post(f"/api/domains/{domain_id}/backtest")
    assert answer.status_code == 202, answer.text
    return f"/api/backtests/{answer.json()['data']['backtestId']}"


async def over(system: System, path: str) -> Any:
    """A backtest once it is over."""
    return await eventually(
        lambda: data(system, path), lambda found: found["state"] in ("completed", "failed")
    )


async def backtested(system: System, page: CrawledPage) -> tuple[Any, list[Any]]:
    """A backtest of the page's domain, and its report, oldest change first."""
    path = await asked(system, page.domain_id)
    async with system.worker():
        backtest = await over(system, path)
    return backtest, list(reversed(await data(system, f"{path}/changes")))


async def test_rules_that_have_not_changed_report_the_same_and_fetch_nothing(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, priced(99), priced(99), priced(119), priced(99))
    fetched = len(site.requests)
    backtest, [first, second] = await backtested(system, page)
    assert backtest["state"] == "completed"
    assert (backtest["progress"], backtest["failedReason"]) == (100, None)
    assert (backtest["pages"], backtest["pagesDone"], backtest["snapshots"]) == (1, 1, 3)
    assert [backtest[each] for each in ("same", "different", "new", "gone")] == [2, 0, 0, 0]
    assert len(site.requests) == fetched
    [change, _] = reversed(await data(system, f"/api/changes?pageId={page.page_id}"))
    assert first["reported"] == first["expected"] | {"confidence": None}
    assert first["reported"]["summary"] == change["summary"]
    assert (first["verdict"], first["changeId"]) == ("same", change["id"])
    assert (first["pageId"], first["url"]) == (str(page.page_id), site.url("/"))
    for key in ("beforeSnapshotId", "afterSnapshotId", "detectedAt"):
        assert first[key] == change[key]
    assert second["expected"]["summary"].startswith("Price of Pro changed from $119 to $99")


async def test_what_was_seen_under_other_settings_is_compared_with_nothing(
    system: System, site: FakeSite
) -> None:
    """As by the crawl that took it for its new baseline."""
    page = await crawled_page(system, site, priced(99), priced(119, noted="<p id=note>One.</p>"))
    chosen = {"crawlSettings": {"watchSelector": "#note"}}
    answer = await system.api.patch(f"/api/pages/{page.page_id}", json=chosen)
    assert answer.status_code == 200, answer.text
    async with system.worker():
        for note in ("Two.", "Three."):
            site.page("/", priced(129, noted=f"<p id=note>{note}</p>"))
            await system.finished(await system.ask(f"/api/pages/{page.page_id}/crawl"))
    backtest, report = await backtested(system, page)
    assert backtest["snapshots"] == 4
    assert [line["verdict"] for line in report] == ["same", "same"]
    assert report[0]["afterSnapshotId"] != report[1]["beforeSnapshotId"]


async def test_what_other_rules_reported_is_told_apart(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, *(priced(price) for price in (99, 119, 129, 139)))
    [third, second, first] = await data(system, f"/api/changes?pageId={page.page_id}")
    async with system.database.transaction() as session:
        # As rules would have reported that had other words, overlooked the second change, and
        # took the third version for another one than the fourth though nothing but noise differs.
        await session.execute(
            update(Change).where(Change.id == UUID(first["id"])).values(summary="It costs more.")
        )
        await session.execute(delete(Change).where(Change.id == UUID(second["id"])))
        before, after = UUID(third["beforeSnapshotId"]), UUID(third["afterSnapshotId"])
        html = await session.scalar(select(Snapshot.html_key).where(Snapshot.id == before))
        await session.execute(update(Snapshot).where(Snapshot.id == after).values(html_key=html))
    backtest, report = await backtested(system, page)
    assert [each["verdict"] for each in report] == ["different", "new", "gone"]
    assert [backtest[each] for each in ("same", "different", "new", "gone")] == [0, 1, 1, 1]
    different, new, gone = report
    assert different["reported"]["summary"] == "It costs more."
    assert different["expected"]["summary"] == first["summary"]
    assert (new["reported"], new["changeId"]) == (None, None)
    assert new["expected"] == {
        "changeType": second["changeType"],
        "severity": second["severity"],
        "summary": second["summary"],
        "confidence": second["confidence"],
    }
    assert gone["expected"] is None
    assert gone["reported"]["summary"] == third["summary"]
    path = f"/api/backtests/{backtest['id']}/changes"
    ids = [each["id"] for each in reversed(report)]
    assert await numbered(system.api, path, 2) == ids
    assert await walked(system.api, path, 2) == ids
    assert await data(system, f"{path}?verdict=gone&pageId={page.page_id}") == [gone]
    assert await data(system, f"{path}?pageId={uuid4()}") == []
    refused = await system.api.get(f"{path}?verdict=other")
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["verdict"])
    assert await data(system, f"/api/domains/{page.domain_id}/backtests") == [backtest]


@pytest.mark.parametrize("kept", [True, False])
async def test_html_that_was_kept_is_read_by_the_rules_of_today(
    system: System, site: FakeSite, kept: bool
) -> None:
    page = await crawled_page(system, site, priced(99), priced(119))
    text = pack("What rules of long ago read.")
    async with system.database.transaction() as session:
        await keep(session, [text])
        changes: dict[str, object] = {"text_key": text.key, "url": site.url("/")}
        await session.execute(
            update(Snapshot).values(**changes, **({} if kept else {"html_key": None}))
        )
    _, [change] = await backtested(system, page)
    assert change["verdict"] == ("same" if kept else "gone")


async def test_what_became_of_a_page_itself_is_told_again(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, priced(99))
    async with system.worker():
        for version, status in ((priced(99), 404), (priced(99), 200), ("", 404), (priced(5), 200)):
            site.page("/", version, status=status)
            await system.finished(await system.ask(f"/api/pages/{page.page_id}/crawl"))
    backtest, report = await backtested(system, page)
    assert [each["reported"]["changeType"] for each in report] == [
        "page_removed", "page_restored", "page_removed", "page_restored"
    ]  # fmt: skip
    assert backtest["same"] == 4


async def test_a_backtest_is_no_job(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, priced(99))
    backtest, _ = await backtested(system, page)
    jobs, stats = await system.jobs(), await system.stats()
    ended = (stats.completed, stats.failed, stats.total)
    assert (jobs.meta.total, *ended) == (2, 1, 1, 0), "the crawl, and a cancelled discovery"
    workflow_id = f"backtest-{UUID(backtest['id']).hex}"
    assert (await system.api.get(f"/api/jobs/{workflow_id}")).status_code == 404


async def test_without_a_worker_it_waits_and_a_repeated_request_starts_it_once(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, priced(99))
    path = f"/api/domains/{page.domain_id}/backtest"
    first, again = [
        await system.api.post(path, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert first.json() == again.json()
    [backtest] = await data(system, f"{path}s")
    assert (backtest["state"], backtest["progress"], backtest["finishedAt"]) == ("waiting", 0, None)
    async with system.worker():
        await over(system, f"/api/backtests/{backtest['id']}")


async def test_a_domain_without_snapshots_has_an_empty_report(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    path = await asked(system, domain.id)
    async with system.worker():
        assert (await over(system, path))["progress"] == 100
    assert await data(system, f"{path}/changes") == []


async def test_what_is_deleted_ends(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, priced(99), priced(119))
    path = await asked(system, page.domain_id)
    assert (await system.api.delete(path)).status_code == 204
    assert (await system.api.get(path)).status_code == 404
    workflow = system.client.get_workflow_handle(f"backtest-{UUID(path[-36:]).hex}")

    async def running() -> bool:
        return (await workflow.describe()).close_time is None

    async with system.worker():
        await eventually(running, lambda still: not still)


async def test_one_that_temporal_does_not_know_has_failed(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, priced(99))
    path = await asked(system, page.domain_id)
    workflow = system.client.get_workflow_handle(f"backtest-{UUID(path[-36:]).hex}")
    await workflow.terminate()
    backtest = await over(system, path)
    assert (backtest["state"], backtest["failedReason"]) == ("failed", "The job was cancelled.")


async def test_a_worker_that_stops_hands_a_backtest_on(system: System, site: FakeSite) -> None:
    for number in range(30):
        site.page(f"/{number}", priced(99))
    site.page("/", "".join(f'<a href="/{number}">{number}</a>' for number in range(30)))
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        for number in range(30):
            site.page(f"/{number}", priced(119))
        pages = await system.pages(domain.id)
        jobs = [await system.ask(f"/api/pages/{each}/crawl") for each in pages.values()]
        await asyncio.gather(*(system.finished(each) for each in jobs))
    path = await asked(system, domain.id)
    async with system.worker():
        await eventually(lambda: data(system, path), lambda found: found["pagesDone"] > 0)
    async with system.worker():
        backtest = await over(system, path)
    assert (backtest["pagesDone"], backtest["same"]) == (31, 30)
    report = await system.api.get(f"{path}/changes?limit=100")
    assert report.json()["meta"]["total"] == 30


async def test_a_backtest_that_temporal_was_not_told_of_yet_is_waiting(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    path = f"/api/domains/{domain.id}/backtest"
    async with faulty(system, 2, Fault.STOP):
        with pytest.raises(Stopped):
            await system.api.post(path)
    [listed] = await data(system, f"{path}s")
    assert (listed["state"], listed["failedReason"]) == ("waiting", None)
    await services_of(system.app).delivery.deliver(UUID(listed["id"]))
    assert (await data(system, f"/api/backtests/{listed['id']}"))["state"] == "waiting"
