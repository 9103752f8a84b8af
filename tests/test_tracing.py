"""Traces: one for all that a request leads to, nothing secret in it, and nothing without one."""

import io
import json
import logging
import sys
import time
from unittest.mock import patch

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from core import tracing as spans
from core.logs.service import service_log
from core.settings import LogFormat, Settings, load_settings
from core.tracing import SpanKind, span, trace_fields
from temporal.inputs import DATA_CONVERTER, InputGuard
from temporal.tracing import tracing, tracing_interceptors
from tests.collector import Collector, collector
from tests.loaded import loaded_by
from tests.ports import free_port
from tests.site import FakeSite
from tests.system import running_system
from worker import RUNNER, WORKFLOWS

TOKEN = "aGVsbG8td29ybGQ_0123456789-abcdefghijklmnop"
PARENT = "4bf92f3577b34da6a3ce929d0e0e4736"


def settings_of(collected: Collector) -> Settings:
    """Settings with that collector."""
    return load_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": collected.url})


async def replay(history: WorkflowHistory) -> None:
    """Replay a history as a worker would now."""
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=DATA_CONVERTER,
        interceptors=[*tracing_interceptors(), InputGuard()],
        workflow_runner=RUNNER,
    )
    await replayer.replay_workflow(history)


async def test_one_trace_holds_request_workflow_activity_fetch_and_statement(
    settings: Settings, site: FakeSite
) -> None:
    with collector() as collected:
        endpoint = {"otel_exporter_otlp_endpoint": collected.url}
        with tracing(settings.model_copy(update=endpoint), "test"):
            async with running_system(settings) as system:
                page_id = await system.lone_page(site)
                async with system.worker():
                    answer = await system.api.post(
                        f"/api/pages/{page_id}/crawl",
                        headers={"traceparent": f"00-{PARENT}-00f067aa0ba902b7-01"},
                    )
                    job_id = answer.json()["data"]["jobId"]
                    await system.finished(job_id)
                history = await system.client.get_workflow_handle(job_id).fetch_history()
            await replay(history)
        # A worker where tracing has been turned off goes on with the job.
        assert tracing_interceptors() == ()
        await replay(history)
    assert collected.services == {"diffy-test"}
    ours = [each for each in collected.spans if each.trace_id.hex() == PARENT]
    by_id = {each.span_id: each for each in ours}

    def above(name: str) -> list[str]:
        """The names of the spans from the first of that name to the root."""
        found = next((each for each in ours if each.name == name), None)
        names = []
        while found is not None:
            names.append(found.name)
            found = by_id.get(found.parent_span_id)
        return names

    # The fetch of robots.txt, or of the page.
    assert above("GET") == [
        "GET",
        "RunActivity:crawl",
        "StartActivity:crawl",
        "StartWorkflow:crawl.page",
        "POST /api/pages/{page_id}/crawl",
    ]
    assert above("RunWorkflow:crawl.page")[1:] == [
        "StartWorkflow:crawl.page",
        "POST /api/pages/{page_id}/crawl",
    ]
    statements = [by_id[each.parent_span_id].name for each in ours if each.name == "INSERT"]
    assert "RunActivity:crawl" in statements
    fetch = next(each for each in ours if each.name == "GET")
    told = {each.key for each in fetch.attributes}
    assert {"url.full", "server.address", "http.response.status_code"} <= told


async def test_no_secret_is_in_a_span(settings: Settings) -> None:
    with collector() as collected:
        endpoint = {"otel_exporter_otlp_endpoint": collected.url}
        with tracing(settings.model_copy(update=endpoint), "test"):
            async with running_system(settings) as system:
                key = system.api.headers["Authorization"].removeprefix("Bearer ")
                await system.api.get(f"/feeds/{TOKEN}?key={TOKEN}")
                await system.api.get(f"/api/domains?search={key}")
                async with system.database.reading() as session:
                    await session.execute(text("SELECT :password"), {"password": TOKEN})
                    with pytest.raises(SQLAlchemyError):
                        await session.execute(text("SELECT nothing"))
            with (
                pytest.raises(ValueError, match="hunter2"),
                span("GET", SpanKind.CLIENT, {"url.full": f"https://u:p@h/?token={TOKEN}"}),
            ):
                raise ValueError("postgresql://diffy:hunter2@db/diffy")
    written = b"".join(collected.bodies)
    assert len(collected.named("GET /feeds/{token}")) == 1
    assert len(collected.named("GET /api/domains")) == 1
    assert {each.status.code for each in collected.named("GET")} == {2}
    assert 2 in {each.status.code for each in collected.named("SELECT")}
    assert b"https://***@h/?token=***" in written
    for secret in (TOKEN, key, "hunter2"):
        assert secret.encode() not in written


def test_lines_of_the_log_name_the_trace() -> None:
    stream = io.StringIO()
    with collector() as collected, tracing(settings_of(collected), "test"):
        assert trace_fields({}) == {}
        with (
            service_log(Settings(log_format=LogFormat.JSON), "x", [trace_fields], stream),
            span("a", SpanKind.SERVER, {}),
        ):
            logging.getLogger("core").warning("within")
    [line] = map(json.loads, stream.getvalue().splitlines())
    [one] = collected.named("a")
    assert (line["trace_id"], line["span_id"]) == (one.trace_id.hex(), one.span_id.hex())


@pytest.mark.parametrize(
    ("module", "loaded_all_the_same"),
    [
        ("worker", set[str]()),
        # FastAPI needs the interface of OpenTelemetry itself, which does nothing.
        ("cli.api", {"opentelemetry"}),
    ],
)
def test_without_a_collector_no_library_of_tracing_is_loaded(
    module: str, loaded_all_the_same: set[str]
) -> None:
    program = (
        f"import {module}\n"
        "from core.settings import load_settings\n"
        "from core.tracing import SpanKind, span\n"
        "from temporal.tracing import tracing, tracing_interceptors\n"
        "with tracing(load_settings({}), 'worker'), span('a', SpanKind.CLIENT, {}):\n"
        "    assert tracing_interceptors() == ()\n"
    )
    loaded = loaded_by(program)
    assert "temporal.tracing" in loaded
    unused = ("opentelemetry.sdk", "opentelemetry.exporter", "temporalio.contrib.opentelemetry")
    assert [each for each in loaded if each.startswith((*unused, "temporal.otlp"))] == []
    assert {each for each in loaded if each == "opentelemetry"} == loaded_all_the_same


def test_without_the_extra_a_warning_says_what_to_install(caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = load_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    with (
        patch.dict(sys.modules, {"temporal.otlp": None}),
        tracing(elsewhere, "test"),
        span("a", SpanKind.CLIENT, {}),
    ):
        assert not spans.is_tracing()
    assert "diffy-jobs[tracing]" in caplog.text


def test_a_collector_that_is_away_holds_no_process_up() -> None:
    away = load_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    with tracing(away, "test"):
        for _ in range(3_000):  # several batches
            with span("a", SpanKind.CLIENT, {}):
                pass
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert not spans.is_tracing()
