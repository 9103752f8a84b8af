"""Feeds over REST, and at their own addresses."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import feedparser
import httpx2
import pytest

from core.alerts.rules import AlertRule, ChangeFacts, Verdict, judge
from core.changes.events import watch_broken
from core.changes.rules import ChangeType
from store.changes import record_event
from store.domains import domain_by_id
from store.pages import page_by_id
from store.tables.domains import Domain
from store.tables.pages import Page
from tests.store.rows import NEWS, minutes
from tests.system import System


async def added(system: System, **body: object) -> dict[str, Any]:
    """A new feed."""
    answer = await system.api.post("/api/feeds", json={"name": "Rivals", **body})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def patched(system: System, path: str, **body: object) -> None:
    """Change what is at `path`."""
    answer = await system.api.patch(path, json=body)
    assert answer.status_code == 200, answer.text


async def read(
    system: System, feed: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    """The answer of the feed's address to somebody without a key."""
    path = urlsplit(feed["url"]).path
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=system.app), base_url="http://x")
    async with client:
        return await client.get(path, headers=headers)


async def entries(system: System, feed: Mapping[str, Any]) -> list[str]:
    """The titles of the entries, newest first."""
    answer = await read(system, feed)
    assert answer.status_code == 200, answer.text
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    return [entry.title for entry in parsed.entries]


async def changed(
    system: System, domain_id: UUID, page_id: UUID | None, summary: str, minute: int
) -> None:
    """A change, as a crawl stores it."""
    async with system.database.transaction() as session:
        owner: Domain | Page = (
            await page_by_id(session, page_id)
            if page_id
            else await domain_by_id(session, domain_id)
        )
        detected = replace(NEWS, summary=summary)
        await record_event(session, owner, page_id, f"job-{minute}", detected, at=minutes(minute))


async def test_a_feed_is_of_the_organisation_a_domain_a_tag_or_an_alert(system: System) -> None:
    one, other = [await system.add_domain(f"{name}.example") for name in ("one", "other")]
    await patched(system, f"/api/domains/{one.id}", tags=["rivals"])
    answer = await system.api.post(
        f"/api/domains/{other.id}/pages", json={"url": "https://other.example/a", "tags": ["eu"]}
    )
    page_id = UUID(answer.json()["data"]["id"])
    hook = {"kind": "webhook", "name": "ops", "url": "https://hooks.example.com/"}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    on = {"changeTypes": [ChangeType.WATCH_BROKEN]}
    alert = {"name": "broken", "channelIds": [channel], "on": on}
    alert_id = (await system.api.post("/api/alerts", json=alert)).json()["data"]["id"]
    await changed(system, one.id, None, "First.", 1)
    await changed(system, other.id, page_id, "Second.", 2)
    everything = await added(system)
    assert (everything["kind"], everything["domainId"]) == ("organisation", None)
    both = ["other.example: Second.", "one.example: First."]
    assert await entries(system, everything) == both
    for body, expected in (
        ({"domainId": str(one.id)}, both[1:]),
        ({"domainId": str(other.id)}, both[:1]),
        ({"tag": "Rivals "}, both[1:]),
        ({"tag": "eu"}, both[:1]),
        ({"tag": "none"}, []),
        ({"alertId": alert_id}, []),
    ):
        assert await entries(system, await added(system, **body)) == expected, body
    await patched(system, f"/api/alerts/{alert_id}", on={"minSeverity": "low"})
    of_alert = await added(system, alertId=alert_id)
    assert await entries(system, of_alert) == both
    await system.api.delete(f"/api/alerts/{alert_id}")
    assert (await read(system, of_alert)).status_code == 404
    await system.api.delete(f"/api/domains/{other.id}")
    assert await entries(system, everything) == both[1:]


