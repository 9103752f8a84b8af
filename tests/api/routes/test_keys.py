"""API keys over REST and on the web page, and when they were used last."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from api.deps import services_of
from core.scopes import Scope
from store.key_uses import KeyUses
from store.keys import create_key
from store.tables.accounts import ApiKey
from tests.api.test_scopes import client, new_key, signed_in
from tests.eventually import eventually
from tests.system import System


async def created(system: System, **body: object) -> Any:
    """A new key of the first organisation."""
    answer = await system.api.post("/api/keys", json={"name": "x", "scope": "read", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def test_a_key_is_created_shown_once_used_and_revoked(system: System) -> None:
    await system.add_domain("a.example")
    made = await created(system, name="Dashboard", expiresInDays=30)
    assert (made["name"], made["scope"], made["status"]) == ("Dashboard", "read", "valid")
    assert made["lastUsedAt"] is None
    until = datetime.fromisoformat(made["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=29) < until <= timedelta(days=30)
    async with client(system, made["key"]) as reader:
        assert (await reader.get("/api/domains")).json()["meta"]["total"] == 1
        assert (await reader.get("/api/keys")).status_code == 403
    listed = (await system.api.get("/api/keys")).json()
    assert listed["data"][0]["id"] == made["id"], "newest first"
    assert listed["data"][0]["lastUsedAt"] is not None
    assert "key" not in listed["data"][0]
    assert made["key"] not in str(listed)
    path = f"/api/keys/{made['id']}/revoke"
    revoked = (await system.api.post(path)).json()["data"]
    assert revoked["status"] == "revoked"
    assert (await system.api.post(path)).json()["data"] == revoked, "the first time stays"
    async with client(system, made["key"]) as late:
        assert (await late.get("/api/domains")).status_code == 401


async def test_a_repetition_does_not_show_the_key_again(system: System) -> None:
    body = {"name": "x", "scope": "write"}
    headers = {"Idempotency-Key": "once"}
    first, again = [
        (await system.api.post("/api/keys", json=body, headers=headers)).json()["data"]
        for _ in range(2)
    ]
    assert first["key"].startswith("diffy_")
    assert again == {**first, "key": None}
    await system.api.post(f"/api/keys/{first['id']}/revoke")
    answer = await system.api.post("/api/keys", json=body, headers=headers)
    assert answer.status_code == 201
    late = answer.json()["data"]
    assert late["revokedAt"] is not None
    changed = {"status": "revoked", "revokedAt": late["revokedAt"]}
    assert late == {**again, **changed}, "the key as it is now"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": None}, "name"),
        ({"scope": "owner"}, "scope"),
        ({"scope": None}, "scope"),
        ({"expiresInDays": 0}, "expiresInDays"),
        ({"expiresInDays": 3651}, "expiresInDays"),
        ({"expiresInDays": "30"}, "expiresInDays"),
        ({"orgId": "x"}, "orgId"),
    ],
)
async def test_a_key_that_is_not_as_documented_is_not_created(
    system: System, body: dict[str, object], field: str
) -> None:
    answer = await system.api.post("/api/keys", json={"name": "x", "scope": "read", **body})
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


async def test_only_admin_keys_see_keys(system: System) -> None:
    for scope in (Scope.READ, Scope.WRITE):
        async with client(system, await new_key(system, scope)) as other:
            for method, path in (
                ("GET", "/api/keys"),
                ("POST", "/api/keys"),
                ("POST", "/api/keys/x/revoke"),
            ):
                answer = await other.request(method, path, json={})
                assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


async def test_the_last_use_is_written_apart_from_requests_and_never_set_back(
    system: System,
) -> None:
    store = system.database
    uses = services_of(system.app).key_uses
    async with store.transaction() as session:
        key = await create_key(session, "used")

    async def stored() -> datetime | None:
        async with store.reading() as session:
            return await session.scalar(select(ApiKey.last_used_at).where(ApiKey.id == key.id))

    async with client(system, key.key) as api:
        await api.get("/api/domains")
    assert await stored() is None, "no request writes it"
    writer = asyncio.create_task(uses.keep_writing(0.01))
    first = await eventually(stored, lambda at: at is not None)
    other = KeyUses(store)
    other.note(key.id)
    await other.write()
    later = await stored()
    assert first is not None
    assert later is not None
    assert later > first
    uses._unwritten.add(key.id)
    await uses.write()
    assert await stored() == later, "an earlier use of another process changes nothing"
    async with client(system, key.key) as api:
        await api.get("/api/domains")
    writer.cancel()
    await asyncio.wait([writer])
    last = await stored()
    assert last is not None
    assert last > later, "what is left is written at the end"


async def test_an_unforeseen_error_does_not_end_the_writing_of_last_uses(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uses = KeyUses(system.database)
    write = KeyUses.write
    broken = asyncio.Event()

    async def breaks_once(self: KeyUses) -> None:
        if not broken.is_set():
            broken.set()
            raise RuntimeError("a bug")
        await write(self)

    monkeypatch.setattr(KeyUses, "write", breaks_once)
    async with system.database.transaction() as session:
        key = await create_key(session, "used")

    async def stored() -> datetime | None:
        assert not writer.done()
        async with system.database.reading() as session:
            return await session.scalar(select(ApiKey.last_used_at).where(ApiKey.id == key.id))

    uses.note(key.id)
    writer = asyncio.create_task(uses.keep_writing(0.01))
    await eventually(stored, lambda at: at is not None)
    broken.clear()
    writer.cancel()
    await asyncio.wait([writer])
    assert broken.is_set(), "it writes once more at the end"
    assert writer.cancelled()
    assert caplog.text.count("RuntimeError: a bug") == 2


async def test_a_key_is_created_on_the_web_page(system: System) -> None:
    admin = await new_key(system, Scope.ADMIN)
    async with client(system) as browser:
        csrf = await signed_in(browser, admin)
        form = {"csrf": csrf, "once": "0" * 32, "name": "Robot", "scope": "write", "days": "x"}
        wrong = await browser.post("/keys", data=form)
        assert wrong.status_code == 400
        assert 'aria-invalid="true"' in wrong.text
        form |= {"days": "7", "once": "1" * 32}
        made = await browser.post("/keys", data=form)
        assert made.status_code == 200
        found = re.search(r'value="(diffy_[\w-]+)" aria-label="Key"', made.text)
        assert found is not None
        assert "Robot" in made.text
        again = await browser.post("/keys", data=form)
        assert "was shown already" in again.text
        assert found[1] not in again.text
        csrf = await signed_in(browser, found[1])
        listed: httpx2.Response = await browser.get("/keys")
        assert "Create a key" not in listed.text
        assert "/revoke" not in listed.text
        refused = await browser.post("/keys", data={"csrf": csrf, "once": "2" * 32, "name": "y"})
        assert refused.status_code == 403
