"""The id of a request: in its answer, and in its lines of the log."""

import io
import json
from typing import Any

import pytest

from api.request_ids import accepted_id
from core.logs.service import service_log
from core.settings import LogFormat, LogLevel, Settings
from tests.system import System

LOG = Settings(log_format=LogFormat.JSON, log_level=LogLevel.INFO)


def requests(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines about requests."""
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line["logger"] == "api.request_ids"]


async def test_every_answer_has_an_id_of_its_own(system: System) -> None:
    ids = set()
    for path in ("/api/domains", "/api/nowhere", "/healthz", "/sign-in", "/nowhere"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await system.api.get(path, headers=headers)
            ids.add(answer.headers["X-Request-Id"])
    assert len(ids) == 10


async def test_a_line_of_a_request_names_its_id_and_its_organisation(system: System) -> None:
    stream = io.StringIO()
    with service_log(LOG, "api", stream=stream):
        answer = await system.api.get("/api/domains", headers={"X-Request-Id": "trace-1.a"})
        await system.api.get("/api/domains", headers={"Authorization": "Bearer wrong"})
        await system.api.get(f"/feeds/{'x' * 43}?key=abc")
    assert answer.headers["X-Request-Id"] == "trace-1.a"
    known, refused, feed = requests(stream)
    assert known["request_id"] == "trace-1.a"
    assert known["event"] == "GET /api/domains answered 200"
    assert (known["method"], known["route"], known["status"]) == ("GET", "/api/domains", 200)
    assert known["milliseconds"] > 0
    assert len(known["org_id"]) == 36
    assert refused["status"] == 401
    assert "org_id" not in refused
    assert feed["path"] == "/feeds/***"
    assert "x" * 43 not in stream.getvalue()
    assert "abc" not in str(feed)


async def test_requests_are_not_logged_at_the_default_level(system: System) -> None:
    stream = io.StringIO()
    with service_log(Settings(log_format=LogFormat.JSON), "api", stream=stream):
        await system.api.get("/api/domains")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "sent",
    [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "a",
        "a" * 100,
    ],
)
def test_a_token_is_taken_over(sent: str) -> None:
    assert accepted_id(sent) == sent


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "a" * 101,
        "two words",
        "a\r\nSet-Cookie: b=c",
        "a\n",
        '{"a": 1}',
        "-begins-with-a-dash",
        "ünïcode",
        "<script>",
        "diffy_Ab3dEf6hIj9lMn2pQr5tUv8xYz1cDe4gHi7k",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3",
    ],
)
def test_anything_else_is_not(sent: str | None) -> None:
    assert accepted_id(sent) is None
