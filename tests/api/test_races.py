"""Requests that meet in the database: what one of them changes or deletes while another is at it.

On PostgreSQL; SQLite lets one transaction write at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from core.settings import Settings
from tests.eventually import eventually
from tests.postgres import PostgresServer
from tests.store.rows import stored, waiting
from tests.system import System, running_system


@pytest.fixture
async def system(settings: Settings, postgres: PostgresServer) -> AsyncIterator[System]:
    """A system whose store is in PostgreSQL."""
    with postgres.migrated() as url:
        chosen = settings.model_copy(update={"database_url": url})
        async with running_system(chosen) as system:
            yield system


async def owned(system: System, name: str = "shop.example") -> dict[str, Any]:
    """The ids of a domain, of two pages of it, of a change of the first and of the owner."""
    answer = await system.api.post("/api/domains", json={"domain": name})
    assert answer.status_code == 201, answer.text
    domain = answer.json()["data"]
    pages = f"/api/domains/{domain['id']}/pages"
    page, other = [
        (await system.api.post(pages, json={"url": f"https://{name}/{n}"})).json()["data"]["id"]
        for n in (1, 2)
    ]
    for number in (1, 2):
        await stored(system.database, UUID(page), f"job-{number}", f"version {number}")
    [change] = (await system.api.get(f"/api/changes?pageId={page}")).json()["data"]
    return {
        "org": domain["orgId"],
        "domain": domain["id"],
        "page": page,
        "other": other,
        "change": change["id"],
    }


async def behind(
    system: System, statement: str, requests: list[Coroutine[Any, Any, httpx2.Response]]
) -> list[httpx2.Response]:
    """The answers to requests that all have to wait for the transaction of `statement`."""
    async with system.database.transaction() as rival:
        await rival.execute(text(statement))
        asked = [asyncio.create_task(request) for request in requests]
        await eventually(lambda: waiting(rival), lambda count: count == len(asked))
    return list(await asyncio.gather(*asked))


@pytest.mark.parametrize("kind", ["domain", "page"])
async def test_of_two_changes_at_once_neither_is_lost(system: System, kind: str) -> None:
    path = f"/api/{kind}s/{(ids := await owned(system))[kind]}"
    answers = await behind(
        system,
        f"SELECT 1 FROM {kind}s WHERE id = '{ids[kind]}' FOR UPDATE",
        [
            system.api.patch(path, json={"crawlSettings": chosen})
            for chosen in ({"userAgent": "Other"}, {"ignoreSelectors": ["p"]})
        ],
    )
    assert [each.status_code for each in answers] == [200, 200]
    shown = (await system.api.get(path)).json()["data"]["crawlSettings"]
    assert (shown["userAgent"], shown["ignoreSelectors"]) == ("Other", ["p"])


@pytest.mark.parametrize(
    ("gone", "method", "path", "body"),
    [
        ("domain", "POST", "/api/domains/{domain}/pages", {"url": "https://shop.example/3"}),
        ("domain", "POST", "/api/domains/{domain}/crawl", {}),
        ("domain", "POST", "/api/domains/{domain}/backtest", None),
        ("domain", "PATCH", "/api/domains/{domain}", {"displayName": "The shop"}),
        ("domain", "DELETE", "/api/domains/{domain}", None),
        ("page", "POST", "/api/domains/{domain}/crawl", {"pageIds": ["{page}"]}),
        ("page", "PATCH", "/api/pages/{page}", {"monitoringEnabled": False}),
        ("page", "DELETE", "/api/pages/{page}", None),
        ("page", "POST", "/api/changes/{change}/acknowledge", None),
        ("org", "POST", "/api/domains", {"domain": "other.example"}),
    ],
)
async def test_what_is_deleted_meanwhile_is_not_found(
    system: System, gone: str, method: str, path: str, body: Any
) -> None:
    ids = await owned(system)
    table = "organisations" if gone == "org" else f"{gone}s"
    if body and "pageIds" in body:
        body = {"pageIds": [ids["page"]]}
    request = system.api.request(method, path.format(**ids), json=body)
    deletion = f"DELETE FROM {table} WHERE id = '{ids[gone]}'"
    [answer] = await behind(system, deletion, [request])
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), answer.text


async def test_a_page_that_is_deleted_meanwhile_is_left_out_of_a_batch(system: System) -> None:
    ids = await owned(system)
    request = system.api.post(f"/api/domains/{ids['domain']}/crawl", json={})
    deletion = f"DELETE FROM pages WHERE id = '{ids['page']}'"
    [answer] = await behind(system, deletion, [request])
    assert (answer.status_code, answer.json()["data"]["jobsQueued"]) == (202, 1), answer.text
