"""`diffy backtest`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from cli.backtest import backtest
from core.errors import Conflict, JobError, NotFound
from tests.api.crawled import crawled_page
from tests.cli.command import diffy
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System


async def run(system: System, domain: str) -> tuple[Sequence[str], list[str]]:
    """The report, and what was told meanwhile."""
    told: list[str] = []
    return await backtest(system.settings, domain, told.append), told


async def test_it_prints_what_was_and_what_would_be_reported(
    system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, "<p>Pro costs $99.</p>", "<p>Pro costs $129.</p>")
    [change] = (await system.api.get("/api/changes")).json()["data"]
    said = f"{change['severity']} {change['changeType']}: {change['summary']}"
    async with system.worker():
        for name in (str(page.domain_id), site.origin):
            [line], told = await run(system, name)
            assert line.split("\t") == ["same", site.url("/"), said, said]
            assert told[0].endswith("of 1 pages")
            assert told[-1].endswith("2 snapshots of 1 pages; 1 same, 0 different, 0 new, 0 gone.")


async def test_a_domain_that_it_cannot_tell_is_named(system: System, site: FakeSite) -> None:
    for name in (str(uuid4()), "nobody.example"):
        with pytest.raises(NotFound, match=name):
            await run(system, name)
    await system.add_domain(site.origin)
    async with await system.another_organisation() as stranger:
        await stranger.post("/api/domains", json={"domain": site.origin})
    with pytest.raises(Conflict, match="Several organisations have"):
        await run(system, site.origin)


async def test_one_that_is_ended_says_so(system: System, site: FakeSite) -> None:
    domain = await system.add_domain(site.origin)
    running = asyncio.create_task(run(system, str(domain.id)))

    async def asked() -> list[str]:
        query = "WorkflowType = 'backtest.domain' AND ExecutionStatus = 'Running'"
        return [each.id async for each in system.client.list_workflows(query)]

    [workflow_id] = await eventually(asked, bool)
    await system.client.get_workflow_handle(workflow_id).terminate()
    with pytest.raises(JobError):
        await running


def test_its_help_says_what_it_prints(tmp_path: Path) -> None:
    ran = diffy("backtest", "--help", data_dir=tmp_path)
    assert ran.returncode == 0
    assert "Nothing is fetched" in ran.stdout
