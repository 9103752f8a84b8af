"""`diffy doctor`: what it finds, its exit code, and that it changes nothing."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from cli.doctor import Finding, Level, examine
from core.outbox import MessageKind
from core.settings import Settings
from store.tables.requests import OutboxMessage
from tests.api.served import served
from tests.cli.command import diffy
from tests.ports import free_port
from tests.system import System


async def findings(settings: Settings) -> dict[str, Finding]:
    """What it finds, by subject."""
    return {each.subject: each async for each in examine(settings)}


async def test_a_running_system_is_well(system: System) -> None:
    async with system.worker(), served(system.app) as api:
        settings = system.settings.model_copy(update={"api_port": api.port})
        found = await findings(settings)
        assert {each.level for each in found.values()} == {Level.OK}, found
        assert {"Temporal", "workers", "schema", "outbox", "API", "disk space"} <= found.keys()


async def test_a_message_that_nobody_delivers_is_told(system: System) -> None:
    async with system.database.transaction() as session:
        session.add(
            OutboxMessage(
                subject_id=uuid4(),
                domain_id=uuid4(),
                kind=MessageKind.BATCH,
                message={},
                version=uuid4(),
                due_at=datetime.now(UTC) - timedelta(hours=1),
            )
        )
    outbox = (await findings(system.settings))["outbox"]
    assert (outbox.level, outbox.detail) == (
        Level.WARNING,
        "A message to Temporal is late by 60 minutes.",
    )


async def test_an_installation_that_was_never_started_is_told_what_to_do(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    temporal, api = str(free_port()), str(free_port())
    ran = await asyncio.to_thread(
        partial(
            diffy, "doctor", data_dir=data_dir, DIFFY_TEMPORAL_PORT=temporal, DIFFY_API_PORT=api
        )
    )
    assert ran.returncode == 1
    assert "There is no file" in ran.stdout
    assert "Start `diffy up`" in ran.stdout
    assert "FAILED   Temporal" in ran.stdout
    assert ran.stderr == ""
    assert list(data_dir.iterdir()) == [], "it changes nothing"


@pytest.mark.sqlite
async def test_a_secret_key_that_is_no_key_fails(tmp_path: Path, system: System) -> None:
    (system.settings.data_dir / "secret.key").write_text("short")
    found = await findings(system.settings)
    assert found["secret key"].level is Level.FAILED
    assert found["database"].level is Level.OK
    elsewhere = {"database_url": "postgresql://127.0.0.1:1/x", "smtp_host": "127.0.0.1"}
    far = await findings(system.settings.model_copy(update={**elsewhere, "smtp_port": free_port()}))
    assert far["database"].level is Level.FAILED
    assert far["secret key"].level is Level.WARNING
    assert far["mail server"].level is Level.WARNING
