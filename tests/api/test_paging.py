"""The parameters of every list."""

import base64
from uuid import uuid4

import pytest

from tests.eventually import eventually
from tests.system import System

LISTS = ["/api/jobs", "/api/domains", "/api/changes"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=-1", "limit=ten", "limit=", "limit=1.0", "limit=%201",
        "limit=1_0", "limit=" + "9" * 5000, "page=0", "page=-1", "page=", "page=1.0",
        "page=" + "9" * 18, "cursor=", "cursor=%00", "cursor=é", "cursor=" + "x" * 4001,
    ],
)  # fmt: skip
async def test_a_value_out_of_range_is_refused(system: System, path: str, query: str) -> None:
    answer = await system.api.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert list(answer.json()["details"]) == [query.split("=")[0]]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=1", "limit=100", "page=1000000000", "nonsense=x"])
async def test_a_value_in_range_is_taken(system: System, path: str, query: str) -> None:
    answer = await system.api.get(f"{path}?{query}")
    assert answer.status_code == 200
    assert answer.json()["data"] == []
    assert answer.json()["meta"]["nextCursor"] is None


@pytest.mark.parametrize(
    "moment", ["2024-01-15T10:30:00", "0001-01-01T00:00:00+14:00", "yesterday", ""]
)
async def test_a_made_up_cursor_is_refused(system: System, moment: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{moment} {uuid4()}".encode()).decode().rstrip("=")
    answer = await system.api.get(f"/api/domains?cursor={cursor}")
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["cursor"])


async def test_a_cursor_of_jobs_that_was_tampered_with_is_refused(system: System) -> None:
    domain = await system.add_domain("competitor.com")
    await system.ask(f"/api/domains/{domain.id}/discover")
    await system.job_when(domain.discovery_job_id, lambda _: True)
    listed = await eventually(
        lambda: system.jobs(limit=1), lambda answer: answer.meta.next_cursor is not None
    )
    cursor = str(listed.meta.next_cursor)
    answer = await system.api.get("/api/jobs", params={"limit": 1, "cursor": cursor[:20]})
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["cursor"])
