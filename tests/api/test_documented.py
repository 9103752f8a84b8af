"""The documented examples of the Jobs API against live answers, field by field."""

import json
import re
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from core.jobs.states import JobName, JobState
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

EXAMPLES: Final = Path(__file__).parents[1] / "data" / "jobs-api"
FORMATS: Final = {
    "UUID": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "URL": re.compile(r"https?://\S+"),
}
"""What the strings of the examples are, beside plain ones."""

SAME: Final = (
    "name", "type", "state", "progress", "attemptsMade", "maxAttempts", "failedReason",
)  # fmt: skip
"""Fields of a job that do not depend on which one it is."""


def documented(name: str) -> dict[str, Any]:
    """The documented example `name`."""
    example: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
    return example


TABLES: Final = documented("tables")


def form(value: object) -> object:
    """The type of a JSON value, and the format of a string."""
    match value:
        case dict():
            return {key: form(inner) for key, inner in value.items()}
        case str():
            return next((name for name, sign in FORMATS.items() if sign.fullmatch(value)), "text")
        case _:
            return type(value).__name__


def documented_part(live: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """`live` without the fields, at any depth, that `example` does not have."""
    return {
        key: documented_part(live[key], value) if isinstance(value, dict) else live[key]
        for key, value in example.items()
    }


async def got(system: System, path: str) -> dict[str, Any]:
    """The JSON that answers GET `path`."""
    answer = await system.api.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    content: dict[str, Any] = answer.json()
    return content


async def discovered(system: System, site: FakeSite) -> str:
    """The id of a discovery that has found one page."""
    site.page("/", "<p>Pro costs $99 a month.</p>")
    domain = await system.add_domain(site.origin)
    await system.finished(domain.discovery_job_id)
    return domain.discovery_job_id


async def test_a_listed_job_has_exactly_the_documented_fields(
    system: System, site: FakeSite
) -> None:
    async with system.worker():
        discovery = await system.job(await discovered(system, site))
        [page_id] = (await system.pages(discovery.domain_id)).values()
        await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    await eventually(
        lambda: system.jobs(status="completed", pageId=page_id),
        lambda answer: answer.meta.total == 1,
    )
    example = documented("list")
    live = await got(system, f"/api/jobs?status=completed&pageId={page_id}")
    [row], [documented_row] = live["data"], example["data"]
    assert form(row) == form(documented_row)
    assert {key: row[key] for key in SAME if key in documented_row} == {
        key: documented_row[key] for key in SAME if key in documented_row
    }
    assert documented_part(live["meta"], example["meta"]) == example["meta"]
    assert list(live) == list(example)


async def test_one_job_has_the_documented_fields_and_further_ones(
    system: System, site: FakeSite
) -> None:
    async with system.worker():
        job_id = await discovered(system, site)
    example = documented("job")
    live = await got(system, f"/api/jobs/{job_id}")
    assert list(live) == list(example)
    shown = documented_part(live, example)
    assert form(shown) == form(example)
    assert shown["data"]["id"] == job_id
    assert {key: shown["data"][key] for key in SAME} == {key: example["data"][key] for key in SAME}
    assert shown["data"]["returnValue"] == {"pagesDiscovered": 1, "pagesAdded": 1}
    assert set(live["data"]) - set(example["data"]) == {"nextAttemptAt"}


async def test_statistics_have_exactly_the_documented_fields(
    system: System, site: FakeSite
) -> None:
    example = documented("stats")
    counts = example["data"]
    assert counts["total"] == counts["waiting"] + counts["active"] + counts["delayed"]
    async with system.worker():
        discovery = await system.job(await discovered(system, site))
    path = f"/api/domains/{discovery.domain_id}/discover"
    await system.ask(path)
    await system.ask(path, delaySeconds=3600)
    await eventually(
        system.stats, lambda stats: (stats.completed, stats.waiting, stats.delayed) == (1, 1, 1)
    )
    live = await got(system, "/api/jobs/stats")
    assert form(live) == form(example)
    assert live["data"]["total"] == 2


async def test_the_documented_limit_is_the_default_and_the_largest(system: System) -> None:
    limit = TABLES["limit"]
    assert (await got(system, "/api/jobs"))["meta"]["pageSize"] == limit["default"]
    largest = await got(system, f"/api/jobs?limit={limit['max']}")
    assert largest["meta"]["pageSize"] == limit["max"]
    assert (await system.api.get(f"/api/jobs?limit={limit['max'] + 1}")).status_code == 400


def test_states_and_types_are_the_documented_ones() -> None:
    assert set(JobState) == set(TABLES["states"])
    assert set(JobName) == set(TABLES["types"])


@pytest.mark.parametrize("state", TABLES["statusFilter"])
async def test_every_documented_status_filters(system: System, state: str) -> None:
    assert (await got(system, f"/api/jobs?status={state}"))["data"] == []


async def test_the_documented_error_codes_are_answered(system: System) -> None:
    codes = set()
    for method, path in (
        ("GET", f"/api/jobs/{uuid4()}"),
        ("GET", "/api/jobs/12345"),
        ("POST", "/api/jobs/12345/cancel"),
    ):
        unknown = await system.api.request(method, path)
        assert unknown.status_code == 404
        codes.add(unknown.json()["code"])
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app), base_url="http://diffy.test"
    ) as stranger:
        for path in ("/api/jobs", "/api/jobs/stats", "/api/jobs/12345"):
            unauthorised = await stranger.get(path)
            assert unauthorised.status_code == 401
            codes.add(unauthorised.json()["code"])
    assert codes == set(TABLES["errorCodes"])
