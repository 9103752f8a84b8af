"""Text that means something to visibility, to SQL or to HTTP, in every place that takes any."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.api.operations import Operation, documentation, operations
from tests.site import FakeSite
from tests.system import System

pytestmark = pytest.mark.dear

PARTS: Final = 8
SECRET: Final = "secret-of-the-other-organisation"
PAYLOADS: Final = (
    "'", '"', "`", "\\", "\\'", '\\"', "''", "'\"`\\", ")", "(", ";", "--", "/*", "%", "_", "*",
    "\x00", "a\x00b", "\r\n", "\t", "\x1b[2J", "\x7f",
    "＇", "＂", "ʼ", "′", "‘’", "％２７", "\u202e'", "e\u0301", "\ufeff", "\u2028", "İ", "😀",
    "' OR '1'='1", '" OR "1"="1', "' OR 1=1 --", "1 OR 1=1", "') OR ('1'='1", '") OR ("1"="1',
    'x" OR DiffyOrgId != "', "x' OR DiffyOrgId != '", "x' OR DiffyOrgId IS NOT NULL OR 'x'='",
    "x') OR (DiffyOrgId != 'x", "x' OR WorkflowType = 'crawl.page' OR 'x' = 'x",
    "waiting' OR ExecutionStatus = 'Running", "x' ORDER BY StartTime", "x' GROUP BY WorkflowType",
    "' UNION SELECT key_hash FROM api_keys --", "'; DROP TABLE pages; --", "$1", ":id", "{org}",
    "null", "None", "true", "NaN", "-1", "1e9", "0x10", "[]", "{}", "../../jobs", "..%2f..%2fjobs",
    "'" * 10_000, "x" * 10_000, "\U0001f600" * 2_500,
)  # fmt: skip
HALF: Final = "\ud800"
"""Half a character, as JSON can write it."""

BROKEN_BYTES: Final = (b"\xff", b"\xed\xa0\x80", b"\xc0\xa7", b"\xc3", b"%", b"%zz", b"%u0027")
"""Lone surrogates, a quote in too many bytes, half a character, escapes that are none."""


def encoded() -> Iterator[str]:
    """Every payload as it stands in an address."""
    yield from (quote(each, safe="") for each in PAYLOADS)
    yield from (quote_from_bytes(each, safe="%") for each in BROKEN_BYTES)


@pytest.fixture
async def ids(system: System, site: FakeSite) -> dict[str, str]:
    """Ids of the organisation that attacks; it watches the same site as the other one."""
    domain = await system.add_domain(site.origin)
    page = {"url": site.url("/pricing")}
    added = await system.api.post(f"/api/domains/{domain.id}/pages", json=page)
    return {
        "domain_id": str(domain.id),
        "page_id": added.json()["data"]["id"],
        "job_id": domain.discovery_job_id,
    }


@pytest.fixture
async def foreign(system: System, site: FakeSite, ids: dict[str, str]) -> set[str]:
    """Everything that names what the other organisation owns, of the same site: real crawls.

    The site shows the secret once the attacker has read it.
    """
    found: set[str] = {SECRET}
    site.page("/", "<p>Lite costs $1 a month.</p>")
    async with system.worker():
        await system.finished(ids["job_id"])
    site.page("/", f"<title>{SECRET}</title><p>Pro costs $99 a month.</p>")
    async with await system.another_organisation() as other, system.worker():
        theirs = System(system.settings, system.client, system.database, system.app, other)
        domain = await theirs.add_domain(site.origin)
        await other.patch(f"/api/domains/{domain.id}", json={"displayName": SECRET})
        await theirs.finished(domain.discovery_job_id)
        page_id = (await theirs.pages(domain.id))[site.url("/")]
        for price in (99, 119):
            site.page("/", f"<title>{SECRET}</title><p>Pro costs ${price} a month.</p>")
            job_id = await theirs.ask(f"/api/pages/{page_id}/crawl")
            await theirs.finished(job_id)
            found.add(job_id)
        batch = await other.post(f"/api/domains/{domain.id}/crawl", json={})
        for path in (
            "/api/domains", "/api/jobs", "/api/changes",
            f"/api/domains/{domain.id}/pages", f"/api/pages/{page_id}/snapshots",
        ):  # fmt: skip
            rows = (await other.get(f"{path}?limit=100")).json()["data"]
            assert rows, path
            found |= {row["id"] for row in rows}
        found |= {str(domain.id), domain.discovery_job_id, batch.json()["data"]["batchId"]}
        found.add((await other.get("/api/domains")).json()["data"][0]["orgId"])
    return found


def assert_ours(answer: httpx2.Response, foreign: set[str], given: str) -> None:
    """No fault of ours, nothing of the other organisation that was not in the question."""
    asked = f"{answer.request.method} {answer.request.url}"[:300]
    assert answer.status_code < 500, (asked, answer.text)
    if answer.status_code >= 400:
        assert set(answer.json()) <= {"error", "code", "details"}, asked
    for each in foreign:
        assert each == given or each not in answer.text, asked


def parameters(route: Operation, place: str) -> list[str]:
    """The names of what `route` takes in its query, its headers or its path."""
    listed = [each["name"] for each in route.documented.get("parameters", ())]
    found = [each for each in route.documented.get("parameters", ()) if each["in"] == place]
    assert len(listed) == len(set(listed))
    return [each["name"] for each in found]


class Shares:
    """Deals values out: whole to what asks visibility, to all others in turn a part, so that each
    value and each place has its turns.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = list(values)
        self._turn = 0

    def of(self, route: Operation) -> list[str]:
        """Those for one more place of `route`."""
        if route.path in ("/api/jobs", "/api/jobs/{job_id}") and route.method == "GET":
            return self._values
        self._turn += 1
        return self._values[self._turn % PARTS :: PARTS]


