"""The audit log: each write of a key has its line."""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, text

from api.deps import services_of
from core.errors import Unavailable
from core.scopes import SAFE_METHODS, Scope
from store.audit_log import AuditEntry, AuditLog
from store.db.engine import Database
from store.tables.audit import AuditLine
from store.tables.domains import Domain
from tests.api.operations import operations
from tests.api.test_scopes import client, new_key, signed_in
from tests.eventually import eventually
from tests.system import System


async def lines(api: httpx2.AsyncClient, **query: object) -> list[Any]:
    """The audit log, newest first."""
    answer = await api.get("/api/audit", params={k: str(v) for k, v in query.items()})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["data"]
    return found


async def test_a_write_has_a_line_that_says_who_what_when_and_how_it_ended(
    system: System,
) -> None:
    before = datetime.now(UTC)
    headers = {"X-Request-Id": "from-the-client"}
    answer = await system.api.post("/api/domains", json={"domain": "shop.example"}, headers=headers)
    domain_id = answer.json()["data"]["id"]
    [line] = await lines(system.api)
    [key] = (await system.api.get("/api/keys")).json()["data"]
    at = datetime.fromisoformat(line.pop("at"))
    assert before - timedelta(seconds=1) <= at <= datetime.now(UTC)
    assert line.pop("id")
    assert line == {
        "keyId": key["id"],
        "keyName": key["name"],
        "method": "POST",
        "route": "/api/domains",
        "subjectId": domain_id,
        "status": 201,
        "requestId": "from-the-client",
    }
    page = await system.api.post(
        f"/api/domains/{domain_id}/pages", json={"url": "https://shop.example/a"}
    )
    page_id = page.json()["data"]["id"]
    job_id = await system.ask(f"/api/pages/{page_id}/crawl")
    await system.api.post(f"/api/jobs/{job_id}/cancel")
    await system.api.delete(f"/api/pages/{page_id}")
    found = [
        (each["method"], each["route"], each["subjectId"], each["status"])
        for each in await lines(system.api)
    ]
    assert found[:-1] == [
        ("DELETE", "/api/pages/{page_id}", page_id, 204),
        ("POST", "/api/jobs/{job_id}/cancel", job_id, 200),
        ("POST", "/api/pages/{page_id}/crawl", page_id, 202),
        ("POST", "/api/domains/{domain_id}/pages", domain_id, 201),
    ]


async def test_what_is_refused_has_a_line_and_what_only_reads_has_none(system: System) -> None:
    nobody = uuid4()
    await system.api.get("/api/domains")
    await system.api.post("/api/alerts/preview", json={})
    await system.api.post("/api/nothing")
    assert await lines(system.api) == []
    await system.api.delete(f"/api/domains/{nobody}")
    await system.api.post("/api/domains", json={"domain": ""})
    found = [(each["status"], each["route"], each["subjectId"]) for each in await lines(system.api)]
    assert found == [
        (400, "/api/domains", None),
        (404, "/api/domains/{domain_id}", str(nobody)),
    ]
    async with client(system, await new_key(system, Scope.READ)) as reader:
        await reader.post("/api/domains", json={"domain": "a.example"})
    async with client(system, await new_key(system, Scope.ADMIN)) as admin:
        [refused] = await lines(admin)
        assert (refused["status"], refused["route"]) == (403, "/api/domains")
    async with client(system, "diffy_unknown") as stranger:
        assert (await stranger.post("/api/domains", json={})).status_code == 401
    assert len(await lines(system.api)) == 2


async def test_every_write_of_the_api_has_a_line(system: System) -> None:
    writes = [each for each in operations(system) if each.method not in SAFE_METHODS]
    writes = [each for each in writes if each.path != "/api/alerts/preview"]
    for each in writes:
        await system.api.request(each.method, each.target(), json={})
    async with system.database.reading() as session:
        rows = await session.execute(select(AuditLine.method, AuditLine.route))
        written = {(method, re.sub(r"\{[^}]*\}", "{}", route)) for method, route in rows}
    assert written == {(each.method, re.sub(r"\{[^}]*\}", "{}", each.path)) for each in writes}


async def test_lines_have_no_secret_and_nothing_of_a_body(system: System) -> None:
    made = await system.api.post("/api/keys", json={"name": "secretive", "scope": "read"})
    key = made.json()["data"]["key"]
    await system.api.post(f"/api/jobs/{key}/cancel")
    await system.api.post(f"/api/jobs/{'x' * 300}/cancel")
    found = await lines(system.api)
    assert key not in str(found)
    assert [each["subjectId"] for each in found] == [None, None, made.json()["data"]["id"]]
    assert "secretive" not in str(found)