async def test_a_reader_that_has_a_feed_is_told_so(system: System) -> None:
    feed = await added(system)
    answer = await read(system, feed)
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    known = {"If-None-Match": answer.headers["etag"]}
    again = await read(system, feed, known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    domain = await system.add_domain("shop.example")
    await changed(system, domain.id, None, "News.", 1)
    newer = await read(system, feed, known)
    assert (newer.status_code, newer.headers["etag"] != answer.headers["etag"]) == (200, True)


async def alert_feed(system: System, **on: object) -> tuple[str, dict[str, Any]]:
    """An alert with this rule, and a feed of it."""
    hook = {"kind": "webhook", "name": "ops", "url": "https://hooks.example.com/"}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    alert = {"name": "a", "channelIds": [channel], "on": on}
    alert_id = (await system.api.post("/api/alerts", json=alert)).json()["data"]["id"]
    return alert_id, await added(system, alertId=alert_id)


class Judgements:
    """Counts what is judged, and says whether that was on the thread of the event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.threads: set[threading.Thread] = set()
        monkeypatch.setattr("store.feeds.judge", self._judge)

    def _judge(self, rule: AlertRule, facts: ChangeFacts) -> Verdict:
        self.count += 1
        self.threads.add(threading.current_thread())
        return judge(rule, facts)


async def test_a_poll_of_an_alert_that_has_nothing_new_judges_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = await system.add_domain("shop.example")
    _, feed = await alert_feed(system, words={"appear": ["b"]})
    for minute in range(3):
        await changed(system, domain.id, None, "News.", minute)
    judged = Judgements(monkeypatch)
    first = await read(system, feed)
    assert first.text.count("<entry>") == judged.count == 3
    assert threading.current_thread() not in judged.threads, "the loop serves others meanwhile"
    again = await read(system, feed, {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["x-robots-tag"]) == (304, "noindex")
    whole = await read(system, feed)
    assert (whole.content, whole.headers["etag"]) == (first.content, first.headers["etag"])
    assert judged.count == 3


async def test_whatever_a_feed_of_an_alert_depends_on_makes_it_new(system: System) -> None:
    domain = await system.add_domain("shop.example")
    answer = await system.api.post(
        f"/api/domains/{domain.id}/pages", json={"url": "https://shop.example/a"}
    )
    page_id = UUID(answer.json()["data"]["id"])
    alert_id, feed = await alert_feed(system, tags=["eu"])
    of_page = f"/api/pages/{page_id}"
    known: dict[str, str] = {}

    async def shown() -> int:
        """The number of entries; the reader has none of what it is given."""
        answer = await read(system, feed, known)
        assert answer.status_code == 200
        known["If-None-Match"] = answer.headers["etag"]
        assert (await read(system, feed, known)).status_code == 304
        return answer.text.count("<entry>")

    assert await shown() == 0
    await changed(system, domain.id, page_id, "News.", 5)
    await shown()
    await patched(system, of_page, tags=["eu"])
    assert await shown() == 1
    await changed(system, domain.id, page_id, "Older news.", 1)
    assert await shown() == 2, "a change that was found earlier may be stored later"
    await patched(system, f"/api/domains/{domain.id}", tags=["rivals"])
    assert await shown() == 2, "the tags are shown"
    await patched(system, of_page, tags=[])
    assert await shown() == 0
    await patched(system, f"/api/alerts/{alert_id}", on={"tags": ["rivals"]})
    assert await shown() == 2
    await patched(system, f"/api/alerts/{alert_id}", on={"tags": ["us"]})
    assert await shown() == 0
    async with system.database.transaction() as session:
        owner = await domain_by_id(session, domain.id)
        broken = watch_broken("It broke.")
        await record_event(session, owner, None, "job", broken, at=minutes(9))
    await shown()
    await system.api.post(
        f"/api/domains/{domain.id}/pages",
        json={"url": "https://shop.example/b", "tags": ["us"]},
    )
    assert await shown() == 1, "a page that it is about"
    await system.api.delete(of_page)
    assert await shown() == 1


async def test_the_address_of_a_feed_is_shown_once_and_can_be_revoked(system: System) -> None:
    body, key = {"name": "Rivals"}, {"Idempotency-Key": uuid4().hex}
    first, second = [
        (await system.api.post("/api/feeds", json=body, headers=key)).json()["data"]
        for _ in range(2)
    ]
    assert first["url"].startswith(system.settings.resolved_public_url)
    assert second == {**first, "url": None}
    shown = (await system.api.get(f"/api/feeds/{first['id']}")).json()["data"]
    assert shown == {name: value for name, value in first.items() if name != "url"}
    assert (await system.api.get("/api/feeds")).json()["data"] == [shown]
    assert (await read(system, first)).status_code == 200
    assert (await system.api.delete(f"/api/feeds/{first['id']}")).status_code == 204
    gone = await read(system, first)
    unknown = await read(system, {"url": f"http://x/feeds/{'x' * 43}"})
    assert gone.status_code == unknown.status_code == 404
    assert gone.content == unknown.content
    assert (await system.api.delete(f"/api/feeds/{first['id']}")).status_code == 404


async def test_a_feed_has_nothing_of_another_organisation(system: System) -> None:
    domain = await system.add_domain("shop.example")
    await patched(system, f"/api/domains/{domain.id}", tags=["rivals"])
    await changed(system, domain.id, None, "News.", 1)
    async with await system.another_organisation() as stranger:
        for body in ({}, {"tag": "rivals"}):
            answer = await stranger.post("/api/feeds", json={"name": "all", **body})
            assert await entries(system, answer.json()["data"]) == []
        answer = await stranger.post("/api/feeds", json={"name": "a", "domainId": str(domain.id)})
    assert answer.status_code == 400
    assert answer.json()["details"] == {"domainId": f"There is no domain {domain.id}."}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "a", "domainId": "x"}, ["domainId"]),
        ({"name": "a", "alertId": str(uuid4())}, ["alertId"]),
        ({"name": "a", "tag": ""}, ["tag"]),
        ({"name": "a", "tag": "a", "alertId": str(uuid4())}, ["alertId", "tag"]),
        ({"name": "a", "pageId": str(uuid4())}, ["pageId"]),
    ],
)
async def test_a_feed_of_nothing_is_refused(
    system: System, body: dict[str, str], fields: list[str]
) -> None:
    answer = await system.api.post("/api/feeds", json=body)
    assert (answer.status_code, sorted(answer.json()["details"])) == (400, fields)