async def test_no_parameter_of_any_route_leads_to_another_organisation(
    system: System, ids: dict[str, str], foreign: set[str]
) -> None:
    asked = 0
    routes = list(operations(system))
    values = Shares([*encoded(), *foreign])
    for route in routes:
        for name in parameters(route, "path"):
            for value in [*values.of(route), *foreign]:
                path = route.path.replace(f"{{{name}}}", value)
                answer = await system.api.request(route.method, path, json={})
                assert_ours(answer, foreign, value)
                asked += 1
        for name in parameters(route, "query"):
            for value in values.of(route):
                answer = await system.api.request(
                    route.method, f"{route.target(**ids)}?{name}={value}"
                )
                assert_ours(answer, foreign, value)
                asked += 1
    names = {name for route in routes for name in parameters(route, "query")}
    assert {"cursor", "status", "domainId", "batchId", "wait", "since", "acknowledged"} <= names
    assert asked > 400


async def test_no_header_and_no_field_of_a_body_leads_to_another_organisation(
    system: System, ids: dict[str, str], foreign: set[str]
) -> None:
    components = documentation(system)["components"]["schemas"]
    payloads = Shares((*PAYLOADS, HALF))
    for route in operations(system):
        headers = ["if-none-match", *parameters(route, "header")]
        for payload in payloads.of(route):
            header = payload.encode() if payload.isprintable() else b"x"
            answer = await system.api.request(
                route.method,
                route.target(),
                headers=[(name.encode(), header) for name in headers],
                json={},
            )
            assert_ours(answer, foreign, payload)
        if not route.takes_body:
            continue
        for name, value in fields_of(route, components):
            for payload in payloads.of(route):
                body = {**example(route), name: value(payload)}
                answer = await system.api.request(
                    route.method,
                    route.target(**ids),
                    content=json.dumps(body).encode("ascii"),
                    headers={"Content-Type": "application/json"},
                )
                assert_ours(answer, foreign, payload)


def example(route: Operation) -> dict[str, Any]:
    """What the body of `route` needs."""
    match str(route):
        case "POST /api/domains":
            return {"domain": f"{uuid4().hex}.example"}
        case "POST /api/domains/{domain_id}/pages":
            return {"url": "https://a.example/"}
        case _:
            return {}


def fields_of(route: Operation, components: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of the body of `route`; each with what makes a value of a text."""
    schema = route.documented["requestBody"]["content"]["application/json"]["schema"]
    several = (schema.get(key, ()) for key in ("anyOf", "allOf", "oneOf"))
    options = [schema, *(each for some in several for each in some)]
    names = {each["$ref"].rpartition("/")[2] for each in options if "$ref" in each}
    assert names, route
    fields = {
        field: documented
        for name in sorted(names)
        for field, documented in components[name]["properties"].items()
    }
    for field, documented in fields.items():
        kinds = {each.get("type") for each in [documented, *documented.get("anyOf", ())]}
        yield field, (lambda text: [text]) if "array" in kinds else (lambda text: text)


async def test_two_organisations_with_one_domain_never_see_each_other(
    system: System, site: FakeSite, ids: dict[str, str], foreign: set[str]
) -> None:
    """Both watch the same site, with the same pages, at once."""
    async with system.worker():
        await system.finished(ids["job_id"])
        page_id = (await system.pages(UUID(ids["domain_id"])))[site.url("/")]
        for price in (1, 2):
            site.page("/", f"<p>Lite costs ${price} a month.</p>")
            await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    lists = ("/api/domains", "/api/jobs", "/api/changes")
    nested = (f"/api/domains/{ids['domain_id']}/pages", f"/api/pages/{page_id}/snapshots")
    for path in (*lists, *nested, f"/api/domains/{ids['domain_id']}"):
        answer = await system.api.get(path, params={"limit": "100"})
        assert answer.status_code == 200
        assert answer.json()["data"], path
        assert_ours(answer, foreign, "")
    [change] = (await system.api.get("/api/changes")).json()["data"]
    detail = await system.api.get(f"/api/changes/{change['id']}")
    assert_ours(detail, foreign, "")
    snapshot = await system.api.get(f"/api/snapshots/{change['afterSnapshotId']}")
    assert_ours(snapshot, foreign, "")
    assert (await system.stats()).completed == 3
    assert (await system.api.get("/api/domains")).json()["meta"]["total"] == 1
