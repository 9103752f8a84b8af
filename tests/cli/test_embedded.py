"""The embedded Temporal server."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from cli.embedded import EmbeddedTemporal
from core.errors import SettingsError, Unavailable
from temporal.namespace import prepare_namespace
from tests.eventually import HANG, eventually
from tests.ports import free_port
from workflows.search_attributes import Attribute


def server(folder: Path, port: int) -> EmbeddedTemporal:
    """A server without a web UI."""
    return EmbeddedTemporal(
        database=folder / "temporal.db", port=port, ui_port=None, log=folder / "temporal.log"
    )


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[EmbeddedTemporal]:
    """A server that answers."""
    started = server(tmp_path, free_port())
    await started.start()
    yield started
    await started.stop()


async def test_a_crash_loses_no_workflow(running: EmbeddedTemporal) -> None:
    client = await Client.connect(running.address)
    await prepare_namespace(client, timedelta(days=7))
    state = TypedSearchAttributes([SearchAttributePair(Attribute.STATE, "waiting")])
    await client.start_workflow("any", id="kept", task_queue="none", search_attributes=state)
    running.kill()
    assert await running.exited() < 0

    await running.start()
    client = await Client.connect(running.address)
    await prepare_namespace(client, timedelta(days=7))

    async def count() -> int:
        found = await client.count_workflows(f"{Attribute.STATE.name} = 'waiting'")
        return found.count

    await eventually(count, lambda found: found == 1)


async def test_what_a_server_lets_no_client_write_is_named(
    running: EmbeddedTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await Client.connect(running.address)

    async def denied(*_: object, **__: object) -> None:
        raise RPCError("not for clients", RPCStatusCode.PERMISSION_DENIED, b"")

    await client.operator_service.remove_search_attributes(
        RemoveSearchAttributesRequest(
            namespace=client.namespace, search_attributes=[Attribute.STATE.name]
        )
    )
    with monkeypatch.context() as patch:
        patch.setattr(client.operator_service, "add_search_attributes", denied)
        with pytest.raises(SettingsError, match=rf"Add .*: {Attribute.STATE.name} \(Keyword\)"):
            await prepare_namespace(client, timedelta(days=7))
    await prepare_namespace(client, timedelta(days=7))
    with monkeypatch.context() as patch:
        patch.setattr(client.operator_service, "add_search_attributes", denied)
        patch.setattr(client.workflow_service, "update_namespace", denied)
        await prepare_namespace(client, timedelta(days=7))
        with pytest.raises(SettingsError, match="8 days"):
            await prepare_namespace(client, timedelta(days=8))


async def test_several_may_prepare_a_namespace_at_once(running: EmbeddedTemporal) -> None:
    client = await Client.connect(running.address)
    await asyncio.gather(*(prepare_namespace(client, timedelta(days=9)) for _ in range(4)))
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
    assert kept == timedelta(days=9)


async def test_a_port_in_use_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        blocked = server(tmp_path, taken.getsockname()[1])
        with pytest.raises(Unavailable, match=r"temporal\.log"):
            await blocked.start()
    assert await blocked.exited() != 0


async def test_a_missing_server_is_a_setting_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="TEMPORAL_ADDRESS"):
        await server(tmp_path, free_port()).start()


async def test_a_server_that_answers_no_more_hangs(
    running: EmbeddedTemporal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.embedded.PROBE_INTERVAL", 0.01)
    monkeypatch.setattr("cli.embedded.PROBE_TIMEOUT", 0.2)
    os.kill(running.pid, signal.SIGSTOP)
    async with asyncio.timeout(HANG):
        assert await running.hung() == "did not answer 6 probes in a row"
    running.kill()
    assert await running.exited() == -signal.SIGKILL
