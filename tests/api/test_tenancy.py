"""What another organisation owns answers, byte for byte, as what does not exist."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx2

from tests.api.operations import documentation
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

METHODS = ("get", "post", "patch", "delete")
BODIES = {"/api/domains/{domain_id}/pages": {"url": "http://127.0.0.1/"}}
MALFORMED = ("x", "1", "%00", "' OR 1=1 --", "x" * 300, str(uuid4()).replace("-", ""))


def routes_with_an_id(system: System) -> Iterator[tuple[str, str]]:
    """Method and path of every documented route that has one id in its path."""
    for path, item in documentation(system)["paths"].items():
        if "{" in path:
            yield from ((method, path) for method in METHODS if method in item)


async def owned(system: System, site: FakeSite) -> dict[str, str]:
    """An id of each kind that the first organisation owns, from real crawls."""
    site.page("/", "<p>Pro costs $99 a month.</p>")
    hook = {"kind": "webhook", "name": "ops", "url": site.url("/hook")}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    body = {"name": "all", "channelIds": [channel]}
    alert = (await system.api.post("/api/alerts", json=body)).json()["data"]["id"]
    feed = (await system.api.post("/api/feeds", json={"name": "all"})).json()["data"]["id"]
    body = {"name": "spare", "scope": "read"}
    key = (await system.api.post("/api/keys", json=body)).json()["data"]["id"]
    async with system.worker():
        domain = await system.add_domain(site.origin)
        await system.finished(domain.discovery_job_id)
        page_id = (await system.pages(domain.id))[site.url("/")]
        await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
        site.page("/", "<p>Pro costs $119 a month.</p>")
        asked = await system.api.post(f"/api/domains/{domain.id}/crawl", json={})
        batch_id = asked.json()["data"]["batchId"]
        job_id = await system.batch_job(batch_id, page_id)
        await eventually(lambda: system.stats(batchId=batch_id), lambda stats: stats.completed == 1)
    asked = await system.api.post(f"/api/domains/{domain.id}/backtest")
    [change] = (await system.api.get("/api/changes")).json()["data"]
    [delivery] = (await system.api.get("/api/deliveries")).json()["data"]
    return {
        "channel_id": channel,
        "alert_id": alert,
        "feed_id": feed,
        "key_id": key,
        "delivery_id": delivery["id"],
        "domain_id": str(domain.id),
        "page_id": str(page_id),
        "batch_id": batch_id,
        "job_id": job_id,
        "change_id": change["id"],
        "snapshot_id": change["afterSnapshotId"],
        "backtest_id": asked.json()["data"]["backtestId"],
    }


async def asked(
    api: httpx2.AsyncClient, method: str, path: str, given: str
) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers of the answer for the id `given`."""
    name = path[path.index("{") + 1 : path.index("}")]
    body = BODIES.get(path, {}) if method in ("post", "patch") else None
    answer = await api.request(method, path.replace(f"{{{name}}}", given), json=body)
    headers = {name: each for name, each in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.content, sorted(headers.items())


async def test_no_answer_tells_that_an_id_is_another_organisations(
    system: System, site: FakeSite
) -> None:
    ids = await owned(system, site)
    routes = list(routes_with_an_id(system))
    assert len(routes) >= 15
    async with await system.another_organisation() as stranger:
        for method, path in routes:
            name = path[path.index("{") + 1 : path.index("}")]
            foreign = await asked(stranger, method, path, ids[name])
            assert foreign[0] == 404, (method, path)
            for unknown in (str(uuid4()), *MALFORMED):
                assert await asked(stranger, method, path, unknown) == foreign, (method, path)
        for query in ("domainId", "pageId"):
            of_other = ids["domain_id" if query == "domainId" else "page_id"]
            for path in ("/api/changes", "/api/jobs", "/api/jobs/stats"):
                known = await stranger.get(f"{path}?{query}={of_other}")
                unknown_answer = await stranger.get(f"{path}?{query}={uuid4()}")
                assert known.content == unknown_answer.content
        for query in ("channelId", "alertId", "changeId"):
            of_other = ids[
                {"channelId": "channel_id", "alertId": "alert_id"}.get(query, "change_id")
            ]
            known = await stranger.get(f"/api/deliveries?{query}={of_other}")
            unknown_answer = await stranger.get(f"/api/deliveries?{query}={uuid4()}")
            assert known.content == unknown_answer.content
        assert (await stranger.get("/api/channels")).json()["data"] == []
    assert set(await system.pages(UUID(ids["domain_id"]))) == {site.url("/")}


async def test_pages_of_another_organisation_cannot_be_crawled_in_a_batch(
    system: System, site: FakeSite
) -> None:
    ids = await owned(system, site)
    async with await system.another_organisation() as stranger:
        added = await stranger.post("/api/domains", json={"domain": "competitor.com"})
        path = f"/api/domains/{added.json()['data']['id']}/crawl"
        foreign = await stranger.post(path, json={"pageIds": [ids["page_id"]]})
        unknown = await stranger.post(path, json={"pageIds": [str(uuid4())]})
    assert (foreign.status_code, foreign.content) == (404, unknown.content)
