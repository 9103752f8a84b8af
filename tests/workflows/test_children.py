"""Jobs that another workflow starts as its children, by name and without search attributes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import is_cancelled_exception

from cli.embedded import EmbeddedTemporal
from core.jobs.states import JobState
from core.settings import Settings
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System, running_system
from tests.workflows.foreign import ForeignTeam, foreign_team


@pytest.fixture(scope="module")
async def team(temporal: EmbeddedTemporal) -> AsyncIterator[ForeignTeam]:
    """Somebody else, in the same namespace."""
    async with foreign_team(temporal.address) as team:
        yield team


@pytest.fixture(scope="module")
async def working(
    temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A system with a worker, for all tests here: each has a site and so a domain of its own."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("children"),
        temporal_address=temporal.address,
        allow_private_networks=True,
        host_rps=1000,
    )
    async with running_system(settings) as system, system.worker():
        yield system


async def test_a_discovery_started_as_a_child_is_a_job_like_any_other(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    site.page("/", '<a href="/pricing">Prices</a>')
    site.page("/pricing", "<p>Pro costs $99 a month.</p>")
    domain = await working.add_domain(site.origin)
    await working.finished(domain.discovery_job_id)
    job_id = f"foreign-{uuid4().hex}"
    parent = await team.start("discover.pages", job_id, {"domainId": str(domain.id), "maxDepth": 1})
    assert await parent.result() == {
        "pagesDiscovered": 2,
        "pagesAdded": 0,
        "pagesKnown": 2,
        "urlsSeen": 2,
        "leftOut": {},
        "baselines": 0,
        "notes": [],
    }
    job = await working.job(job_id)
    assert (job.name, job.type, job.domain_id, job.page_id) == (
        "discover.pages", "discover", domain.id, None,
    )  # fmt: skip
    assert (job.state, job.progress, job.attempts_made) == (JobState.COMPLETED, 100, 1)
    assert job.max_attempts == 3
    assert job.return_value == await parent.result()
    listed = await eventually(
        lambda: working.jobs(domainId=domain.id, type="discover", status="completed"),
        lambda answer: answer.meta.total == 2,
    )
    assert {row.id for row in listed.data} == {job_id, domain.discovery_job_id}


async def test_a_crawl_started_as_a_child_is_a_job_like_any_other(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    site.hold("/")
    job_id = f"foreign-{uuid4().hex}"
    parent = await team.start("crawl.page", job_id, {"pageId": page_id, "maxAttempts": 2})
    await site.arrived("/", 2)
    active = await working.job_when(job_id, lambda job: job.state is JobState.ACTIVE)
    assert (active.url, str(active.page_id), active.max_attempts) == (site.url("/"), page_id, 2)
    listed = await eventually(
        lambda: working.jobs(pageId=page_id, status="active"), lambda answer: answer.meta.total == 1
    )
    assert [row.id for row in listed.data] == [job_id]
    site.release("/")
    found = await parent.result()
    assert found["changed"] is False
    assert (found["statusCode"], found["baseline"]) == (200, True)
    assert (await working.job(job_id)).return_value == found


async def test_a_child_belongs_to_the_organisation_of_its_subject_alone(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    job_id = f"foreign-{uuid4().hex}"
    await (await team.start("crawl.page", job_id, {"pageId": page_id})).result()
    async with await working.another_organisation() as other:
        assert (await other.get(f"/api/jobs/{job_id}")).status_code == 404
        assert (await other.get("/api/jobs")).json()["data"] == []


async def test_a_child_that_fails_tells_its_parent_the_type_and_the_sentence(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    site.page("/", "gone", status=410)
    error = await team.error_of("crawl.page", {"pageId": page_id})
    assert error.type == "PAGE_GONE"
    [job] = (
        await eventually(
            lambda: working.jobs(pageId=page_id, status="failed"),
            lambda answer: answer.meta.total == 1,
        )
    ).data
    assert job.failed_reason == error.message


async def test_a_discovery_of_a_domain_that_is_being_discovered_waits_for_it(
    working: System, team: ForeignTeam, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.discovery.lock.MAX_LOCK_WAIT", 0)
    monkeypatch.setattr("activities.discovery.lock.LOCK_RETRY_DELAY", timedelta(seconds=1))
    site.page("/", "<p>words</p>")
    site.hold("/")
    domain = await working.add_domain(site.origin)
    await site.arrived("/")
    job_id = f"foreign-{uuid4().hex}"
    child = {"domainId": str(domain.id), "maxAttempts": 1}
    parent = await team.start("discover.pages", job_id, child)
    await eventually(
        lambda: working.jobs(domainId=str(domain.id), status="delayed"),
        lambda answer: [job.id for job in answer.data] == [job_id],
    )
    site.release("/")
    assert (await working.finished(domain.discovery_job_id)).state is JobState.COMPLETED
    assert (await parent.result())["pagesKnown"] == 1
    job = await working.job(job_id)
    assert (job.state, job.attempts_made) == (JobState.COMPLETED, 1)


@pytest.mark.parametrize(
    ("child", "field"),
    [("crawl.page", "pageId"), ("discover.pages", "domainId"), ("crawl.domain", "domainId")],
)
async def test_a_subject_that_does_not_exist_fails_the_child_as_gone(
    working: System, team: ForeignTeam, child: str, field: str
) -> None:
    error = await team.error_of(child, {field: str(uuid4())})
    assert (error.type, error.non_retryable) == ("SUBJECT_GONE", True)


UNKNOWN_ENCODING = RawValue(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?"))
BYTES = RawValue(Payload(metadata={"encoding": b"binary/plain"}, data=b"page"))
NO_JSON = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{"))

UNREADABLE: dict[str, tuple[list[Any], str]] = {
    "no input": ([], "one JSON object"),
    "two inputs": ([{"pageId": str(uuid4())}, 1], "one JSON object"),
    "null": ([None], "one JSON object"),
    "text": (["page"], ""),
    "a list": ([[]], ""),
    "nothing in it": ([{}], "pageId"),
    "an id that is none": ([{"pageId": "12345"}], "pageId"),
    "no attempt": ([{"pageId": str(uuid4()), "maxAttempts": 0}], "maxAttempts"),
    "an attempt in words": ([{"pageId": str(uuid4()), "maxAttempts": "two"}], "maxAttempts"),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_input_that_cannot_be_read_fails_the_child_at_once(
    working: System, team: ForeignTeam, case: str
) -> None:
    arguments, named = UNREADABLE[case]
    error = await team.error_of("crawl.page", *arguments)
    assert (error.type, error.non_retryable) == ("INVALID_INPUT", True)
    assert named in error.message


@pytest.mark.parametrize(
    "payload", [UNKNOWN_ENCODING, BYTES, NO_JSON], ids=["encrypted", "bytes", "no JSON"]
)
async def test_a_payload_that_cannot_be_decoded_fails_the_workflow_at_once(
    working: System, payload: RawValue
) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await working.client.execute_workflow(
            "crawl.page", payload, id=f"raw-{uuid4().hex}", task_queue="diffy"
        )
    assert getattr(failed.value.cause, "type", None) == "INVALID_INPUT"


@pytest.mark.parametrize("child", ["discover.pages", "crawl.domain"])
async def test_unreadable_input_fails_every_workflow(
    working: System, team: ForeignTeam, child: str
) -> None:
    error = await team.error_of(child, {"domainId": None})
    assert error.type == "INVALID_INPUT"
    assert "domainId" in error.message


async def test_what_a_later_version_may_add_to_the_input_is_no_fault(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    asked = {"pageId": page_id, "colour": "green"}
    parent = await team.start("crawl.page", f"foreign-{uuid4().hex}", asked)
    assert (await parent.result())["statusCode"] == 200


async def test_cancelling_the_parent_cancels_the_child(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    site.hold("/")
    job_id = f"foreign-{uuid4().hex}"
    parent = await team.start("crawl.page", job_id, {"pageId": page_id})
    await site.arrived("/", 2)
    await parent.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await parent.result()
    assert is_cancelled_exception(failed.value.cause)
    job = await working.finished(job_id)
    assert (job.state, job.failed_reason) == (JobState.FAILED, "The job was cancelled.")
    assert job.attempts_made == 1


async def test_a_child_between_two_attempts_is_delayed_and_then_goes_on(
    working: System, team: ForeignTeam, site: FakeSite
) -> None:
    page_id = await known_page(working, site)
    site.failing("/", [503], then="<p>Back again.</p>", headers={"Retry-After": "3600"})
    job_id = f"foreign-{uuid4().hex}"
    parent = await team.start("crawl.page", job_id, {"pageId": page_id})
    await site.arrived("/", 2)
    delayed = await working.job_when(job_id, lambda job: job.state is JobState.DELAYED)
    assert delayed.attempts_made == 1
    assert delayed.failed_reason
    listed = await eventually(
        lambda: working.jobs(pageId=page_id, status="delayed"),
        lambda answer: answer.meta.total == 1,
    )
    assert [row.id for row in listed.data] == [job_id]
    promoted = await working.api.post(f"/api/jobs/{job_id}/promote")
    assert promoted.status_code == 200, promoted.text
    assert (await parent.result())["baseline"] is True
    assert (await working.job(job_id)).attempts_made == 2


async def known_page(system: System, site: FakeSite) -> str:
    """The id of the site's one page, found by a discovery and not read yet."""
    site.page("/", "<p>Pro costs $99 a month.</p>")
    domain = await system.add_domain(site.origin)
    await system.finished(domain.discovery_job_id)
    await system.forget_baselines()
    return str((await system.pages(domain.id))[site.url("/")])
