"""Alerts and their previews."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from core.changes.events import watch_broken, watch_restored
from store.changes import record_event
from store.domains import domain_by_id
from tests.api.crawled import crawled_page
from tests.api.routes.test_channels import SIGNAL
from tests.site import FakeSite
from tests.system import System

QUIET = {"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"}


async def channel_of(system: System) -> str:
    """A channel."""
    added: str = (await system.api.post("/api/channels", json=SIGNAL)).json()["data"]["id"]
    return added


async def test_an_alert_shows_what_was_given_and_can_be_changed(system: System) -> None:
    api, channel = system.api, await channel_of(system)
    on = {"tags": ["  Rivals "], "minSeverity": "high", "words": ["free plan"]}
    body = {"name": "a", "channelIds": [channel], "on": on, "digest": "daily", "quietHours": QUIET}
    added = await api.post("/api/alerts", json=body, headers={"Idempotency-Key": "k"})
    assert added.status_code == 201, added.text
    alert = added.json()["data"]
    again = await api.post("/api/alerts", json=body, headers={"Idempotency-Key": "k"})
    assert again.json()["data"] == alert
    both = ["free plan"]
    shown = {name: value for name, value in alert["on"].items() if value is not None}
    assert shown == {
        "tags": ["rivals"],
        "minSeverity": "high",
        "words": {"appear": both, "vanish": both},
    }
    assert (alert["quietHours"], alert["digest"], alert["warnings"]) == (QUIET, "daily", [])
    path = f"/api/alerts/{alert['id']}"
    changed = await api.patch(path, json={"on": {}, "quietHours": None, "digest": "none"})
    data = changed.json()["data"]
    assert (data["quietHours"], data["digest"]) == (None, "none")
    assert data["warnings"] == ["Every change matches: nothing is left out."]
    assert (await api.get(path)).json()["data"] == data
    await api.delete(f"/api/channels/{channel}")
    assert "Nobody is told" in (await api.get(path)).json()["data"]["warnings"][1]
    assert (await api.delete(path)).status_code == 204
    assert (await api.get("/api/alerts")).json()["meta"]["total"] == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"channelIds": []}, "channelIds"),
        ({"channelIds": None}, "channelIds"),
        ({"channelIds": [str(uuid4())]}, "channelIds"),
        ({"on": {"domainIds": [str(uuid4())]}}, "on.domainIds"),
        ({"on": {"pageIds": [str(uuid4())]}}, "on.pageIds"),
        ({"on": {"pageIds": []}}, "on.pageIds"),
        ({"on": {"events": ["flood"]}}, "on.events.0"),
        ({"on": {"changeTypes": ["flood"]}}, "on.changeTypes.0"),
        ({"on": {"minConfidence": 1.5}}, "on.minConfidence"),
        ({"on": {"pricePercent": 0}}, "on.pricePercent"),
        ({"on": {"pricePercent": float("1e300")}}, "on.pricePercent"),
        ({"on": {"colour": "red"}}, "on.colour"),
        ({"digest": "weekly"}, "digest"),
        ({"quietHours": {**QUIET, "timeZone": "Europe/Bärlin"}}, "quietHours.timeZone"),
        ({"quietHours": {**QUIET, "timeZone": "../../etc/passwd"}}, "quietHours.timeZone"),
        ({"quietHours": {**QUIET, "from": "24:00"}}, "quietHours.from"),
        ({"quietHours": {**QUIET, "to": "22:00"}}, "quietHours"),
    ],
)
async def test_what_cannot_be_an_alert_is_refused(
    system: System, wrong: dict[str, Any], field: str
) -> None:
    body = {"name": "a", "channelIds": [await channel_of(system)], **wrong}
    answer = await system.api.post("/api/alerts", json=body)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["details"], answer.text


async def test_a_preview_answers_what_would_have_been_told(system: System, site: FakeSite) -> None:
    page = await crawled_page(
        system,
        site,
        "<p>Pro costs $100 a month.</p>",
        "<p>Pro costs $104 a month.</p>",
        "<p>Pro costs $156 a month.</p>",
    )
    await system.api.patch(f"/api/pages/{page.page_id}", json={"tags": ["Rivals"]})

    async def previewed(**body: Any) -> dict[str, Any]:
        answer = await system.api.post("/api/alerts/preview", json=body)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    everything = await previewed()
    assert (everything["examined"], everything["matched"], everything["messages"]) == (2, 2, 2)
    assert everything["complete"] is True
    rise = await previewed(on={"pricePercent": 10, "tags": ["rivals"]}, digest="daily", days=1)
    assert (rise["matched"], rise["messages"]) == (1, 1)
    assert rise["passedOver"] == {"price_moved_less": 1}
    [change] = rise["changes"]
    assert change["toldAt"].endswith("T08:00:00Z")
    none = await previewed(on={"tags": ["others"]})
    assert none["passedOver"] == {"other_tag": 2}
    assert (await system.api.get("/api/deliveries")).json()["meta"]["total"] == 0
    async with await system.another_organisation() as stranger:
        foreign = await stranger.post("/api/alerts/preview", json={})
        assert foreign.json()["data"]["examined"] == 0


async def test_a_preview_and_feeds_of_one_page_tell_that_its_domain_broke(system: System) -> None:
    domain = await system.add_domain("shop.example")
    path = f"/api/domains/{domain.id}/pages"
    pages = [
        (await system.api.post(path, json={"url": f"https://shop.example/{tag}", "tags": [tag]}))
        for tag in ("eu", "us")
    ]
    page_id, _ = [answer.json()["data"]["id"] for answer in pages]
    async with system.database.transaction() as session:
        for minute, event in enumerate((watch_broken("It broke."), watch_restored("It works."))):
            await record_event(
                session,
                await domain_by_id(session, domain.id),
                None,
                f"job {minute}",
                event,
                at=datetime.now(UTC),
            )
    for on, matched in (
        ({"pageIds": [page_id]}, 2),
        ({"pageIds": [page_id], "tags": ["eu"]}, 2),
        ({"pageIds": [page_id], "tags": ["us"]}, 0),
        ({"tags": ["us"]}, 2),
        ({"tags": ["asia"]}, 0),
    ):
        answer = await system.api.post("/api/alerts/preview", json={"on": on})
        assert answer.json()["data"]["matched"] == matched, on
    body = {"name": "a", "channelIds": [await channel_of(system)], "on": {"pageIds": [page_id]}}
    alert_id = (await system.api.post("/api/alerts", json=body)).json()["data"]["id"]
    for feed, told in (({"alertId": alert_id}, 2), ({"tag": "us"}, 2), ({"tag": "asia"}, 0)):
        added = await system.api.post("/api/feeds", json={"name": "a", **feed})
        read = await system.api.get(urlsplit(added.json()["data"]["url"]).path)
        assert read.text.count("<entry>") == told, feed


async def test_domains_and_pages_are_found_by_their_tags(system: System) -> None:
    tagged = {"domain": "competitor.com", "tags": ["  EU  ", "eu", "Rivals 100%"]}
    domain = (await system.api.post("/api/domains", json=tagged)).json()["data"]
    assert domain["tags"] == ["eu", "rivals 100%"]
    path = f"/api/domains/{domain['id']}/pages"
    for url, tags in (("https://competitor.com/a", ["x"]), ("https://competitor.com/b", [])):
        added = await system.api.post(path, json={"url": url, "tags": tags})
        assert added.json()["data"]["tags"] == tags

    async def found(path: str, tag: str) -> int:
        total: int = (await system.api.get(path, params={"tag": tag})).json()["meta"]["total"]
        return total

    assert [await found("/api/domains", each) for each in ("EU", "e", "rivals 100%", "%")] == [
        1, 0, 1, 0,
    ]  # fmt: skip
    assert [await found(path, each) for each in ("x", "eu")] == [1, 0]
    cleared = await system.api.patch(f"/api/domains/{domain['id']}", json={"tags": []})
    assert cleared.json()["data"]["tags"] == []
    for bad in ([""], ["a\nb"], ["x" * 51], ["x"] * 21):
        refused = await system.api.patch(f"/api/domains/{domain['id']}", json={"tags": bad})
        assert refused.status_code == 400, bad
