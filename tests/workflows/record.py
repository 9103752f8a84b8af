"""Records a history of every course that a workflow can take.

`make histories` runs it against a server, a worker and a web site of its own and writes
histories/CASE.json, which test_replay.py replays. Record anew only what changed on purpose: an old
history that no longer replays is a running job that the new code would break.
"""

import argparse
import asyncio
import json
import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID, uuid4

from temporalio.client import WorkflowFailureError

from activities.quick_look import QuickLookActivities
from api.deps import services_of
from cli.embedded import EmbeddedTemporal
from core.jobs.contract import QUICK_LOOK_LIMIT, BacktestInput
from core.jobs.ids import delivery_workflow_id
from core.jobs.states import CRAWL_DOMAIN, PRUNE_SNAPSHOTS, JobState
from core.settings import Settings
from temporal.housekeeping import PRUNING
from temporal.jobs.backtests import start_backtest, workflow_id_of
from tests.eventually import eventually
from tests.ports import free_port
from tests.receiver import Receiver
from tests.site import FakeSite
from tests.stored import stored_change
from tests.system import System, running_system
from tests.workflows.crawls import ENDS, HEARD, SILENT, crawls, workflows
from tests.workflows.foreign import foreign_team
from workflows.policies import retry_policy

DEARER: Final = "<p>Pro costs $129 a month.</p>"

HISTORIES: Final = Path(__file__).with_name("histories")

Course = Callable[[System, FakeSite], Awaitable[str]]
"""Runs a workflow to its end in a system with a worker, and returns the workflow id."""


async def crawl_completed(system: System, site: FakeSite) -> str:
    """The usual crawl: nothing is new, and it is over before it is published as active."""
    page_id = await _page(system, site)
    await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_by_quick_look(system: System, site: FakeSite) -> str:
    """The page was as before at its last check, and still is."""
    page_id = await _steady_page(system, site)
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_after_quick_look(system: System, site: FakeSite) -> str:
    """The quick look finds a change, and leaves it to the ordinary activity."""
    page_id = await _steady_page(system, site)
    site.page("/", DEARER)
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_cancelled_in_quick_look(system: System, site: FakeSite) -> str:
    """The workflow is cancelled while it looks."""
    page_id = await _steady_page(system, site)
    site.hold("/")
    asked = len(site.requests_for("/"))
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await site.arrived("/", asked + 1)
    await system.client.get_workflow_handle(job_id).cancel()
    return job_id


async def crawl_after_late_quick_look(system: System, site: FakeSite) -> str:
    """The quick look takes longer than Temporal allows, as on a machine that is too busy."""
    page_id = await _steady_page(system, site)

    async def late(*_: object) -> None:
        await asyncio.sleep(2 * QUICK_LOOK_LIMIT)

    with (
        patch("activities.quick_look.FINISHED_WITHIN", None),
        patch.object(QuickLookActivities, "_look", late),
    ):
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await system.finished(job_id)
    return job_id


async def crawl_retried(system: System, site: FakeSite) -> str:
    """The site is overloaded once."""
    page_id = await _page(system, site)
    site.failing("/", [503], then="<p>Back again.</p>")
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_published(system: System, site: FakeSite) -> str:
    """An attempt takes long enough to be published as active."""
    page_id = await _page(system, site)
    site.hold("/")
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await eventually(system.stats, lambda stats: stats.active == 1)
    site.release("/")
    return job_id


async def crawl_failed_at_once(system: System, site: FakeSite) -> str:
    """No retry can help."""
    page_id = await _page(system, site)
    site.page("/", "gone", status=410)
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_out_of_attempts(system: System, site: FakeSite) -> str:
    """The site fails each time."""
    page_id = await _page(system, site)
    site.page("/", "broken", status=500)
    return await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)


async def crawl_cancelled(system: System, site: FakeSite) -> str:
    """The workflow is cancelled in the middle of an attempt."""
    page_id = await _page(system, site)
    site.hold("/")
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await site.arrived("/", 2)
    await system.client.get_workflow_handle(job_id).cancel()
    return job_id


async def crawl_handed_back(system: System, site: FakeSite) -> str:
    """The worker stops in the middle of an attempt, and another one resumes it."""
    async with system.worker():
        page_id = await _page(system, site)
        site.hold("/")
        job_id = await system.ask(f"/api/pages/{page_id}/crawl")
        await site.arrived("/", 2)
    site.release("/")
    async with system.worker():
        await system.finished(job_id)
    return job_id


