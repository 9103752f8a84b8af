"""The web as it is: each job on a hostile site ends, for a reason of its own."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from activities.http.fetch import Fetcher, FetchLimits
from core.errors import CertificateExpired, JobError, SiteTimeout, TlsFailed
from core.jobs.contract import DiscoverPagesResult
from core.jobs.states import JobState
from core.settings import Settings
from tests.activities.conftest import USER_AGENT
from tests.activities.hostile import (
    HOSTILITIES,
    PORTS,
    ROBOTS,
    HostilePort,
    Hostility,
    endless,
    hostile_site,
    listening,
    self_signed,
)
from tests.certificates import Authority, TlsFront
from tests.eventually import eventually
from tests.site import Behaviour, FakeSite
from tests.system import running_system


async def error_type(client: Client, job_id: str) -> str | None:
    """The published type of the error that a job ended with."""
    try:
        await client.get_workflow_handle(job_id).result()
    except WorkflowFailureError as error:
        return error.cause.type if isinstance(error.cause, ApplicationError) else "UNTYPED"
    return None


@pytest.mark.parametrize(
    ("seconds", "hostilities"),
    [
        (1.0, [each for each in HOSTILITIES if each.error is SiteTimeout]),
        (60.0, [each for each in HOSTILITIES if each.error is not SiteTimeout]),
    ],
    ids=["without end", "others"],
)
async def test_each_job_ends_for_its_own_reason_and_the_next_one_runs(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    hostilities: list[Hostility],
) -> None:
    # None of them waits for another one.
    monkeypatch.setattr("activities.http.connections.MAX_CONNECTIONS_PER_HOST", len(HOSTILITIES))
    chosen = settings.model_copy(update={"fetch_seconds": seconds, "worker_concurrency": 100})
    async with hostile_site() as site, running_system(chosen) as system:
        domain = await system.add_domain(site.origin)
        for each in hostilities:
            body = {"url": site.url(each.path)}
            added = await system.api.post(f"/api/domains/{domain.id}/pages", json=body)
            assert added.status_code == 201, added.text
        crawl = f"/api/domains/{domain.id}/crawl"
        asked = await system.api.post(crawl, json={"maxAttempts": 1})
        batch = asked.json()["data"]
        assert batch["jobsQueued"] == len(hostilities)
        async with system.worker():
            await eventually(
                lambda: system.stats(batchId=batch["batchId"]),
                lambda stats: stats.completed + stats.failed == len(hostilities),
            )
            jobs = (await system.jobs(batchId=batch["batchId"], limit=100)).data
            types = await asyncio.gather(*(error_type(system.client, job.id) for job in jobs))
            found = {job.url: kind for job, kind in zip(jobs, types, strict=True)}
            assert all((job.failed_reason is None) == (found[job.url] is None) for job in jobs)
            assert found == {
                site.url(each.path): each.error.code if each.error else None for each in hostilities
            }
            site.page("/next", "<p>A page like any other.")
            body = {"url": site.url("/next")}
            added = await system.api.post(f"/api/domains/{domain.id}/pages", json=body)
            page_id = added.json()["data"]["id"]
            following = await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
            assert following.state is JobState.COMPLETED


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
async def test_a_hostile_port_is_given_up(fetcher: Fetcher, port: HostilePort) -> None:
    soon = FetchLimits(deadline=timedelta(seconds=0.3))
    limits = soon if port.error is SiteTimeout else FetchLimits()
    async with listening(port.talk) as origin:
        with pytest.raises(JobError) as raised:
            await fetcher.fetch(f"{origin}/", limits=limits)
    assert type(raised.value) is port.error


async def test_a_certificate_that_nobody_vouches_for_is_refused(fetcher: Fetcher) -> None:
    async with self_signed() as origin:
        with pytest.raises(TlsFailed, match=r"its certificate is not valid .*self"):
            await fetcher.fetch(f"{origin}/")


async def test_a_certificate_that_has_expired_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.new(tmp_path / "authority")
    trusted = ssl.create_default_context(cafile=str(authority.folder / "ca.pem"))
    monkeypatch.setattr("activities.http.transport.trusted_authorities", lambda: trusted)
    async with FakeSite() as site:
        site.page("/", "<p>here</p>")
        target = site.origin.removeprefix("http://")
        async with TlsFront(target, authority) as front:
            fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
            url = f"https://{front.address}/"
            assert (await fetcher.fetch(url)).status == 200
            await front.use(expired=True)
            with pytest.raises(CertificateExpired, match=r"not valid .*expired"):
                await fetcher.fetch(url)
            await front.use(expired=False)
            assert (await fetcher.fetch(url)).status == 200
            await fetcher.aclose()


async def test_a_discovery_of_a_site_without_end_comes_to_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.web.traps.MAX_CALENDAR_URLS", 40)
    monkeypatch.setattr("core.web.traps.MAX_FILTERED_URLS", 20)
    async with FakeSite() as site, running_system(settings) as system:
        site.otherwise(endless)
        domain = await system.add_domain(site.origin)
        async with system.worker():
            job = await system.finished(domain.discovery_job_id)
    found = DiscoverPagesResult.model_validate(job.return_value)
    assert found.urls_seen == found.pages_discovered + sum(found.left_out.values())
    assert set(found.left_out) == {"calendar", "endless_path", "parameters", "too_deep"}
    # The calendar, the filters, and two steps of the path; the front page.
    assert found.pages_discovered == 40 + 20 + 2 + 1


@pytest.mark.parametrize("behaviour", ROBOTS, ids=lambda behaviour: behaviour[0])
async def test_a_robots_txt_that_cannot_be_read_ends_a_job(
    settings: Settings, behaviour: tuple[str, Behaviour]
) -> None:
    impatient = settings.model_copy(update={"fetch_seconds": 0.3, "max_attempts": 1})
    async with FakeSite() as site, running_system(impatient) as system:
        site.page("/", "<p>words</p>")
        site.behave("/robots.txt", behaviour[1])
        domain = await system.add_domain(site.origin)
        async with system.worker():
            job = await system.finished(domain.discovery_job_id)
    assert job.state is JobState.FAILED
    assert job.failed_reason is not None
    assert job.failed_reason.startswith("The robots.txt of 127.0.0.1 cannot be read")
    assert site.requests_for("/") == []
