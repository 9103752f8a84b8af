"""API keys over REST."""

import httpx2
import pytest
from sqlalchemy import text

from store.keys import create_key, list_keys, revoke_key
from tests.system import System


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer unknown",
        "Basic eDp5",
        "diffy_x",
        "Bearer é",
        "Bearer a b",
    ],
)
async def test_no_valid_key_no_answer(system: System, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode()}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app), base_url="http://diffy.test"
    ) as stranger:
        answer = await stranger.get("/api/domains", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_revoked_key_is_invalid_at_once_and_no_key_is_stored(system: System) -> None:
    async with system.database.transaction() as session:
        made = await create_key(session, "acme")
    headers = {"Authorization": f"bearer {made.key}"}
    assert (await system.api.get("/api/domains", headers=headers)).status_code == 200
    async with system.database.transaction() as session:
        await revoke_key(session, made.id)
        assert made.id in {row.id for row in await list_keys(session)}
        stored = (await session.execute(text("SELECT * FROM api_keys"))).all()
    assert (await system.api.get("/api/domains", headers=headers)).status_code == 401
    assert made.key not in repr(stored)
