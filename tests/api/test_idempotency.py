"""`Idempotency-Key`: what is asked for twice happens once."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System, running_system


async def post(system: System, path: str, key: str, body: object) -> httpx2.Response:
    """A POST with a key."""
    return await system.api.post(path, json=body, headers={"Idempotency-Key": key})


async def data(system: System, path: str, key: str, body: object) -> Any:
    """The data that it answers with."""
    answer = await post(system, path, key, body)
    assert answer.is_success, answer.text
    return answer.json()["data"]


async def test_a_domain_is_registered_once(system: System) -> None:
    body = {"domain": "competitor.com"}
    first, second = await asyncio.gather(
        data(system, "/api/domains", "k", body), data(system, "/api/domains", "k", body)
    )
    assert (first["id"], first["discoveryJobId"]) == (second["id"], second["discoveryJobId"])
    await eventually(system.stats, lambda stats: stats.total == 1)
    assert (await post(system, "/api/domains", "another", body)).status_code == 409


async def test_every_request_for_work_is_done_once(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    base = f"/api/domains/{domain.id}"
    page = await data(system, f"{base}/pages", "page", {"url": site.url("/a")})
    for path, body in (
        (f"{base}/pages", {"url": site.url("/a")}),
        (f"{base}/discover", {"maxPages": 5}),
        (f"{base}/crawl", {"delaySeconds": 60}),
        (f"/api/pages/{page['id']}/crawl", {}),
    ):
        key = "page" if path.endswith("/pages") else path
        assert await data(system, path, key, body) == await data(system, path, key, body)
    await eventually(system.stats, lambda stats: stats.total == 4)


async def test_a_failed_job_is_run_again_once(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
    path = f"/api/jobs/{domain.discovery_job_id}/retry"
    assert await data(system, path, "k", {}) == await data(system, path, "k", {})


async def test_the_same_key_with_another_body_or_path_is_a_conflict(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    path = f"/api/domains/{domain.id}/discover"
    await data(system, path, "k", {"maxPages": 5})
    for other, body in ((path, {"maxPages": 6}), (f"/api/domains/{domain.id}/crawl", {})):
        answer = await post(system, other, "k", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")


async def test_a_request_that_was_refused_does_not_use_its_key_up(
    system: System, site: FakeSite
) -> None:
    domain = await system.add_domain(site.origin)
    path = f"/api/domains/{domain.id}/discover"
    assert (await post(system, path, "k", {"maxPages": "many"})).status_code == 400
    await data(system, path, "k", {"maxPages": 5})


async def test_a_key_is_known_after_a_restart(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    path = f"/api/domains/{domain.id}/discover"
    first = await data(system, path, "k", {})
    async with running_system(system.settings) as restarted:
        answer = await restarted.api.post(
            path, json={}, headers={**system.api.headers, "Idempotency-Key": "k"}
        )
    assert answer.json()["data"] == first


@pytest.mark.parametrize("key", ["", "x" * 201, "two words"])
async def test_a_key_that_is_none_is_refused(system: System, key: str) -> None:
    answer = await post(system, "/api/domains", key, {"domain": "competitor.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert "Idempotency-Key" in answer.json()["details"]
