"""Errors as problem details, unknown parameters, and requests of pages of other origins."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from api.app import PARAMETERS, ROUTERS, create_app
from api.deps import services_of
from api.limits import JsonBody
from api.texts import CRONTAB, WITH_RULES_OF_THEIR_OWN
from tests.api.operations import operations
from tests.system import System

PROBLEM = "application/problem+json"
ORIGIN = "https://dash.example"
HERE = "here"
"""Stands for a text in the value of a body."""

Location = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("accept", "as_problem"),
    [
        (PROBLEM, True),
        (f"{PROBLEM}, application/json;q=0.9", True),
        (f"application/json, {PROBLEM};q=0.5", False),
        (f"application/json, {PROBLEM}", False),
        ("*/*", False),
        ("application/json", False),
    ],
)
async def test_an_error_is_a_problem_detail_for_whoever_prefers_that(
    system: System, accept: str, as_problem: bool
) -> None:
    answer = await system.api.post("/api/domains", json={}, headers={"Accept": accept})
    assert answer.status_code == 400
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Content-Type"] == (PROBLEM if as_problem else "application/json")
    if as_problem:
        assert answer.json() == {
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "domain: This is required.",
            "code": "VALIDATION_ERROR",
            "details": {"domain": "This is required."},
        }
    else:
        assert answer.json()["error"] == "domain: This is required."


async def test_a_problem_keeps_the_headers_of_the_error(system: System) -> None:
    headers = {"Authorization": "Bearer nobody", "Accept": PROBLEM}
    answer = await system.api.get("/api/domains", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "details" not in answer.json()


async def test_a_success_is_json_also_for_whoever_prefers_problems(system: System) -> None:
    answer = await system.api.get("/api/domains", headers={"Accept": f"{PROBLEM}, */*;q=0.1"})
    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_a_parameter_that_a_route_does_not_have_is_ignored_and_told(system: System) -> None:
    answer = await system.api.get("/api/jobs?stat=failed&limit=5&x%0a=1&stat=x")
    assert (answer.status_code, answer.json()["meta"]["pageSize"]) == (200, 5)
    assert answer.headers["Ignored-Parameters"] == "stat, x%0A"
    for path in ("/api/jobs?limit=5&status=failed", "/api/jobs", "/healthz?x=1", "/?x=1"):
        answer = await system.api.get(path, headers={"Prefer": "handling=lenient"})
        assert not {"Ignored-Parameters", "Preference-Applied"} & set(answer.headers), path
    assert (await system.api.get("/api/nothing?x=1")).status_code == 404


@pytest.mark.parametrize(
    "prefer", ["handling=strict", 'return=minimal, Handling = "Strict"; a=b, handling=lenient']
)
async def test_a_client_can_have_it_refused(system: System, prefer: str) -> None:
    strict = {"Prefer": prefer}
    for method, path, name, near in (
        ("GET", "/api/jobs?stat=failed", "stat", "status"),
        ("GET", "/api/jobs?domain_id=x", "domain_id", "domainId"),
        ("GET", "/api/changes?LIMIT=5", "LIMIT", "limit"),
        ("POST", "/api/jobs/cancel?statut=delayed", "statut", "status"),
    ):
        answer = await system.api.request(method, path, headers=strict)
        assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR"), path
        told = f"There is no parameter of this name here. Did you mean {near}?"
        assert answer.json()["details"] == {name: told}
    answer = await system.api.get("/api/domains?%00zzzz=1", headers=strict)
    [told] = answer.json()["details"].values()
    assert told == "There is no parameter of this name here."
    answer = await system.api.get("/api/jobs?status=failed", headers=strict)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "handling=strict")
    assert (await system.api.get("/feeds/x?utm_source=x", headers=strict)).status_code == 404


def test_every_documented_parameter_is_known(system: System) -> None:
    for operation in operations(system, endless=True):
        if operation.path.startswith("/api/"):
            documented = {
                each["name"]
                for each in operation.documented.get("parameters", [])
                if each["in"] == "query"
            }
            assert PARAMETERS[operation.method, operation.path] == documented, str(operation)


def query_fields(dependant: Dependant) -> Iterator[Any]:
    """The query parameters of a route, and of what it depends on."""
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from query_fields(each)


def test_no_parameter_takes_what_postgresql_cannot_hold() -> None:
    fields = {
        (route.path, field.alias): field
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for field in query_fields(route.dependant)
        if field.alias != "cursor"  # has no text in it: test_paging.py
    }
    assert len(fields) > 50
    for name, field in fields.items():
        for text in ("a\0b", "\0", "\ud800"):
            _, refused = field.validate(text, {}, loc=("query",))
            assert refused, (name, text)


def texts_in(schema: dict[str, Any], kinds: dict[str, Any]) -> Iterator[tuple[Any, Location]]:
    """Values that fit `schema` as far as `HERE`, the one text in each, which is at the location.

    `kinds` are the models that the schema refers to.
    """
    if "$ref" in schema:
        yield from texts_in(kinds[schema["$ref"].rpartition("/")[2]], kinds)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from texts_in(each, kinds)
    if schema.get("type") == "string":
        yield HERE, ()
    if "items" in schema:
        for value, at in texts_in(schema["items"], kinds):
            yield [value], (0, *at)
    fields = schema.get("properties", {})
    said = {name: each["const"] for name, each in fields.items() if "const" in each}
    if schema.get("additionalProperties"):
        yield {HERE: "a"}, (HERE,)
        fields = {"a": schema["additionalProperties"]}
    for name, each in fields.items():
        for value, at in texts_in(each, kinds):
            yield {**said, name: value}, (name, *at)


def with_text(value: Any, text: str) -> Any:
    """`value` with `text` where `HERE` is."""
    match value:
        case dict():
            return {with_text(name, text): with_text(each, text) for name, each in value.items()}
        case [each]:
            return [with_text(each, text)]
        case _:
            return text if value == HERE else value


def test_no_field_of_a_body_takes_control_characters() -> None:
    asked: dict[str, set[Location]] = {}
    for router in ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or not route.dependant.body_params:
                continue
            [field] = route.dependant.body_params
            body: TypeAdapter[Any] = TypeAdapter(cast(Any, field.field_info.annotation))
            schema = body.json_schema()
            for value, at in texts_in(schema, schema.get("$defs", {})):
                own_rules = WITH_RULES_OF_THEIR_OWN & set(at)
                signs = "\0\x01\b\n\x1f\x7f\ud800" + ("" if own_rules or CRONTAB in at else "\t")
                for sign in signs:
                    text = f"a{sign}b"
                    with pytest.raises(ValidationError) as refused:
                        body.validate_python(with_text(value, text))
                    shown = text.encode(errors="surrogatepass").decode(errors="replace")
                    place = tuple(shown if each == HERE else each for each in at)
                    if own_rules:
                        place = place[:2] if at[0] == "crawlSettings" else place[:4]
                    found = {
                        each["loc"][-len(place) :]: each["type"] for each in refused.value.errors()
                    }
                    kind = "lone_surrogate" if sign == "\ud800" else "control_character"
                    assert found.get(place), (route.path, place, sign, found)
                    assert own_rules or found[place] == kind, (route.path, place, sign, found)
                asked.setdefault(route.path, set()).add(at)
    assert asked["/api/domains"] >= {
        ("watch", "include", 0),
        ("schedule", "cron"),
        ("crawlSettings", "headers", HERE),
        ("crawlSettings", "headers", "a"),
        ("tags", 0),
        ("domain",),
    }
    assert {("to", 0), ("url",), ("workflowId",)} <= asked["/api/channels"]
    assert {("on", "words", 0), ("on", "words", "appear", 0)} <= asked["/api/alerts"]
    assert sum(map(len, asked.values())) > 150


async def test_a_text_that_cannot_be_is_refused_where_it_is(system: System) -> None:
    body = {
        "domain": "shop.example",
        "watch": {"include": ["/a", "/b\0"], "exclude": ["/\x1b"]},
        "crawlSettings": {"watchSelector": "p\t"},
    }
    answer = await system.api.post("/api/domains", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["details"] == dict.fromkeys(
        ("watch.include.1", "watch.exclude.0", "crawlSettings.watchSelector"),
        "Control characters are not allowed.",
    )
    for path in ("/feeds/a%00b", "/static/a%00b", "/docs/a%0Ab"):
        assert (await system.api.get(path)).status_code in (400, 404), path


async def test_a_tab_separates_in_a_crontab_and_in_a_header(system: System) -> None:
    body = {
        "domain": "shop.example",
        "schedule": {"cron": "0\t3 * * *"},
        "crawlSettings": {"headers": {"Accept-Language": "de,\ten"}},
    }
    answer = await system.api.post("/api/domains", json=body)
    assert answer.status_code == 201, answer.text


def test_a_body_is_looked_through_however_deep_it_is() -> None:
    nested: object = "a\0b"
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValidationError, match="Control characters are not allowed"):
        JsonBody.model_validate({"a": nested})


@asynccontextmanager
async def shared(system: System, origins: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The same API, for pages of these origins."""
    services = services_of(system.app)
    settings = system.settings.model_copy(update={"cors_origins": origins})
    app = create_app(settings, system.client, system.database, services.main_texts)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://diffy.test"
    ) as browser:
        yield browser


