"""Health: who may ask, what is told, and what each failure looks like."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from core.health import Part, Status
from core.jobs.queues import ALL_QUEUES, Queue
from store.db.revisions import revisions
from store.db.schema import schema_verdict
from store.disk import MIN_FREE, data_folders, disk_verdict
from temporal.pollers import RECENT, serving, verdict_on, workers_of_queues, working
from temporal.readiness import Readiness
from tests.eventually import eventually
from tests.system import System


@pytest.fixture
def stranger(system: System) -> httpx2.AsyncClient:
    """A client without a key."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app), base_url="http://diffy.test"
    )


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request checks anew."""
    monkeypatch.setattr("temporal.readiness.KEPT_FOR", 0.0)


def statuses(answer: httpx2.Response) -> dict[str, str]:
    """The verdict on each part."""
    return {each["name"]: each["status"] for each in answer.json()["checks"]}


async def test_a_system_with_a_worker_is_ready_and_says_so_to_anyone(
    system: System, stranger: httpx2.AsyncClient
) -> None:
    async with system.worker():
        answer = await eventually(
            lambda: stranger.get("/readyz"), lambda answer: answer.status_code == 200
        )
    assert answer.json()["status"] == "ok"
    assert statuses(answer) == dict.fromkeys(Part, "ok")
    assert answer.headers["Cache-Control"] == "no-store"
    path = str(system.settings.data_dir)
    for secret in (path, str(system.settings.temporal_address), "sqlite", system.client.identity):
        assert secret not in answer.text


async def test_a_schema_of_another_version_is_not_ready_and_can_be_left_out(
    system: System, stranger: httpx2.AsyncClient
) -> None:
    async with system.database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = await stranger.get("/readyz?exclude=workers")
    assert answer.status_code == 503
    assert (answer.json()["code"], answer.json()["error"]) == ("UNAVAILABLE", "Not ready: schema.")
    assert int(answer.headers["Retry-After"]) > 0
    assert statuses(answer) == {part: "ok" for part in Part if part != "workers"} | {
        "schema": "failed"
    }
    others = await stranger.get("/readyz?exclude=workers&exclude=schema")
    assert others.status_code == 200
    assert (await stranger.get("/readyz?exclude=all")).status_code == 400


async def test_a_missing_search_attribute_is_named(
    system: System, stranger: httpx2.AsyncClient
) -> None:
    with patch("temporal.namespace._search_attributes", return_value={}):
        answer = await stranger.get("/readyz?exclude=workers")
    [detail] = [
        each["detail"] for each in answer.json()["checks"] if each["name"] == "searchAttributes"
    ]
    assert answer.status_code == 503
    assert "Diffy" in detail


async def test_the_process_is_well_while_everything_else_is_away(
    system: System, stranger: httpx2.AsyncClient
) -> None:
    asked: list[Any] = []
    event.listen(Engine, "before_cursor_execute", lambda *cursor: asked.append(cursor[2]))
    answer = await stranger.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not asked


async def test_requests_share_a_check_for_a_moment(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal.readiness.KEPT_FOR", 1000.0)
    readiness = Readiness(system.client, system.database, [])
    first = await readiness.verdicts()
    assert await readiness.verdicts() is first
    monkeypatch.setattr(readiness, "_fresh_until", 0.0)
    again = await readiness.verdicts()
    assert again is not first
    assert [each.part for each in again] == list(Part)


@pytest.mark.sqlite
async def test_a_database_that_is_away_leaves_the_schema_unknown(
    system: System, stranger: httpx2.AsyncClient
) -> None:
    path = system.settings.data_dir / "diffy.db"
    await system.database.close()
    moved = path.rename(path.with_name("moved.db"))
    path.mkdir()
    answer = await stranger.get("/readyz?exclude=workers")
    path.rmdir()
    moved.rename(path)
    assert answer.status_code == 503
    assert (statuses(answer)["database"], statuses(answer)["schema"]) == ("failed", "unknown")


def test_a_worker_whose_places_are_taken_still_serves() -> None:
    """It polls for workflow tasks, and polled for activities before."""
    now = datetime.now(UTC)
    late = now - RECENT - timedelta(seconds=1)
    assert serving({"a": now}, {"a": late}, now) == {"a"}
    assert serving({"a": now, "b": now}, {"a": now}, now) == {"a"}, "b runs no activity"
    assert serving({"a": late}, {"a": now}, now) == set(), "it polls for no workflow"
    assert serving({}, {"a": now}, now) == set()


def test_a_worker_without_workflows_serves_while_it_polls_or_is_known_to_run() -> None:
    now = datetime.now(UTC)
    late = now - RECENT - timedelta(seconds=1)
    assert working({}, {"a": now, "b": late}, now) == {"a"}
    assert working({"b": now}, {"a": now, "b": late}, now) == {"a", "b"}


def test_a_kind_of_work_that_nobody_does_is_told() -> None:
    served = {Queue.CHECKS: {"a"}, Queue.READING: {"a", "b"}}
    verdict = verdict_on({**served, Queue.RENDERING: set()})
    assert verdict.status is Status.FAILED
    assert "diffy-rendering" in verdict.detail
    assert "rendering in its DIFFY_QUEUES" in verdict.advice
    assert verdict_on({**served, Queue.RENDERING: {"c"}}).detail == "3 polling."


async def test_one_worker_does_every_kind_of_work(system: System) -> None:
    async with system.worker():
        found = await eventually(
            lambda: workers_of_queues(system.client, datetime.now(UTC)),
            lambda found: all(system.client.identity in workers for workers in found.values()),
        )
    assert set(found) == ALL_QUEUES


def test_a_full_disk_fails_and_the_fullest_counts(tmp_path: Path) -> None:
    free = {tmp_path: 10 * MIN_FREE, tmp_path / "other": MIN_FREE - 1}
    assert disk_verdict([tmp_path], free.__getitem__).status is Status.OK
    full = disk_verdict(list(free), free.__getitem__)
    assert full.status is Status.FAILED
    assert "Free at least 0.5 GB" in full.advice
    assert disk_verdict([tmp_path / "nowhere"]).status is Status.FAILED
    assert disk_verdict([]).status is Status.OK


async def test_the_folders_are_those_of_what_is_kept_here(system: System, tmp_path: Path) -> None:
    settings = system.settings
    embedded = settings.model_copy(update={"temporal_address": None})
    other = f"sqlite:///{tmp_path / 'far' / 'a.db'}"
    elsewhere = {"database_url": "postgresql://db/diffy"}
    assert data_folders(settings.model_copy(update=elsewhere)) == []
    assert data_folders(embedded.model_copy(update=elsewhere)) == [settings.data_dir]
    far = data_folders(embedded.model_copy(update={"database_url": other}))
    assert far == [settings.data_dir, tmp_path / "far"]


@pytest.mark.parametrize(
    ("revision", "advice"),
    [(None, "migrations"), (revisions()[0], "migrations"), ("9999", "newer")],
)
def test_another_revision_is_told_with_what_to_do(revision: str | None, advice: str) -> None:
    verdict = schema_verdict(revision)
    assert verdict.status is Status.FAILED
    assert advice in verdict.advice
    assert schema_verdict(revisions()[-1]).status is Status.OK
