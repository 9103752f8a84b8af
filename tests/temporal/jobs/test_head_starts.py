"""The first jobs of an organisation go ahead of what others have queued."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from core.jobs.contract import MAX_FAIRNESS_KEY_LENGTH, Owner
from store.tables.accounts import Organisation
from temporal.jobs.head_starts import AHEAD, BURST, HEAD_STARTS, PER_SECOND, HeadStarts
from tests.site import FakeSite
from tests.system import System


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, its only element."""
    now = [0.0]
    monkeypatch.setattr("temporal.jobs.head_starts.monotonic", lambda: now[0])
    return now


def taken(starts: HeadStarts, org_id: UUID, count: int) -> int:
    return sum(starts.take(org_id) for _ in range(count))


def test_an_organisation_has_a_few_head_starts_and_new_ones_later(clock: list[float]) -> None:
    starts, many, few = HeadStarts(), uuid4(), uuid4()
    assert taken(starts, many, 50_000) == BURST
    assert taken(starts, few, 1) == 1, "whatever another one has asked for"
    clock[0] += 3 / PER_SECOND
    assert taken(starts, many, 100) == 3
    clock[0] += 1_000
    assert taken(starts, many, 100) == BURST


def test_organisations_are_forgotten_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("temporal.jobs.head_starts.MAX_KEPT", 2)
    starts, first = HeadStarts(), uuid4()
    assert taken(starts, first, 100) == BURST
    for _ in range(2):
        starts.take(uuid4())
    assert starts.take(first)


def owner_at(host: str, org_id: UUID) -> Owner:
    return Owner(org_id=org_id, domain_id=uuid4(), page_id=None, url=None, host=host)


def test_turns_are_of_organisations_and_hosts() -> None:
    first, second = uuid4(), uuid4()
    for host in ("shop.example", f"{'long.' * 30}example", "ü" * 60):
        keys = {
            owner_at(host, first).fairness_key,
            owner_at(host, second).fairness_key,
            owner_at("other.example", first).fairness_key,
        }
        assert len(keys) == 3
        assert all(0 < len(key.encode()) <= MAX_FAIRNESS_KEY_LENGTH for key in keys)
        assert owner_at(host, first).fairness_key == owner_at(host, first).fairness_key


async def test_one_page_is_checked_before_the_many_that_another_organisation_has_queued(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them at one host, which was one turn for both."""
    monkeypatch.setattr("temporal.jobs.head_starts.PER_SECOND", 0.0)
    many = [f"/{number}" for number in range(60)]
    for path in (*many, "/mine"):
        site.page(path, "<p>Pro costs $99 a month.</p>")
    domain = await system.add_domain(site.origin)
    await system.api.post(f"/api/jobs/{domain.discovery_job_id}/cancel")
    while HEAD_STARTS.take(await organisation(system)):
        pass  # what has asked for so much has no more
    pages = [{"url": site.url(path)} for path in many]
    added = await system.api.post("/api/pages/import", json={"pages": pages})
    jobs = [
        await system.ask(f"/api/pages/{page['pageId']}/crawl")
        for page in added.json()["data"]["pages"]
    ]
    async with await system.another_organisation() as other:
        answer = await other.post("/api/domains", json={"domain": site.origin})
        mine = answer.json()["data"]
        await other.post(f"/api/jobs/{mine['discoveryJobId']}/cancel")
        answer = await other.post(
            f"/api/domains/{mine['id']}/pages", json={"url": site.url("/mine")}
        )
        answer = await other.post(f"/api/pages/{answer.json()['data']['id']}/crawl")
        job_id = answer.json()["data"]["jobId"]
        described = await system.client.get_workflow_handle(job_id).describe()
        assert described.raw_description.workflow_execution_info.priority.priority_key == AHEAD
    described = await system.client.get_workflow_handle(jobs[-1]).describe()
    assert described.raw_description.workflow_execution_info.priority.priority_key == 0
    one_at_a_time = system.settings.model_copy(update={"worker_concurrency": 1})
    async with replace(system, settings=one_at_a_time).worker():
        await system.client.get_workflow_handle(job_id).result()
        before = sum(len(site.requests_for(path)) for path in many)
        assert before < 10, "of sixty"


async def test_a_job_that_is_to_begin_later_takes_no_head_start(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.jobs.head_starts.PER_SECOND", 0.0)
    page_id = await system.lone_page(site)
    priorities = []
    for options in [{"delaySeconds": 3600}] * (BURST + 2) + [{}]:
        job_id = await system.ask(f"/api/pages/{page_id}/crawl", **options)
        described = await system.client.get_workflow_handle(job_id).describe()
        info = described.raw_description.workflow_execution_info
        priorities.append(info.priority.priority_key)
    assert priorities == [0] * (BURST + 2) + [AHEAD]


async def organisation(system: System) -> UUID:
    """The organisation of the system's key."""
    async with system.database.reading() as session:
        [org_id] = await session.scalars(select(Organisation.id))
    return org_id
