"""From a changed page to the webhook: what is told, to whom, when and how often."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

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
