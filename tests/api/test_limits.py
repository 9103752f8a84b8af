"""What a client may send, how fast, and over how many connections: real HTTP, bent and broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import httpx2
import pytest

import api.limits
import cli.connections
from api.limits import MAX_BODY_SIZE, MAX_HEAD_SIZE
from tests.api.served import Answer, Served, served
from tests.eventually import HANG, eventually
from tests.system import System

PATIENCE: Final = 0.4
"""Seconds that an impatient server has for slow clients."""


@pytest.fixture
async def http(system: System, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """The API behind its server, which closes no connection here because of the time."""
    monkeypatch.setattr(cli.connections, "KEEP_ALIVE", 10 * HANG)
    monkeypatch.setattr(api.limits, "BODY_TIMEOUT", timedelta(seconds=10 * HANG))
    async with served(system.app) as http:
        yield http


@pytest.fixture
def impatient(http: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The same with little patience."""
    monkeypatch.setattr(cli.connections, "KEEP_ALIVE", PATIENCE)
    monkeypatch.setattr(api.limits, "BODY_TIMEOUT", timedelta(seconds=PATIENCE))
    return http


def request(
    line: str, system: System | None = None, *headers: str, host: str = "Host: diffy.test"
) -> bytes:
    """The head of a request; with the key of `system` where that is given."""
    key = [f"Authorization: {system.api.headers['Authorization']}"] if system else []
    return "\r\n".join([f"{line} HTTP/1.1", host, *key, *headers, "", ""]).encode()


def assert_refused(answer: Answer, status: int, code: str = "VALIDATION_ERROR") -> None:
    """It is an error of the one shape, after which the connection is closed."""
    assert (answer.status, answer.body["code"]) == (status, code)
    assert set(answer.body) == {"error", "code"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"


async def test_a_head_that_does_not_come_is_not_waited_for(impatient: Served) -> None:
    for sent in (b"", b"G", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: a"):
        async with impatient.connection() as line:
            line.send(sent)
            await line.closed()


async def test_a_head_that_comes_byte_by_byte_gains_no_time(impatient: Served) -> None:
    async with impatient.connection() as line:
        dripping = asyncio.create_task(line.drip(request("GET /health") * 100))
        await line.closed()
        await dripping


async def test_a_connection_without_a_request_is_closed_after_a_while(impatient: Served) -> None:
    async with impatient.connection() as line:
        line.send(request("GET /health"))
        assert (await line.answer()).status == 200
        line.send(request("GET /health"))
        assert (await line.answer()).status == 200
        await line.closed()


async def test_a_body_that_comes_byte_by_byte_is_refused(impatient: Served, system: System) -> None:
    for path in ("/api/domains", "/api/jobs/x/retry"):
        async with impatient.connection() as line:
            head = request(f"POST {path}", system, "Content-Type: application/json")
            line.send(head.removesuffix(b"\r\n") + b"Content-Length: 1000\r\n\r\n")
            dripping = asyncio.create_task(line.drip(b" " * 1000))
            assert_refused(await line.answer(), 408)
            await line.closed()
            await dripping


async def test_who_has_no_key_cannot_hold_a_connection_by_a_body(impatient: Served) -> None:
    async with impatient.connection() as line:
        line.send(request("POST /api/domains", None, "Content-Length: 100000"))
        dripping = asyncio.create_task(line.drip(b" " * 1000))
        assert (await line.answer()).status == 401
        await line.closed()
        await dripping


async def test_a_head_that_is_too_large_is_refused(http: Served) -> None:
    for head in (
        request("GET /health?" + "x" * MAX_HEAD_SIZE),
        request("GET /" + "x" * MAX_HEAD_SIZE),
        request("GET /health", None, "X: " + "y" * MAX_HEAD_SIZE),
        request("GET /health", None, *["a: b"] * (MAX_HEAD_SIZE // 4)),
        request("GET /health?" + "x" * 3_000_000),
        b"GET /" + b"x" * (MAX_HEAD_SIZE + 1),
    ):
        async with http.connection() as line:
            line.send(head)
            answer = await line.answer()
        assert (answer.status, answer.body["code"]) == (431, "VALIDATION_ERROR"), head[:20]
        assert answer.headers["content-type"] == "application/json"


async def test_a_large_head_is_read(http: Served, system: System) -> None:
    async with http.connection() as line:
        line.send(request(f"GET /api/jobs?x={'y' * 30_000}", system, f"X: {'z' * 30_000}"))
        assert (await line.answer()).status == 200


async def test_what_is_no_http_is_told_so(http: Served) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        request("GET /health", host="Host :x"),
        request("GET /health", host="Host: a\r\nHost: b"),
        request("GET /health\xe9"),
        request("GET /health", None, "Content-Length: -1"),
        request("GET /health", None, "Content-Length: 1", "Content-Length: 2"),
        request("GET /health", None, "Transfer-Encoding: gzip"),
        request("GET /health", None, "X: a\x00b"),
    ):
        async with http.connection() as line:
            line.send(sent)
            assert_refused(await line.answer(), 400)
            await line.closed()


async def test_a_body_that_breaks_off_or_apart_is_no_fault_of_ours(
    http: Served, system: System, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    for path in ("/api/domains", "/api/jobs/x/retry"):
        async with http.connection() as line:
            line.send(request(f"POST {path}", system, *chunked) + b"zz\r\n{}\r\n")
            assert_refused(await line.answer(), 400)
            await line.closed()
        async with http.connection() as line:
            line.send(request(f"POST {path}", system, *chunked) + b"2\r\n{")
            line.writer.write_eof()
            await line.closed()
    async with http.connection() as line:
        line.send(request("GET /health"))
        assert (await line.answer()).status == 200
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_a_body_that_is_announced_too_large_is_not_read(http: Served, system: System) -> None:
    async with http.connection() as line:
        line.send(request("POST /api/domains", system, f"Content-Length: {MAX_BODY_SIZE + 1}"))
        answer = await line.answer()
    assert (answer.status, answer.body["code"]) == (413, "VALIDATION_ERROR")


async def test_more_connections_than_there_may_be_are_told_so(
    http: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.connections, "max_connections", lambda: 5)
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(http.connection()) for _ in range(5)]
        for line in lines:
            line.send(request("GET /health"))
            assert (await line.answer()).status == 200
        async with http.connection() as one_more:
            answer = await one_more.answer()
            assert_refused(answer, 503, "UNAVAILABLE")
            assert int(answer.headers["retry-after"]) > 0
            await one_more.closed()
    async with httpx2.AsyncClient(base_url=http.origin) as client:
        answered = await eventually(
            lambda: client.get("/health"), lambda answer: answer.status_code == 200
        )
    assert answered.json() == {"status": "ok"}
