"""Moving an embedded installation to PostgreSQL and another Temporal: whole, once, or refused."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import func, select
from temporalio.client import ScheduleActionStartWorkflow

from api.deps import services_of
from cli.backup import TEMPORAL
from cli.data_directory import Moved, check_nothing_moved, own_data_directory, record_move
from cli.embedded import EmbeddedTemporal
from cli.migrate_to import migrate_to
from core.errors import SettingsError, Unavailable
from core.jobs.states import JobState
from core.settings import Settings
from store.copying import copy_store
from store.db.base import Base
from store.db.engine import Database, parse_url
from store.db.migrations import migrate
from temporal.jobs.schedules import crawl_schedule_id, discovery_schedule_id
from tests.cli.command import diffy, diffy_process
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.site import FakeSite
from tests.system import System, running_system

KEY = "k" * 40
DELAY = timedelta(hours=2)


def embedded(data_dir: Path) -> Settings:
    """The settings of an embedded installation."""
    return Settings(
        data_dir=data_dir, temporal_port=free_port(), allow_private_networks=True, host_rps=1000
    )


def server_of(settings: Settings) -> EmbeddedTemporal:
    """The Temporal server of an embedded installation."""
    return EmbeddedTemporal(
        database=settings.data_dir / TEMPORAL,
        port=settings.temporal_port,
        ui_port=None,
        log=settings.data_dir / "temporal.log",
    )


@pytest.fixture
def target(postgres: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture
async def other_temporal(tmp_path: Path) -> AsyncIterator[EmbeddedTemporal]:
    """A Temporal server that knows no job, and has no search attribute of ours yet."""
    server = EmbeddedTemporal(
        database=None, port=free_port(), ui_port=None, log=tmp_path / "other.log"
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def stopped(sqlite_template: Path, tmp_path: Path) -> Settings:
    """An embedded installation that does not run and keeps nothing."""
    settings = embedded(tmp_path / "data")
    settings.data_dir.mkdir()
    shutil.copy(sqlite_template, settings.data_dir / "diffy.db")
    return settings


async def counted(database: Database) -> dict[str, int]:
    """The number of rows of each table."""
    async with database.reading() as session:
        return {
            table.name: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


async def scheduled(system: System, schedule_id: str) -> Any:
    """The workflow type that a schedule starts."""
    described = await system.client.get_schedule_handle(schedule_id).describe()
    action = described.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    return action.workflow


async def test_what_was_moved_goes_on_and_nothing_is_lost_or_doubled(
    site: FakeSite, target: str, other_temporal: EmbeddedTemporal, tmp_path: Path
) -> None:
    here = embedded(tmp_path / "data").model_copy(update={"secret_key": KEY})
    lines: list[str] = []
    temporal = server_of(here)
    await temporal.start()
    async with running_system(here) as old:
        page_id = await old.lone_page(site)
        crawl = f"/api/pages/{page_id}/crawl"
        async with old.worker():
            await old.finished(await old.ask(crawl))
            site.page("/", "<p>Pro costs $129 a month.</p>")
            await old.finished(await old.ask(crawl))
        await old.choose(f"/api/pages/{page_id}", headers={"X-Key": "sealed"})
        await old.api.patch(f"/api/pages/{page_id}", json={"schedule": {"everyMinutes": 60}})
        page = (await old.api.get(f"/api/pages/{page_id}")).json()["data"]
        domain_id = UUID(page["domainId"])
        changes = (await old.api.get("/api/changes")).json()["data"]
        assert [each["summary"] for each in changes] == ["Price of Pro changed from $99 to $129."]
        waiting = await old.ask(crawl, maxAttempts=3)
        delayed = await old.ask(crawl, delaySeconds=int(DELAY.total_seconds()))
        promoted = await old.ask(crawl, delaySeconds=int(DELAY.total_seconds()))
        assert (await old.api.post(f"/api/jobs/{promoted}/promote")).status_code == 200
        due = (await old.job(delayed)).next_attempt_at
        batch = (await old.api.post(f"/api/domains/{domain_id}/crawl", json={})).json()
        rows = await counted(old.database)

        await temporal.stop()
        await asyncio.to_thread(migrate_to, here, target, other_temporal.address, lines.append)
        await temporal.start()  # for the end of the block
        headers = old.api.headers
    await temporal.stop()
    assert lines[0] == f"Unfinished jobs, started again at {other_temporal.address}: 4"

    there = here.model_copy(
        update={
            "data_dir": tmp_path / "there",
            "database_url": target,
            "temporal_address": other_temporal.address,
        }
    )
    async with running_system(there) as new:
        moved = await counted(new.database)
        # What the new system has besides: its own organisation, and messages about schedules.
        different = {name for name, count in rows.items() if moved[name] != count}
        assert different <= {"organisations", "api_keys", "outbox"}
        new.api.headers = headers
        assert (await new.api.get("/api/changes")).json()["data"] == changes
        left = await new.job(delayed)
        assert (left.state, left.max_attempts) == (JobState.DELAYED, 3)
        assert isinstance(left.next_attempt_at, datetime)
        assert isinstance(due, datetime)
        assert abs(left.next_attempt_at - due) < timedelta(seconds=1)
        listed = (await new.jobs(status="waiting")).data
        assert {(each.id, each.state) for each in listed} == {
            (waiting, JobState.WAITING),
            (promoted, JobState.WAITING),
        }
        await services_of(new.app).delivery.deliver_due()
        assert await scheduled(new, crawl_schedule_id(page_id)) == "crawl.page"
        assert await scheduled(new, crawl_schedule_id(domain_id)) == "crawl.domain"
        assert await scheduled(new, discovery_schedule_id(domain_id)) == "discover.pages"

        before = len(site.requests_for("/"))
        async with new.worker():
            for job in (waiting, promoted):
                assert (await new.finished(job)).state is JobState.COMPLETED
            member = await new.batch_job(batch["data"]["batchId"], page_id)
            assert (await new.finished(member)).state is JobState.COMPLETED
        asked = site.requests_for("/")[before:]
        assert len(asked) == 3
        assert {each.headers["x-key"] for each in asked} == {"sealed"}, "the key opens it"
        assert (await new.api.get("/api/changes")).json()["data"] == changes

        lines.clear()
        await asyncio.to_thread(migrate_to, here, target, None, lines.append)
        [line] = lines
        assert line.endswith("holds this installation already.")


def test_a_move_that_was_broken_off_copied_nothing_and_is_repeated(
    stopped: Settings, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = diffy("keys", "create", "--org", "acme", data_dir=stopped.data_dir)
    assert made.returncode == 0, made.stderr

    def keys() -> str:
        return diffy("keys", "list", data_dir=stopped.data_dir, DIFFY_DATABASE_URL=target).stdout

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    migrate(target)
    source = parse_url(stopped.resolved_database_url)
    with monkeypatch.context() as patch:
        patch.setattr("store.copying._ask_for_schedules", killed)
        with pytest.raises(KeyboardInterrupt):
            copy_store(source, parse_url(target), schedules=True)
    assert keys() == ""

    moved = diffy("migrate-to", data_dir=stopped.data_dir, DIFFY_DATABASE_URL=target)
    assert moved.returncode == 0, moved.stderr
    assert "acme" in keys()


def test_what_was_moved_does_not_start_again_where_it_was(stopped: Settings, target: str) -> None:
    diffy("keys", "create", "--org", "acme", data_dir=stopped.data_dir)
    assert diffy("migrate-to", target, data_dir=stopped.data_dir).returncode == 0
    started = diffy_process("up", data_dir=stopped.data_dir)
    assert started.returncode == 2
    assert "DIFFY_DATABASE_URL does not say where" in started.stderr
    record_move(stopped, Moved.TEMPORAL)
    with pytest.raises(SettingsError, match="TEMPORAL_ADDRESS does not say where"):
        check_nothing_moved(stopped.model_copy(update={"database_url": target}))
    named = stopped.model_copy(update={"database_url": stopped.resolved_database_url})
    with pytest.raises(SettingsError, match="DIFFY_DATABASE_URL does not say where"):
        check_nothing_moved(named)


def test_a_move_that_does_not_fit_is_refused_and_moves_nothing(
    stopped: Settings, target: str, tmp_path: Path
) -> None:
    def refused(url: str, error: type[Exception], reason: str, settings: Settings) -> None:
        with pytest.raises(error, match=reason):
            migrate_to(settings, url, None, pytest.fail)

    refused("sqlite:////tmp/other.db", SettingsError, "PostgreSQL", stopped)
    refused("no url", SettingsError, "SQLAlchemy URL", stopped)
    nowhere = stopped.model_copy(update={"data_dir": tmp_path / "none"})
    refused(target, SettingsError, "There is no database", nowhere)
    refused("postgresql://nobody@127.0.0.1:1/none", Unavailable, "cannot be reached", stopped)
    with own_data_directory(stopped):
        refused(target, Unavailable, "Another `diffy up` runs", stopped)

    (stopped.data_dir / "secret.key").write_text(KEY)
    refused(target, SettingsError, "DIFFY_SECRET_KEY is not the key", stopped)
    other = stopped.model_copy(update={"secret_key": "o" * 40})
    refused(target, SettingsError, "DIFFY_SECRET_KEY is not the key", other)
    same = stopped.model_copy(update={"secret_key": KEY})
    diffy("keys", "create", "--org", "other", data_dir=tmp_path / "x", DIFFY_DATABASE_URL=target)
    refused(target, SettingsError, "is not empty", same)
    with pytest.raises(SettingsError, match="is not empty"):  # before any job is started there
        migrate_to(same, target, "127.0.0.1:1", pytest.fail)
    with psycopg.connect(target) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    refused(target, SettingsError, "that of another version", same)
    assert not list(stopped.data_dir.glob("*.moved"))


def test_the_jobs_may_follow_later_and_their_schedules_are_asked_for(
    stopped: Settings, target: str
) -> None:
    diffy("keys", "create", "--org", "acme", data_dir=stopped.data_dir)
    lines: list[str] = []
    migrate_to(stopped, target, "127.0.0.1:1", lines.append)
    assert lines[0] == "There is no embedded Temporal: no job is moved, and its schedules stay."
    source, moved = parse_url(stopped.resolved_database_url), parse_url(target)
    domain_id = uuid4()
    with psycopg.connect(target) as connection:
        connection.execute(
            "INSERT INTO domains (id, org_id, domain, origin, display_name, status,"
            " check_frequency_hours, discover_frequency_hours, created_at, updated_at)"
            " SELECT %s, id, 'a', 'https://a', 'a', 'active', 24, 24, now(), now()"
            " FROM organisations",
            [domain_id],
        )
    for _ in range(2):
        assert copy_store(source, moved, schedules=True) is None
        with psycopg.connect(target) as connection:
            asked = connection.execute("SELECT subject_id, kind FROM outbox").fetchall()
        assert asked == [(domain_id, "schedule")]


async def test_no_job_is_moved_to_where_a_worker_waits(
    stopped: Settings, target: str, other_temporal: EmbeddedTemporal, tmp_path: Path
) -> None:
    temporal = server_of(stopped)
    await temporal.start()
    await temporal.stop()
    served = stopped.model_copy(update={"temporal_address": other_temporal.address})
    served = served.model_copy(update={"data_dir": tmp_path})
    async with running_system(served) as system, system.worker():
        with pytest.raises(SettingsError, match="A worker serves the namespace default"):
            await asyncio.to_thread(
                migrate_to, stopped, target, other_temporal.address, pytest.fail
            )