async def crawl_lost(system: System, site: FakeSite) -> str:
    """The attempt is lost before anything was heard of it, begins again and is lost once more."""
    async with system.worker():
        page_id = await _page(system, site)
    async with workflows(system), crawls(system, SILENT, HEARD, ENDS):
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=2)
        await system.finished(job_id)
    return job_id


async def crawl_lost_before(system: System, site: FakeSite) -> str:
    """The attempt is lost as in older versions, in which Temporal retried it."""
    with patch("workflows.attempts.job_retry_policy", retry_policy):
        async with system.worker():
            page_id = await _page(system, site)
        async with workflows(system), crawls(system, SILENT):
            job_id = await system.ask(f"/api/pages/{page_id}/crawl", maxAttempts=1)
            await system.finished(job_id)
    return job_id


async def crawl_confirmed(system: System, site: FakeSite) -> str:
    """A second fetch confirms the change."""
    return await system.ask(f"/api/pages/{await _changed_page(system, site, 1)}/crawl")


async def crawl_not_confirmed(system: System, site: FakeSite) -> str:
    """A second fetch finds the page unchanged."""
    page_id = await _changed_page(system, site, 3600)
    job_id = await _put_off(system, page_id)
    _shop(site)
    await system.api.post(f"/api/jobs/{job_id}/promote")
    return job_id


async def crawl_looked_at_three_times(system: System, site: FakeSite) -> str:
    """A second fetch finds the change and another one, and a third one confirms both."""
    page_id = await _changed_page(system, site, 1)
    site.in_turn("/", DEARER, f"{DEARER}<p>Buy one today.</p>")
    return await system.ask(f"/api/pages/{page_id}/crawl")


async def crawl_cancelled_before_second_look(system: System, site: FakeSite) -> str:
    """The workflow is cancelled while it waits for the second fetch."""
    job_id = await _put_off(system, await _changed_page(system, site, 3600))
    await system.client.get_workflow_handle(job_id).cancel()
    return job_id


async def crawl_as_child(system: System, site: FakeSite) -> str:
    """Another workflow starts it, without search attributes."""
    return await _child(system, "crawl.page", {"pageId": await _page(system, site)})


async def crawl_of_nothing(system: System, site: FakeSite) -> str:
    """Another workflow starts it for a page that does not exist."""
    return await _child(system, "crawl.page", {"pageId": str(uuid4())})


async def crawl_unreadable(system: System, site: FakeSite) -> str:
    """Another workflow starts it with input that it cannot read."""
    return await _child(system, "crawl.page", {})


async def discovery_completed(system: System, site: FakeSite) -> str:
    """The usual discovery."""
    return (await system.add_domain(_shop(site))).discovery_job_id


async def discovery_failed(system: System, site: FakeSite) -> str:
    """The front page is gone, and nothing leads elsewhere."""
    site.page("/", "gone", status=410)
    return (await system.add_domain(site.origin)).discovery_job_id


async def discovery_retried(system: System, site: FakeSite) -> str:
    """The site is overloaded once."""
    site.failing("/", [503], then="<p>Back again.</p>")
    return (await system.add_domain(site.origin)).discovery_job_id


async def discovery_published(system: System, site: FakeSite) -> str:
    """It takes long enough to be published as active."""
    site.hold("/")
    job_id = (await system.add_domain(_shop(site))).discovery_job_id
    await eventually(system.stats, lambda stats: stats.active == 1)
    site.release("/")
    return job_id


async def discovery_cancelled(system: System, site: FakeSite) -> str:
    """The workflow is cancelled in the middle of the discovery."""
    site.hold("/")
    job_id = (await system.add_domain(_shop(site))).discovery_job_id
    await site.arrived("/")
    await system.client.get_workflow_handle(job_id).cancel()
    return job_id


async def discovery_as_child(system: System, site: FakeSite) -> str:
    """Another workflow starts it, without search attributes."""
    domain = await system.add_domain(_shop(site))
    await system.finished(domain.discovery_job_id)
    return await _child(system, "discover.pages", {"domainId": str(domain.id)})


async def batch_by_api(system: System, site: FakeSite) -> str:
    """A client asks for a crawl of a domain."""
    domain = await system.add_domain(_shop(site))
    await system.finished(domain.discovery_job_id)
    answer = await system.api.post(f"/api/domains/{domain.id}/crawl", json={})
    return await system.fan_out_id(answer.json()["data"]["batchId"])


