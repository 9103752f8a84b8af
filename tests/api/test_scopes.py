"""What keys of each scope may do, over REST and by the web page."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2

from core.scopes import SAFE_METHODS, Scope, needed_scope
from store.keys import create_key, list_keys
from tests.api.operations import operations
from tests.system import System


async def new_key(system: System, scope: Scope, lasts: timedelta | None = None) -> str:
    """A key of that scope, of an organisation that has nothing."""
    async with system.database.transaction() as session:
        made = await create_key(session, "scoped", scope=scope, lasts=lasts)
    return made.key


async def ids_of_keys(system: System) -> list[str]:
    """The ids of the keys that `new_key` made, oldest first."""
    async with system.database.reading() as session:
        return [str(key.id) for key in await list_keys(session) if key.org_name == "scoped"]


@asynccontextmanager
async def client(system: System, key: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    """A client with that key, or a browser without one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {"Accept": "text/html"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app),
        base_url="http://diffy.test",
        headers=headers,
    ) as api:
        yield api


async def test_a_key_that_may_read_reads_everything_and_changes_nothing(system: System) -> None:
    async with client(system, await new_key(system, Scope.READ)) as reader:
        for each in operations(system):
            answer = await reader.request(each.method, each.target(), json={"domain": "a.com"})
            if needed_scope(each.method, each.path) is Scope.READ:
                assert answer.status_code not in (401, 403), each
                assert "403" not in each.statuses
            else:
                assert answer.json()["code"] == "FORBIDDEN", each
                assert f"scope {needed_scope(each.method, each.path)}" in answer.json()["error"]
                assert "403" in each.statuses
        assert (await reader.get("/api/domains")).json()["data"] == []
        previewed = await reader.post("/api/alerts/preview", json={})
        assert previewed.status_code == 200
        assert (await reader.post("/api/nothing")).status_code == 404
        assert (await reader.delete("/api/domains")).status_code in (403, 405)


async def test_a_key_that_may_write_changes_what_it_reads(system: System) -> None:
    async with client(system, await new_key(system, Scope.WRITE)) as writer:
        added = await writer.post("/api/domains", json={"domain": "a.com"})
        assert added.status_code == 201, added.text
        deleted = await writer.delete(f"/api/domains/{added.json()['data']['id']}")
        assert deleted.status_code == 204


async def test_a_key_is_invalid_once_it_has_expired(system: System) -> None:
    async with client(system, await new_key(system, Scope.ADMIN, timedelta(hours=1))) as fresh:
        assert (await fresh.get("/api/domains")).status_code == 200
    expired = await new_key(system, Scope.ADMIN, timedelta(seconds=-1))
    async with client(system, expired) as late:
        answer = await late.get("/api/domains")
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    async with client(system) as browser:
        assert (await browser.post("/sign-in", data={"key": expired})).status_code == 401


async def signed_in(browser: httpx2.AsyncClient, key: str) -> str:
    """The token of the forms of a session that begins with the key."""
    assert (await browser.post("/sign-in", data={"key": key})).status_code == 303
    found = re.search(r'name="csrf" value="(\w+)"', (await browser.get("/domains")).text)
    assert found is not None
    return found[1]


async def test_the_forms_of_the_web_page_do_what_the_scope_of_the_key_allows(
    system: System,
) -> None:
    async with client(system) as browser:
        key = await new_key(system, Scope.READ)
        csrf = await signed_in(browser, key)
        refused = await browser.post("/domains", data={"csrf": csrf, "domain": "a.com"})
        assert refused.status_code == 403
        assert "scope write" in refused.text
        async with client(system, key) as reader:
            assert (await reader.get("/api/domains")).json()["data"] == []
        assert (await browser.post("/sign-out", data={"csrf": csrf})).status_code == 303
        csrf = await signed_in(browser, await new_key(system, Scope.WRITE))
        for other in await ids_of_keys(system):
            revoked = await browser.post(f"/keys/{other}/revoke", data={"csrf": csrf})
            assert revoked.status_code == 403
            assert "scope admin" in revoked.text


async def test_the_web_page_shows_the_keys_of_others_to_admin_keys_alone(system: System) -> None:
    keys = {scope: await new_key(system, scope) for scope in Scope}
    everyones = await ids_of_keys(system)
    assert len(everyones) == len(keys)
    for scope, key in keys.items():
        async with client(system) as browser:
            await signed_in(browser, key)
            listed = (await browser.get("/keys")).text
            shown = re.findall(r'id="k-([0-9a-f-]{36})"', listed)
            own = re.search(r'id="k-([0-9a-f-]{36})"(?:(?!<tr).)*You signed in', listed, re.DOTALL)
            assert own is not None
            assert shown == (everyones if scope is Scope.ADMIN else [own[1]])
            assert ("You see your own key only" in listed) is (scope is not Scope.ADMIN)


def test_each_scope_includes_the_ones_before_it() -> None:
    for n, each in enumerate(Scope):
        assert [other for other in Scope if each.includes(other)] == list(Scope)[: n + 1]
    assert {needed_scope(method, "/api/jobs") for method in SAFE_METHODS} == {Scope.READ}
    for method in ("POST", "PATCH", "DELETE", "PUT", "TRACE"):
        assert needed_scope(method, "/api/jobs") is Scope.WRITE
    for path in ("/api/keys", "/api/keys/x/revoke"):
        assert {needed_scope(method, path) for method in ("GET", "POST")} == {Scope.ADMIN}
    assert needed_scope("GET", "/api/keysmith") is Scope.READ