def preflight(origin: str, headers: str = "authorization, idempotency-key") -> dict[str, str]:
    """What a browser asks before a request of another origin."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": headers,
    }


async def test_a_browser_lets_pages_of_the_chosen_origins_use_the_api(system: System) -> None:
    key = system.api.headers["Authorization"]
    async with shared(system, f"{ORIGIN}, http://localhost:3000") as browser:
        for origin in (ORIGIN, "http://localhost:3000"):
            asked = await browser.options("/api/domains", headers=preflight(origin))
            assert asked.status_code == 200, asked.text
            assert asked.headers["Access-Control-Allow-Origin"] == origin
            assert "POST" in asked.headers["Access-Control-Allow-Methods"]
            assert "Access-Control-Allow-Credentials" not in asked.headers
        sent = await browser.get("/api/domains", headers={"Origin": ORIGIN, "Authorization": key})
        assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
        assert "Retry-After" in sent.headers["Access-Control-Expose-Headers"]
        refused = await browser.get("/api/domains", headers={"Origin": ORIGIN})
        assert refused.status_code == 401
        assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN, "the page reads why"


async def test_a_browser_lets_no_other_origin(system: System) -> None:
    other = "https://evil.example"
    async with shared(system, ORIGIN) as browser:
        asked = await browser.options("/api/domains", headers=preflight(other))
        assert "Access-Control-Allow-Origin" not in asked.headers
        unusual = await browser.options("/api/domains", headers=preflight(ORIGIN, "x-other"))
        assert unusual.status_code == 400
        page = await browser.get("/sign-in", headers={"Origin": ORIGIN})
        assert "Access-Control-Allow-Origin" not in page.headers, "the web page is not shared"
    asked = await system.api.options("/api/domains", headers=preflight(ORIGIN))
    assert "Access-Control-Allow-Origin" not in asked.headers, "without the setting"


async def test_a_star_lets_every_origin(system: System) -> None:
    async with shared(system, "*") as browser:
        asked = await browser.options("/api/domains", headers=preflight("https://any.example"))
        assert asked.headers["Access-Control-Allow-Origin"] in ("*", "https://any.example")
