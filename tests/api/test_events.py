"""The stream of everything that happens in an organisation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from api.deps import services_of
from core.errors import InvalidRequest
from store.keys import create_key, list_keys, revoke_key
from temporal.jobs.feed import MAX_AGE, Position
from tests.api.served import served
from tests.eventually import HANG
from tests.site import FakeSite
from tests.system import System


@dataclass(frozen=True)
class Told:
    """An event of the stream; its kind is empty if it only tells its position."""

    id: str
    kind: str
    data: dict[str, Any]


async def told(answer: httpx2.Response) -> AsyncIterator[Told]:
    """The events as they come."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if line:
            fields[name] = value.removeprefix(" ")
        elif fields:
            if "id" in fields:
                data = json.loads(fields.get("data", "{}"))
                yield Told(fields["id"], fields.get("event", ""), data)
            fields = {}


@asynccontextmanager
async def listening(
    system: System, origin: str, after: str | None = None, key: str | None = None
) -> AsyncIterator[AsyncIterator[Told]]:
    """The stream of an organisation, for the length of the block."""
    headers = {"Authorization": f"Bearer {key}"} if key else dict(system.api.headers)
    if after is not None:
        headers["Last-Event-ID"] = after
    async with (
        asyncio.timeout(HANG),
        httpx2.AsyncClient(base_url=origin, headers=headers, timeout=HANG) as client,
        client.stream("GET", "/api/events") as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield told(answer)


async def test_jobs_and_changes_of_the_organisation_are_told_and_the_stream_resumes(
    system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    async with (
        system.worker(),
        await system.another_organisation() as other,
        served(system.app) as at,
    ):
        key = other.headers["Authorization"].removeprefix("Bearer ")
        async with (
            listening(system, at.origin) as stream,
            listening(system, at.origin, key=key) as foreign,
        ):
            for each in (stream, foreign):
                assert (await anext(each)).kind == "", "a stream begins with its position"
            first = await system.ask(f"/api/pages/{page_id}/crawl")
            async for event in stream:
                if event.data.get("id") == first and event.data["state"] == "completed":
                    break
            middle = event.id
            site.page("/", "<p>Pro costs $129 a month.</p>")
            second = await system.ask(f"/api/pages/{page_id}/crawl")
            seen: list[Told] = []
            async for event in stream:
                seen.append(event)
                if {each.kind for each in seen} == {"job", "change"} and any(
                    each.data["state"] == "completed" for each in seen if each.kind == "job"
                ):
                    break
            [change] = [each.data for each in seen if each.kind == "change"]
            assert change == (await system.api.get("/api/changes")).json()["data"][0]
            job = [each.data for each in seen if each.kind == "job"][-1]
            assert job == (await system.api.get(f"/api/jobs/{second}")).json()["data"]
            # The other organisation is told of its own domain only.
            added = await other.post("/api/domains", json={"domain": "competitor.com"})
            assert (await anext(foreign)).data["id"] == added.json()["data"]["discoveryJobId"]
        # What happened while nobody listened is told, and what was told is not told again.
        async with listening(system, at.origin, middle) as stream:
            missed: list[Told] = []
            async for event in stream:
                missed.append(event)
                if {each.kind for each in missed} == {"job", "change"}:
                    break
            assert first not in {each.data["id"] for each in missed}
            assert {each.data["id"] for each in missed} == {second, change["id"]}
        last = seen[-1].id
        async with listening(system, at.origin, last) as stream:
            third = await system.ask(f"/api/pages/{page_id}/crawl")
            assert (await anext(stream)).data["id"] == third
        services_of(system.app).watch.close()


async def test_a_revoked_key_is_told_nothing_more(system: System, site: FakeSite) -> None:
    async with system.database.transaction() as session:
        key = await create_key(session, f"org-{uuid4().hex}")
    async with (
        served(system.app) as at,
        listening(system, at.origin, key=key.key) as stream,
        httpx2.AsyncClient(
            base_url=at.origin, headers={"Authorization": f"Bearer {key.key}"}
        ) as client,
    ):
        await anext(stream)
        await client.post("/api/domains", json={"domain": "competitor.com"})
        assert (await anext(stream)).kind == "job"
        async with system.database.transaction() as session:
            assert key.id in {row.id for row in await list_keys(session)}
            second = await create_key(
                session, next(row.org_name for row in await list_keys(session) if row.id == key.id)
            )
            await revoke_key(session, key.id)
        await client.post(
            "/api/domains",
            json={"domain": "other.com"},
            headers={"Authorization": f"Bearer {second.key}"},
        )
        assert [event async for event in stream] == []


async def test_a_stopping_api_ends_the_stream(system: System) -> None:
    async with served(system.app) as at, listening(system, at.origin) as stream:
        await anext(stream)
        services_of(system.app).watch.close()
        assert [event async for event in stream] == []


async def test_after_a_long_time_the_client_is_told_to_read_everything_again(
    system: System,
) -> None:
    old = str(Position(datetime.now(UTC) - MAX_AGE - timedelta(seconds=1)))
    async with served(system.app) as at, listening(system, at.origin, old) as stream:
        assert (await anext(stream)).kind == "resync"
        services_of(system.app).watch.close()


@pytest.mark.parametrize("bad", ["x", "1.0.0", "-1", "1.é", "9" * 30, "1." + "A" * 900, "' OR 1=1"])
async def test_a_position_of_no_event_is_refused(system: System, bad: str) -> None:
    answer = await system.api.get("/api/events", headers={b"Last-Event-ID": bad.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert "Last-Event-ID" in answer.json()["details"]
    with pytest.raises(InvalidRequest):
        Position.parse(bad)


def test_a_position_can_be_read_again() -> None:
    position = Position(datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), frozenset({b"12345", b"abcde"}))
    assert Position.parse(str(position)) == position