async def batch_by_schedule(system: System, site: FakeSite) -> str:
    """The schedule of a domain fires."""
    domain = await system.add_domain(_shop(site))
    await system.finished(domain.discovery_job_id)
    return await _run_of_schedule(system, domain.id)


async def batch_passing_over(system: System, site: FakeSite) -> str:
    """The schedule of a domain fires when the crawl of its page has not ended."""
    page_id = await _page(system, site)
    await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    return await _run_of_schedule(system, UUID(domain["id"]))


async def backtest_completed(system: System, site: FakeSite) -> str:
    """A page that was crawled once."""
    page_id = await _page(system, site)
    await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    answer = await system.api.post(f"/api/domains/{domain['id']}/backtest")
    return workflow_id_of(UUID(answer.json()["data"]["backtestId"]))


async def backtest_of_nothing(system: System, site: FakeSite) -> str:
    """It is deleted before it begins."""
    backtest_id = uuid4()
    await start_backtest(system.client, BacktestInput(backtest_id=backtest_id), "nowhere")
    return workflow_id_of(backtest_id)


async def pruning(system: System, site: FakeSite) -> str:
    """The daily schedule fires."""
    await system.client.get_schedule_handle(PRUNING).trigger()

    async def started() -> list[str]:
        query = f"WorkflowType = '{PRUNE_SNAPSHOTS}'"
        return [each.id async for each in system.client.list_workflows(query)]

    return (await eventually(started, bool))[0]


async def delivery_delivered(system: System, site: FakeSite) -> str:
    """A channel is told once, and nothing is left."""
    async with Receiver() as receiver:
        channel_id = await _channel(system, receiver)
        test = await system.api.post(f"/api/channels/{channel_id}/test")
        assert test.status_code == 202, test.text
        await receiver.got(1)
        return await _delivered(system, channel_id)


async def delivery_retried(system: System, site: FakeSite) -> str:
    """A channel fails once, and is told after a pause."""
    async with Receiver() as receiver:
        receiver.answer = lambda _: (503, {}) if not receiver.received else (204, {})
        channel_id = await _channel(system, receiver)
        alert = {"name": "all", "channelIds": [channel_id]}
        await system.api.post("/api/alerts", json=alert)
        change_id = await stored_change(system)
        await services_of(system.app).delivery.deliver(change_id)
        await receiver.got(2)
        return await _delivered(system, channel_id)


async def _channel(system: System, receiver: Receiver) -> str:
    hook = {"kind": "webhook", "name": "ops", "url": receiver.url()}
    channel_id: str = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    return channel_id


async def _delivered(system: System, channel_id: str) -> str:
    workflow_id = delivery_workflow_id(UUID(channel_id))
    await system.client.get_workflow_handle(workflow_id).result()
    return workflow_id


COURSES: Final[dict[str, Course]] = {
    "notification.deliver/delivered": delivery_delivered,
    "notification.deliver/retried": delivery_retried,
    "crawl.page/completed": crawl_completed,
    "crawl.page/quick_look": crawl_by_quick_look,
    "crawl.page/quick_look_and_more": crawl_after_quick_look,
    "crawl.page/cancelled_in_quick_look": crawl_cancelled_in_quick_look,
    "crawl.page/late_quick_look": crawl_after_late_quick_look,
    "crawl.page/retried": crawl_retried,
    "crawl.page/published": crawl_published,
    "crawl.page/failed_at_once": crawl_failed_at_once,
    "crawl.page/out_of_attempts": crawl_out_of_attempts,
    "crawl.page/cancelled": crawl_cancelled,
    "crawl.page/handed_back": crawl_handed_back,
    "crawl.page/lost": crawl_lost,
    "crawl.page/lost_before": crawl_lost_before,
    "crawl.page/confirmed": crawl_confirmed,
    "crawl.page/not_confirmed": crawl_not_confirmed,
    "crawl.page/looked_at_three_times": crawl_looked_at_three_times,
    "crawl.page/cancelled_before_second_look": crawl_cancelled_before_second_look,
    "crawl.page/child": crawl_as_child,
    "crawl.page/child_of_nothing": crawl_of_nothing,
    "crawl.page/unreadable_input": crawl_unreadable,
    "discover.pages/completed": discovery_completed,
    "discover.pages/retried": discovery_retried,
    "discover.pages/published": discovery_published,
    "discover.pages/failed": discovery_failed,
    "discover.pages/cancelled": discovery_cancelled,
    "discover.pages/child": discovery_as_child,
    "crawl.domain/by_api": batch_by_api,
    "crawl.domain/by_schedule": batch_by_schedule,
    "crawl.domain/passed_over": batch_passing_over,
    "backtest.domain/completed": backtest_completed,
    "backtest.domain/of_nothing": backtest_of_nothing,
    "prune.snapshots/by_schedule": pruning,
}
"""The cases: workflow type and what happens to it."""

