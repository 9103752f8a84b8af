"""From a changed page to the webhook: what is told, to whom, when and how often."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from core.jobs.states import JobState
from temporal.delivery import Reconciler
from tests.activities.discoveries import again
from tests.activities.test_discover import first, links
from tests.api.crawled import crawled_page
from tests.eventually import eventually
from tests.receiver import Receiver
from tests.site import FakeSite
from tests.system import System


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    async with Receiver() as receiver:
        yield receiver


async def made(system: System, path: str, **body: Any) -> dict[str, Any]:
    """What a POST made."""
    answer = await system.api.post(path, json=body)
    assert answer.status_code in (201, 202), answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def webhook(system: System, receiver: Receiver, path: str = "/hook") -> dict[str, Any]:
    """A channel to the receiver."""
    return await made(system, "/api/channels", kind="webhook", name="ops", url=receiver.url(path))


async def deliveries(system: System, **query: Any) -> list[dict[str, Any]]:
    """The newest deliveries."""
    answer = await system.api.get("/api/deliveries", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_changed_page_is_told_once_signed_and_with_links(
    system: System, site: FakeSite, receiver: Receiver
) -> None:
    channel = await webhook(system, receiver)
    alert = await made(system, "/api/alerts", name="all", channelIds=[channel["id"]])
    assert alert["warnings"] == ["Every change matches: nothing is left out."]
    page = await crawled_page(
        system, site, "<p>Pro costs $99 a month.</p>", "<p>Pro costs $119 a month.</p>"
    )
    async with system.worker():
        [told] = await receiver.got(1)
        [delivery] = await eventually(
            lambda: deliveries(system), lambda found: found[0]["state"] == "delivered"
        )
    content = told.verified(channel["secret"])
    [change] = (await system.api.get("/api/changes")).json()["data"]
    assert content["type"] == "change.created"
    data = content["data"]
    del change["acknowledgedAt"], change["acknowledgedBy"]
    assert {name: data[name] for name in change} == change
    assert data["links"]["change"].endswith(f"/api/changes/{change['id']}")
    assert told.id == f"msg_{UUID(delivery['id']).hex}"
    assert (delivery["attempts"], delivery["lastAnswer"]) == (1, "204 x")
    assert (delivery["alertId"], delivery["changeId"]) == (alert["id"], change["id"])
    assert data["pageId"] == str(page.page_id)
    assert len(receiver.received) == 1
    assert len(told.body) < 20_000


async def test_events_are_told_at_once_and_not_by_the_reconciler(
    system: System, site: FakeSite, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reconciler, "run", lambda _: asyncio.Event().wait())
    channel = await webhook(system, receiver)
    await made(system, "/api/alerts", name="all", channelIds=[channel["id"]])
    events: list[str] = []

    async def heard(event: str) -> None:
        events.append(event)
        got = await receiver.got(len(events))
        assert [each.content["data"]["event"] for each in got] == events

    site.page("/", links("/old"))
    site.page("/old", "<p>words</p>")
    async with system.worker():
        domain_id, _ = await first(system, site)
        site.page("/", links("/old", "/pricing"))
        site.page("/pricing", "<h1>Plans</h1><p>Pro costs $99 a month.</p>")
        await again(system, domain_id)
        await heard("page_added")
        path = f"/api/pages/{(await system.pages(domain_id))[site.url('/pricing')]}"
        await system.choose(path, watchSelector="#missing")
        assert await ends(system, f"{path}/crawl") is JobState.FAILED
        await heard("watch_broken")
        await system.choose(path, watchSelector=None)
        assert await ends(system, f"{path}/crawl") is JobState.COMPLETED
        await heard("watch_restored")
        site.page("/", links("/old"))
        await again(system, domain_id)
        await heard("page_unlinked")
        site.page("/", "it broke", status=500)
        for _ in range(system.settings.watch_broken_after):
            assert await ends(system, f"/api/domains/{domain_id}/discover") is JobState.FAILED
        await heard("watch_broken")


async def ends(system: System, path: str) -> JobState:
    """How a job of one attempt ends."""
    return (await system.finished(await system.ask(path, maxAttempts=1))).state
