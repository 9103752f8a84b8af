"""Domains over REST."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from core.settings import Settings
from tests.system import System, running_system

KEYS = [
    "id", "orgId", "domain", "displayName", "status", "checkFrequencyHours", "crawlSettings",
    "tags", "lastCrawledAt", "nextCrawlAt", "pages", "createdAt", "updatedAt", "schedule",
    "discoverFrequencyHours", "watch", "lastDiscoveredAt",
]  # fmt: skip
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
async def public_only(settings: Settings) -> AsyncIterator[System]:
    """A system that may reach public addresses alone."""
    async with running_system(
        settings.model_copy(update={"allow_private_networks": False})
    ) as system:
        yield system


async def test_a_new_domain_has_its_defaults_and_a_discovery(system: System) -> None:
    answer = await system.api.post("/api/domains", json={"domain": "Competitor.com"})
    assert answer.status_code == 201, answer.text
    domain = answer.json()["data"]
    assert sorted(domain) == sorted([*KEYS, "discoveryJobId"])
    assert (domain["domain"], domain["displayName"]) == ("competitor.com", "competitor.com")
    assert (domain["status"], domain["checkFrequencyHours"]) == ("active", 24)
    assert (domain["pages"], domain["lastCrawledAt"]) == (0, None)
    assert all(TIME.fullmatch(domain[key]) for key in ("createdAt", "updatedAt", "nextCrawlAt"))
    UUID(domain["orgId"])
    job = await system.job(domain["discoveryJobId"])
    assert (job.name, str(job.domain_id)) == ("discover.pages", domain["id"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("competitor.com", "competitor.com"),
        ("competitor.com:8443", "competitor.com:8443"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("https://competitor.com/", "competitor.com"),
        ("http://[::1]:8081", "http://[::1]:8081"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
async def test_a_domain_is_a_host_a_port_or_an_origin(
    system: System, given: str, shown: str
) -> None:
    answer = await system.api.post("/api/domains", json={"domain": given})
    assert (answer.status_code, answer.json()["data"]["domain"]) == (201, shown)


async def test_a_domain_that_the_organisation_has_is_a_conflict(system: System) -> None:
    await system.add_domain("competitor.com")
    again = await system.api.post("/api/domains", json={"domain": "https://COMPETITOR.com:443"})
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
    async with await system.another_organisation() as other:
        added = await other.post("/api/domains", json={"domain": "competitor.com"})
    assert added.status_code == 201


@pytest.mark.parametrize(
    "domain",
    [
        "", " ", "competitor", "com.", "a..com", ".com", "a.com/pricing", "a.com?x", "a.com#x",
        "user:word@a.com", "a.com:0", "a.com:65536", "127.1", "0x7f000001", "2130706433",
        "017700000001", "ftp://a.com", "a\x00.com", "a.com\n", "\ud800.com", "x" * 64 + ".com",
        "x" * 2001, None, 7, True, ["a.com"], {"host": "a.com"},
    ],
)  # fmt: skip
async def test_what_is_no_domain_is_refused(system: System, domain: object) -> None:
    # As bytes: a lone surrogate cannot be sent otherwise.
    body = json.dumps({"domain": domain}).encode()
    answer = await system.api.post(
        "/api/domains", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert list(answer.json()["details"]) == ["domain"]


@pytest.mark.parametrize(
    "domain",
    [
        "localhost", "http://127.0.0.1:8081", "10.0.0.1", "192.168.1.1", "169.254.169.254",
        "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]",
    ],
)  # fmt: skip
async def test_a_private_address_is_refused_unless_allowed(
    public_only: System, domain: str
) -> None:
    answer = await public_only.api.post("/api/domains", json={"domain": domain})
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["domain"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "domain"),
        ({"domain": "a.com", "checkFrequencyHours": 0}, "checkFrequencyHours"),
        ({"domain": "a.com", "checkFrequencyHours": 8761}, "checkFrequencyHours"),
        ({"domain": "a.com", "checkFrequencyHours": "24"}, "checkFrequencyHours"),
        ({"domain": "a.com", "checkFrequencyHours": 1.5}, "checkFrequencyHours"),
        ({"domain": "a.com", "checkFrequencyHours": True}, "checkFrequencyHours"),
        ({"domain": "a.com", "displayName": ""}, "displayName"),
        ({"domain": "a.com", "displayName": "x" * 201}, "displayName"),
        ({"domain": "a.com", "displayName": "a\nb"}, "displayName"),
        ({"domain": "a.com", "display_name": "a"}, "display_name"),
        ({"domain": "a.com", "orgId": "x"}, "orgId"),
    ],
)
async def test_a_bad_field_is_named(system: System, body: dict[str, object], field: str) -> None:
    answer = await system.api.post("/api/domains", json=body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


async def test_a_list_holds_every_domain_once_by_page_and_by_cursor(system: System) -> None:
    added = [str((await system.add_domain(f"site-{n}.example")).id) for n in range(5)]
    by_page: list[str] = []
    for page in (1, 2, 3):
        answer = (await system.api.get(f"/api/domains?limit=2&page={page}")).json()
        assert (answer["meta"]["total"], answer["meta"]["page"]) == (5, page)
        by_page += [domain["id"] for domain in answer["data"]]
    assert sorted(answer["data"][0]) == sorted(KEYS)
    assert by_page == added[::-1]
    by_cursor: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await system.api.get(f"/api/domains?limit=2{cursor}")).json()
        by_cursor += [domain["id"] for domain in answer["data"]]
        following = answer["meta"]["nextCursor"]
        cursor = None if following is None else f"&cursor={following}"
    assert by_cursor == by_page


async def test_the_next_crawl_follows_the_frequency_and_the_pause(system: System) -> None:
    path = f"/api/domains/{(await system.add_domain('competitor.com')).id}"

    async def patched(**body: object) -> dict[str, str | None]:
        answer = await system.api.patch(path, json=body)
        assert answer.status_code == 200, answer.text
        data: dict[str, str | None] = answer.json()["data"]
        return data

    def ahead(domain: dict[str, str | None]) -> timedelta:
        assert domain["nextCrawlAt"] is not None
        return datetime.fromisoformat(domain["nextCrawlAt"]) - datetime.now(UTC)

    domain = (await system.api.get(path)).json()["data"]
    assert sorted(domain) == sorted([*KEYS, "recentChanges", "nextDiscoveryAt"])
    jitter = timedelta(minutes=5)
    assert timedelta(hours=23, minutes=59) < ahead(domain) <= timedelta(hours=24) + jitter
    hourly = await patched(checkFrequencyHours=1)
    assert timedelta(minutes=59) < ahead(hourly) <= timedelta(hours=1) + jitter
    paused = await patched(status="paused")
    assert (paused["status"], paused["nextCrawlAt"]) == ("paused", None)
    assert (
        timedelta(minutes=59) < ahead(await patched(status="active")) <= timedelta(hours=1) + jitter
    )
    renamed = await patched(displayName="The competitor")
    assert (renamed["displayName"], renamed["status"]) == ("The competitor", "active")


async def test_a_schedule_replaces_the_frequency_and_the_other_way_round(system: System) -> None:
    path = f"/api/domains/{(await system.add_domain('competitor.com')).id}"
    cron = {"cron": "0 7 * * 1-5", "timeZone": "Europe/Berlin"}

    async def patched(**body: object) -> dict[str, Any]:
        answer = await system.api.patch(path, json=body)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    domain = await patched(schedule=cron)
    assert domain["schedule"] == {**cron, "everyMinutes": None, "activeHours": None, "days": None}
    due = datetime.fromisoformat(domain["nextCrawlAt"]).astimezone(ZoneInfo("Europe/Berlin"))
    assert (due.hour, due.minute < 5, due.weekday() < 5) == (7, True, True)
    assert (await patched(displayName="Other"))["schedule"] == domain["schedule"]
    assert (await patched(checkFrequencyHours=12))["schedule"] is None
    assert (await patched(schedule={"everyMinutes": 30}))["checkFrequencyHours"] == 12
    assert (await patched(schedule=None))["schedule"] is None


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"schedule": {"cron": "0 0 7 * * *"}}, "schedule", "five fields"),
        ({"schedule": {"cron": "0 0 30 2 *"}}, "schedule", "never fires"),
        ({"schedule": {"everyMinutes": 30, "timeZone": "Mars"}}, "schedule", "no time zone"),
        ({"schedule": {"everyMinutes": 4}}, "schedule", "5"),
        ({"schedule": {"everyMinutes": 30}, "checkFrequencyHours": 1}, "schedule", "either"),
        ({"discoverFrequencyHours": -1}, "discoverFrequencyHours", "0"),
        ({"watch": {"pageTypes": ["all"]}}, "watch", "pricing"),
        ({"watch": {"only": []}}, "watch", "no field of this name"),
    ],
)
async def test_times_and_rules_that_cannot_be_meant_are_refused(
    system: System, body: dict[str, object], field: str, said: str
) -> None:
    answer = await system.api.post("/api/domains", json={"domain": "competitor.com", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    [(name, sentence)] = answer.json()["details"].items()
    assert name.startswith(field)
    assert said in sentence


@pytest.mark.parametrize("body", [{"status": "gone"}, {"domain": "b.com"}, {"displayName": 1}, []])
async def test_a_bad_patch_is_refused(system: System, body: object) -> None:
    domain = await system.add_domain("competitor.com")
    answer = await system.api.patch(f"/api/domains/{domain.id}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


async def test_a_deleted_domain_is_gone_and_may_come_again(system: System) -> None:
    domain = await system.add_domain("competitor.com")
    path = f"/api/domains/{domain.id}"
    deleted = await system.api.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        body: dict[str, object] | None = {} if method == "PATCH" else None
        assert (await system.api.request(method, path, json=body)).status_code == 404
    assert (await system.api.get(f"{path}/pages")).status_code == 404
    assert (await system.api.get("/api/domains")).json()["data"] == []
    assert (await system.add_domain("competitor.com")).id != domain.id
