"""The limit of requests of an API key, and what its answers say of it."""

from collections.abc import AsyncIterator
from unittest.mock import patch

import httpx2
import pytest

from api.app import create_app
from api.deps import services_of
from api.parameters import IGNORED
from store.keys import create_key
from tests.api.operations import documentation
from tests.system import System

PROBLEM = "application/problem+json"


@pytest.fixture
async def limited(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an API whose keys may make three requests a minute."""
    settings = system.settings.model_copy(update={"key_requests_per_minute": 3})
    services = services_of(system.app)
    app = create_app(settings, system.client, system.database, services.main_texts)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://diffy.test",
        headers=system.api.headers,
    ) as api:
        yield api


def left(answer: httpx2.Response) -> int:
    """What remains, as an answer says it."""
    assert answer.headers["RateLimit-Policy"] == '"key";q=3;w=60'
    name, r, t = answer.headers["RateLimit"].split(";")
    assert name == '"key"'
    assert 0 < int(t.removeprefix("t=")) <= 60
    return int(r.removeprefix("r="))


async def test_a_key_may_make_so_many_requests_and_each_answer_says_what_is_left(
    limited: httpx2.AsyncClient, system: System
) -> None:
    assert left(await limited.get("/api/domains")) == 2
    assert left(await limited.post("/api/domains", json={})) == 1, "a bad request counts too"
    big = await limited.post("/api/domains", content="x" * 2**21)
    assert (big.status_code, left(big)) == (413, 0), "and one that no route has seen"
    refused = await limited.get("/api/domains")
    assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
    assert "3 requests a minute" in refused.json()["error"]
    assert left(refused) == 0
    assert refused.headers["Retry-After"] == refused.headers["RateLimit"].partition("t=")[2]
    problem = await limited.get("/api/domains", headers={"Accept": PROBLEM})
    assert problem.headers["Content-Type"] == PROBLEM
    assert (problem.json()["status"], problem.json()["title"]) == (429, "Too Many Requests")
    assert int(problem.headers["Retry-After"]) > 0
    written = documentation(system)
    assert set(problem.json()) <= set(written["components"]["schemas"]["Problem"]["properties"])
    documented = written["paths"]["/api/domains"]["get"]["responses"]["429"]["headers"]
    always = {name.lower() for name in documented} - {IGNORED.lower()}  # if any was ignored
    assert always <= set(problem.headers)
    assert "ratelimit" in always
    async with system.database.transaction() as session:
        other = await create_key(session, "other")
    headers = {"Authorization": f"Bearer {other.key}"}
    assert left(await limited.get("/api/domains", headers=headers)) == 2, "each key for itself"
    assert (await limited.get("/health")).status_code == 200, "what needs no key is not counted"
    wrong = await limited.get("/api/domains", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert "RateLimit" not in wrong.headers


async def test_a_new_window_begins_when_the_last_one_is_over(limited: httpx2.AsyncClient) -> None:
    with patch("api.key_limits.monotonic", return_value=1000.0) as clock:
        for expected in (200, 200, 200, 429):
            assert (await limited.get("/api/domains")).status_code == expected
        clock.return_value = 1059.5
        late = await limited.get("/api/domains")
        assert (late.status_code, late.headers["Retry-After"]) == (429, "1")
        clock.return_value = 1060.0
        assert left(await limited.get("/api/domains")) == 2


async def test_without_a_limit_no_answer_speaks_of_one(system: System) -> None:
    answer = await system.api.get("/api/domains")
    assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)
