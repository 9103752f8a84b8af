"""`Idempotency-Key`: what is asked for twice happens once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.service import RPCError, RPCStatusCode

from temporal.jobs.backtests import workflow_id_of
from tests.eventually import eventually
from tests.faults import Fault, faulty
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


async def forgotten(system: System, job_id: str) -> None:
    """Have Temporal forget a job, as when its retention is over. One that has ended it would keep
    for half a minute.
    """
    await system.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=system.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=job_id),
        )
    )
    await eventually(lambda: exists(system, job_id), lambda found: not found)


async def exists(system: System, job_id: str) -> bool:
    """Whether Temporal knows the workflow."""
    try:
        await system.client.get_workflow_handle(job_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def test_what_temporal_has_forgotten_is_not_done_again(
    system: System, site: FakeSite
) -> None:
    domain = await data(system, "/api/domains", "domain", {"domain": site.origin})
    base = f"/api/domains/{domain['id']}"
    page = await data(system, f"{base}/pages", "page", {"url": site.url("/a")})
    cancelled = await data(system, f"{base}/discover", "cancelled", {})
    await system.api.post(f"/api/jobs/{cancelled['jobId']}/cancel")
    asked = {
        "domain": ("/api/domains", {"domain": site.origin}),
        "discover": (f"{base}/discover", {}),
        "crawl": (f"/api/pages/{page['id']}/crawl", {}),
        "retry": (f"/api/jobs/{cancelled['jobId']}/retry", None),
        "batch": (f"{base}/crawl", {}),
        "backtest": (f"{base}/backtest", None),
    }
    first = {key: await data(system, path, key, body) for key, (path, body) in asked.items()}
    jobs = [
        first["domain"]["discoveryJobId"],
        *(first[name]["jobId"] for name in ("discover", "crawl", "retry")),
        await system.fan_out_id(first["batch"]["batchId"]),
        workflow_id_of(UUID(first["backtest"]["backtestId"])),
    ]
    for job_id in jobs:
        await forgotten(system, job_id)
    again = {key: await data(system, path, key, body) for key, (path, body) in asked.items()}
    assert again == first
    assert [job_id for job_id in jobs if await exists(system, job_id)] == []
    del asked["domain"]  # its next crawl is told as it is now
    async with faulty(system, 1, Fault.AWAY):
        for key, (path, body) in asked.items():
            assert await data(system, path, key, body) == first[key]


async def test_what_was_deleted_does_not_come_back_with_the_key_that_made_it(
    system: System, site: FakeSite
) -> None:
    body = {"domain": site.origin}
    domain = await data(system, "/api/domains", "domain", body)
    pages = f"/api/domains/{domain['id']}/pages"
    page = await data(system, pages, "page", {"url": site.url("/a")})
    assert (await system.api.delete(f"/api/pages/{page['id']}")).status_code == 204
    assert await data(system, pages, "page", {"url": site.url("/a")}) == page
    assert (await system.api.get(pages)).json()["data"] == []
    assert (await system.api.delete(f"/api/domains/{domain['id']}")).status_code == 204
    assert await data(system, "/api/domains", "domain", body) == domain | {"nextCrawlAt": None}
    assert (await system.api.get("/api/domains")).json()["data"] == []


async def test_a_request_that_found_nothing_does_not_use_its_key_up(system: System) -> None:
    path = f"/api/domains/{uuid4()}/discover"
    assert (await post(system, path, "k", {})).status_code == 404
    await data(system, "/api/domains", "k", {"domain": "competitor.com"})


@pytest.mark.parametrize("key", ["", "x" * 201, "two words"])
async def test_a_key_that_is_none_is_refused(system: System, key: str) -> None:
    answer = await post(system, "/api/domains", key, {"domain": "competitor.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert "Idempotency-Key" in answer.json()["details"]
