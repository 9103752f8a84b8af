"""One shape for every error: of every route, and of the framework itself."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import httpx2
import pytest

from api.deps import services_of
from api.errors import DESCRIPTIONS
from api.limits import MAX_BODY_SIZE
from temporal.jobs.reader import JobReader, JobStats
from temporal.jobs.visibility import JobFilter
from tests.api.operations import documentation, operations
from tests.system import System

CODES: Final = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "VALIDATION_ERROR",
    409: "CONFLICT",
    413: "VALIDATION_ERROR",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
JSON_TYPE: Final = {"Content-Type": "application/json"}


def checked(answer: httpx2.Response, status: int) -> dict[str, str]:
    """The details of an error answer, which has the one shape and is of `status`."""
    assert answer.status_code == status, (answer.request.method, answer.request.url, answer.text)
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    parts = {"checks"} if answer.request.url.path == "/readyz" else set()
    assert set(body) - {"details"} - parts == {"error", "code"}
    assert body["code"] == CODES[status]
    assert body["error"].endswith(".")
    assert len(body["error"]) > len("Not found.")
    details: dict[str, str] = body.get("details", {})
    assert all(isinstance(each, str) and each.endswith(".") for each in details.values())
    return details


@pytest.fixture
async def ids(system: System) -> dict[str, str]:
    """A domain and a page of it, so that a bad body is not answered by 404."""
    domain_id = str((await system.add_domain("competitor.com")).id)
    page = {"url": "https://competitor.com/pricing"}
    added = await system.api.post(f"/api/domains/{domain_id}/pages", json=page)
    return {"domain_id": domain_id, "page_id": added.json()["data"]["id"]}


@pytest.fixture
async def stranger(system: System) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=system.app), base_url="http://diffy.test"
    ) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", "/api/", "/api/nowhere", "/api/jobs/", "/api//jobs", "/%00"]
)
async def test_an_unknown_address_is_not_found_with_and_without_a_key(
    system: System, stranger: httpx2.AsyncClient, path: str
) -> None:
    for client in (system.api, stranger):
        for method in ("GET", "POST", "DELETE"):
            checked(await client.request(method, path), 404)


async def test_another_method_is_refused_with_those_that_are_allowed(system: System) -> None:
    for path in documentation(system)["paths"]:
        every = list(operations(system, endless=True))
        routes = [each for each in every if each.path == path]
        # An id may be any word: `/api/jobs/retry` is also the path of a job.
        allowed = {each.method for each in every if each.has_at(routes[0].target())}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - allowed:
            answer = await system.api.request(method, routes[0].target())
            checked(answer, 405)
            assert set(answer.headers["Allow"].split(", ")) == allowed, (method, path)


async def test_every_body_is_json_of_the_documented_type(
    system: System, ids: dict[str, str]
) -> None:
    bad: list[tuple[bytes, dict[str, str]]] = [
        (b"", JSON_TYPE),
        (b"{", JSON_TYPE),
        (b"{'a': 1}", JSON_TYPE),
        (b"\xff\xfe", JSON_TYPE),
        (b'{"a": NaN', JSON_TYPE),
        (b"[" * 100_000, JSON_TYPE),
        (b'{"domain": "a.com"}', {}),
        (b'{"domain": "a.com"}', {"Content-Type": "text/plain"}),
        (b"domain=a.com", {"Content-Type": "application/x-www-form-urlencoded"}),
        *((body, JSON_TYPE) for body in (b"[]", b'"text"', b"7", b"true", b"[{}]")),
    ]
    for route in operations(system):
        if not route.takes_body:
            continue
        required = route.documented["requestBody"].get("required", False)
        for body, headers in bad:
            if not body and not required:
                continue
            answer = await system.api.request(
                route.method, route.target(**ids), content=body, headers=headers
            )
            assert list(checked(answer, 400)) == ["body"], (route.path, body[:20])


async def test_a_body_without_end_is_refused(system: System, ids: dict[str, str]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * (MAX_BODY_SIZE // 2)

    for route in operations(system):
        if route.takes_body:
            target = route.target(**ids)
            for content in (b" " * (MAX_BODY_SIZE + 1), chunks()):
                answer = await system.api.request(
                    route.method, target, content=content, headers=JSON_TYPE
                )
                checked(answer, 413)


async def test_the_largest_body_is_read(system: System) -> None:
    body = b'{"domain": "a.com"}'.ljust(MAX_BODY_SIZE)
    answer = await system.api.post("/api/domains", content=body, headers=JSON_TYPE)
    assert answer.status_code == 201


async def test_a_fault_of_ours_is_logged_and_tells_nothing(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(JobReader):
        async def stats(self, wanted: JobFilter) -> JobStats:
            raise KeyError("internal_name")

    broken = Broken(system.client, system.database)
    system.app.state.services = replace(services_of(system.app), reader=broken)
    with caplog.at_level(logging.ERROR):
        answer = await system.api.get("/api/jobs/stats")
    assert checked(answer, 500) == {}
    assert "internal_name" not in answer.text
    assert "KeyError" not in answer.text
    assert "Traceback" not in answer.text
    [record] = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)
    assert (await system.api.get("/api/jobs")).status_code == 200


async def test_every_documented_error_has_the_one_shape(system: System) -> None:
    for route in operations(system, endless=True):
        for status, response in route.documented["responses"].items():
            if status.isdigit() and int(status) < 400:
                continue
            if (route.path, status) == ("/readyz", "503"):
                continue  # it says which part does not work, beside the error
            assert response["description"] == DESCRIPTIONS[int(status)]
            usual, problem = (
                {"schema": {"$ref": f"#/components/schemas/{name}"}}
                for name in ("ErrorAnswer", "Problem")
            )
            expected = {"application/json": usual, "application/problem+json": problem}
            assert response["content"] == expected, str(route)
            assert ("Retry-After" in response.get("headers", ())) is (status in ("429", "503"))
    assert "422" not in {each for route in operations(system) for each in route.statuses}
    assert "HTTPValidationError" not in documentation(system)["components"]["schemas"]


async def test_every_error_of_every_route_is_documented(
    system: System, stranger: httpx2.AsyncClient, ids: dict[str, str]
) -> None:
    for route in operations(system):
        answers = [
            await system.api.request(route.method, f"{target}?limit=x&status=x&domainId=x")
            for target in (route.target(), route.target(**ids))
        ]
        answers.append(await stranger.request(route.method, route.target()))
        if route.takes_body:
            answers += [
                await system.api.request(
                    route.method, route.target(**ids), content=body, headers=JSON_TYPE
                )
                for body in (b"[", b" " * (MAX_BODY_SIZE + 1))
            ]
        for answer in answers:
            assert answer.status_code != 422
            assert str(answer.status_code) in route.statuses, (route.method, route.path)
            if answer.status_code >= 400:
                checked(answer, answer.status_code)
        assert {"408", "413", "429", "431", "500", "503"} <= route.statuses
        assert ("401" in route.statuses) is route.path.startswith("/api/")