async def test_lines_are_filtered_and_paged(system: System) -> None:
    for number in range(5):
        await system.api.post("/api/domains", json={"domain": f"{number}.example"})
    [first, *_] = reversed(await lines(system.api))
    await system.api.delete(f"/api/domains/{first['subjectId']}")
    assert len(await lines(system.api, method="DELETE")) == 1
    assert len(await lines(system.api, subjectId=first["subjectId"])) == 2
    assert len(await lines(system.api, keyId=first["keyId"])) == 6
    assert await lines(system.api, keyId=uuid4()) == []
    for minutes, since, until in ((-1, 6, 0), (1, 0, 6)):
        at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        assert len(await lines(system.api, since=at)) == since
        assert len(await lines(system.api, until=at)) == until
    answer = (await system.api.get("/api/audit?limit=4")).json()
    assert (answer["meta"]["total"], len(answer["data"])) == (6, 4)
    rest = await lines(system.api, cursor=answer["meta"]["nextCursor"])
    assert [*answer["data"], *rest] == await lines(system.api)


@pytest.mark.parametrize("query", ["keyId=1", "method=GET", "cursor=x"])
async def test_a_bad_filter_is_refused(system: System, query: str) -> None:
    assert (await system.api.get(f"/api/audit?{query}")).status_code == 400


@pytest.mark.parametrize("route", ["audit", "changes"])
@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-01-01",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
    ],
)
async def test_a_moment_that_is_none_in_utc_is_refused(
    system: System, route: str, query: str
) -> None:
    assert (await system.api.get(f"/api/{route}?{query}")).status_code == 400


@pytest.mark.sqlite
async def test_requests_do_not_wait_for_each_other_while_the_database_is_locked(
    system: System,
) -> None:
    domain = await system.add_domain("shop.example")
    [line] = await lines(system.api)
    async with system.database.reading() as session:
        org_id = (await session.get_one(Domain, domain.id)).org_id
    at, key_id = datetime.now(UTC), UUID(line["keyId"])
    entry = AuditEntry(org_id, at, key_id, "POST", "/api/domains", None, 201, None)
    away = Database.open(system.settings.resolved_database_url, busy_timeout=0.5)
    audit_log = AuditLog(away)
    began = time.monotonic()
    try:
        async with system.database.transaction() as session:
            await session.execute(text("UPDATE organisations SET name = name"))
            await asyncio.gather(*(audit_log.write(entry) for _ in range(20)))
            # One after the other they would wait for ten seconds.
            assert time.monotonic() - began < 5
        await asyncio.gather(*(audit_log.flush() for _ in range(3)))
    finally:
        await away.close()
    assert len(await lines(system.api, limit=100)) == 21


async def test_only_an_admin_reads_the_log_and_only_of_its_organisation(system: System) -> None:
    await system.add_domain("shop.example")
    for scope in (Scope.READ, Scope.WRITE):
        async with client(system, await new_key(system, scope)) as api:
            assert (await api.get("/api/audit")).status_code == 403
    async with client(system, await new_key(system, Scope.ADMIN)) as other:
        assert await lines(other) == []
        [mine] = await lines(system.api)
        assert await lines(other, keyId=mine["keyId"]) == []
        assert await lines(other, subjectId=mine["subjectId"]) == []


async def test_a_line_that_cannot_be_stored_is_logged_and_stored_later(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    audit_log = services_of(system.app).audit_log

    async def fail() -> None:
        raise Unavailable("The database cannot be reached now; try again in a few seconds.")

    with monkeypatch.context() as patch:
        patch.setattr(audit_log, "flush", fail)
        domain = await system.add_domain("shop.example")
        assert str(domain.id) in caplog.text, "what was done stays done, and is said"
        assert await lines(system.api) == []
    flushing = asyncio.create_task(audit_log.keep_flushing(0.01))

    async def stored() -> int:
        return len(await lines(system.api))

    await eventually(stored, lambda count: count == 1)
    flushing.cancel()
    await asyncio.wait([flushing])
    [line] = await lines(system.api)
    assert (line["status"], line["subjectId"]) == (201, str(domain.id)), "and once"


async def test_a_form_of_the_web_page_has_a_line_of_the_key_that_signed_in(
    system: System,
) -> None:
    key = await new_key(system, Scope.ADMIN)
    async with client(system) as browser:
        csrf = await signed_in(browser, key)
        await browser.post("/domains", data={"csrf": csrf, "domain": "shop.example"})
        preview = {"csrf": csrf, "name": "Prices", "preview": "1"}
        assert (await browser.post("/alerts", data=preview)).status_code in (200, 400)
    async with client(system, key) as admin:
        found = [(each["method"], each["route"]) for each in await lines(admin)]
    assert found == [("POST", "/domains")]