WITH_WORKERS_OF_THEIR_OWN: Final = {
    "crawl.page/handed_back",
    "crawl.page/lost",
    "crawl.page/lost_before",
}
"""The cases in which workers come and go."""


async def _page(system: System, site: FakeSite) -> str:
    domain = await system.add_domain(_shop(site))
    await system.finished(domain.discovery_job_id)
    return str((await system.pages(domain.id))[site.url("/")])


async def _steady_page(system: System, site: FakeSite) -> str:
    """A page whose last check found it as it was."""
    page_id = await _page(system, site)
    for _ in range(2):
        await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    return page_id


async def _changed_page(system: System, site: FakeSite, confirm_after: int) -> str:
    """A page that has changed since its last crawl, and whose changes are confirmed."""
    page_id = await _page(system, site)
    await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    chosen = {"crawlSettings": {"confirmAfterSeconds": confirm_after}}
    await system.api.patch(f"/api/pages/{page_id}", json=chosen)
    site.page("/", DEARER)
    return page_id


async def _run_of_schedule(system: System, domain_id: UUID) -> str:
    await system.client.get_schedule_handle(f"crawl-of-{domain_id.hex}").trigger()

    async def started() -> list[str]:
        query = f"WorkflowType = '{CRAWL_DOMAIN}'"
        return [each.id async for each in system.client.list_workflows(query)]

    part = f"-{domain_id.hex}-"
    ids = await eventually(started, lambda ids: any(part in each for each in ids))
    return next(each for each in ids if part in each)


async def _put_off(system: System, page_id: str) -> str:
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await system.job_when(job_id, lambda job: job.state is JobState.DELAYED)
    return job_id


def _shop(site: FakeSite) -> str:
    site.page("/", "<p>Pro costs $99 a month.</p>")
    return site.origin


async def _child(system: System, name: str, argument: object) -> str:
    assert system.settings.temporal_address is not None
    child_id = f"child-{uuid4().hex}"
    async with foreign_team(system.settings.temporal_address) as team:
        parent = await team.start(name, child_id, argument)
        with suppress(WorkflowFailureError):
            await parent.result()
    return child_id


async def record(case: str, address: str, folder: Path) -> None:
    """Write the history of `case`, on the Temporal server at `address`."""
    settings = Settings(
        data_dir=folder,
        temporal_address=address,
        allow_private_networks=True,
        host_rps=1000,
        job_retention_days=1,
    )
    async with AsyncExitStack() as parts:
        site = await parts.enter_async_context(FakeSite())
        system = await parts.enter_async_context(running_system(settings))
        if case not in WITH_WORKERS_OF_THEIR_OWN:
            await parts.enter_async_context(system.worker())
        workflow = system.client.get_workflow_handle(await COURSES[case](system, site))
        with suppress(WorkflowFailureError):
            await workflow.result()
        history = await workflow.fetch_history()
    written = json.loads(history.to_json())
    path = HISTORIES / f"{case}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"id": history.workflow_id, **scrubbed(written)}, indent=1) + "\n")


def scrubbed(value: Any) -> Any:
    """`value` without what tells of the machine: who, on which sticky queue, in which file."""
    if isinstance(value, list):
        return [scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: scrubbed(each) for key, each in value.items() if key != "stackTrace"}
    if "identity" in kept:
        kept["identity"] = "recorder"
    if kept.get("kind") == "TASK_QUEUE_KIND_STICKY":
        kept["name"] = "sticky"
    return kept


async def record_all(cases: Sequence[str]) -> None:
    """Write the histories of `cases`."""
    with tempfile.TemporaryDirectory() as scratch:
        server = EmbeddedTemporal(
            database=None, port=free_port(), ui_port=None, log=Path(scratch, "temporal.log")
        )
        await server.start()
        try:
            for number, case in enumerate(cases):
                print(case)
                await record(case, server.address, Path(scratch, str(number)))
        finally:
            await server.stop()


def main() -> None:
    """Record the cases in the arguments, all without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", help="all when none is given")
    cases = parser.parse_args().case or list(COURSES)
    if unknown := set(cases) - set(COURSES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(record_all(cases))


if __name__ == "__main__":
    main()
