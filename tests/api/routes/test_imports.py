"""`POST /api/pages/import`: many pages in one call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core.settings import Settings
from store.outbox import DatabaseOutbox
from store.tables.domains import Domain
from store.tables.requests import OutboxMessage
from temporal.delivery import Delivery
from tests.system import System, system_on


@pytest.fixture(params=["sqlite", "postgresql"])
async def either(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[System]:
    """A system on each database, which has no key for secrets because the database is given."""
    chosen = settings.model_copy(update={"database_url": settings.resolved_database_url})
    async with system_on(request, chosen) as system:
        yield system


async def sent(system: System, key: str | None = None, **body: Any) -> httpx2.Response:
    """The answer to an import."""
    headers = {"Idempotency-Key": key} if key else {}
    return await system.api.post("/api/pages/import", json=body, headers=headers)


async def imported(system: System, **body: Any) -> Any:
    """What an import did."""
    answer = await sent(system, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def verdicts(data: Any) -> list[tuple[str, str]]:
    """The addresses and verdicts of the pages."""
    return [(page["url"], page["verdict"]) for page in data["pages"]]


async def test_each_page_has_its_verdict_and_goes_to_the_domain_that_has_its_host(
    system: System,
) -> None:
    shop = (await system.add_domain("shop.example")).id
    other = (await system.add_domain("http://other.example:8080")).id
    await system.api.post(f"/api/domains/{shop}/pages", json={"url": "https://shop.example/old"})
    data = await imported(
        system,
        pages=[
            {"url": "https://www.shop.example/new?utm_source=x#top", "tags": ["Plans"]},
            {"url": "https://shop.example/old"},
            {"url": "http://other.example:8080/", "pageType": "pricing"},
            {"url": "https://shop.example/new#again"},
            {"url": "https://shop.example/once"},
            {"url": "https://shop.example/once"},
            {"url": "https://stranger.example/"},
            {"url": "mailto:x@shop.example"},
        ],
    )
    assert [verdict for _, verdict in verdicts(data)] == [
        "added", "known", "added", "added", "added", "known", "refused", "refused",
    ]  # fmt: skip
    assert (data["added"], data["known"], data["refused"]) == (4, 2, 2)
    assert data["domains"] == []
    reasons = [page["reason"] for page in data["pages"]]
    assert reasons[:6] == [None] * 6
    assert reasons[6] == "stranger.example is no domain of yours: add it, or set addDomains."
    assert "not an address on the web" in reasons[7]
    first = data["pages"][0]
    assert first["domainId"] == str(shop)
    page = (await system.api.get(f"/api/pages/{first['pageId']}")).json()["data"]
    assert page["url"] == "https://www.shop.example/new"
    assert page["tags"] == ["plans"]
    assert data["pages"][4]["pageId"] == data["pages"][5]["pageId"]
    assert data["pages"][2]["domainId"] == str(other)


async def test_domains_are_added_when_asked_and_nothing_is_discovered(system: System) -> None:
    data = await imported(
        system,
        addDomains=True,
        pages=[{"url": "https://a.example/1"}, {"url": "https://a.example/2"},
               {"url": "http://b.example:81/"}, {"url": "http://localhost.local/"},
               {"url": "https://intranet/"}],
    )  # fmt: skip
    assert data["added"] == 4
    assert [(each["domain"], each["verdict"], each["discoveryJobId"]) for each in data["domains"]] \
        == [("a.example", "added", None), ("http://b.example:81", "added", None),
            ("http://localhost.local", "added", None)]  # fmt: skip
    assert "at least two parts" in data["pages"][4]["reason"]
    assert (await system.stats()).total == 0, "no discovery was started"
    [domain] = [
        each
        for each in (await system.api.get("/api/domains")).json()["data"]
        if each["domain"] == "a.example"
    ]
    assert domain["discoverFrequencyHours"] == 0, "and none is planned"
    assert domain["nextCrawlAt"] is not None, "its pages are checked regularly"


async def test_domains_of_the_request_keep_their_settings_and_are_discovered_when_asked(
    system: System,
) -> None:
    shop = {"domain": "shop.example", "displayName": "The shop", "tags": ["rivals"],
            "status": "paused", "checkFrequencyHours": 6}  # fmt: skip
    data = await imported(
        system, discover=True, domains=[shop, {"domain": "a b"}, {"domain": "www.shop.example"}]
    )
    added, refused, known = data["domains"]
    assert (added["verdict"], refused["verdict"], known["verdict"]) == ("added", "refused", "known")
    assert refused["reason"]
    assert known["domainId"] == added["domainId"]
    domain = (await system.api.get(f"/api/domains/{added['domainId']}")).json()["data"]
    assert {name: domain[name] for name in shop} == shop
    assert (await system.job(added["discoveryJobId"])).state.value == "waiting"


async def test_an_import_that_is_sent_again_adds_nothing(system: System) -> None:
    body: dict[str, Any] = {"addDomains": True, "pages": [{"url": "https://a.example/1"}]}
    answers = await asyncio.gather(*(sent(system, "k", **body) for _ in range(3)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["data"]["added"] == 1
    assert (await imported(system, **body))["known"] == 1
    assert (await sent(system, "k", pages=[{"url": "https://b.example"}])).status_code == 409
    parallel = await asyncio.gather(
        *(imported(system, addDomains=True, pages=[{"url": f"https://c.example/{n}"}])
          for n in range(4))
    )  # fmt: skip
    assert sum(data["added"] for data in parallel) == 4
    async with system.database.reading() as session:
        names = list(await session.scalars(select(Domain.domain).order_by(Domain.domain)))
    assert names == ["a.example", "c.example"]


async def test_imports_at_once_in_other_orders_add_each_site_once(either: System) -> None:
    names = [f"{n}.example" for n in range(40)]
    forms = ["{}", "www.{}", "http://{}"]
    bodies = [
        [{"domain": form.format(name)} for name in order]
        for form in forms
        for order in (names, names[::-1])
    ]
    answers = await asyncio.gather(*(sent(either, domains=body) for body in bodies))
    assert [answer.status_code for answer in answers] == [200] * len(bodies)
    added = [
        each["domain"]
        for answer in answers
        for each in answer.json()["data"]["domains"]
        if each["verdict"] == "added"
    ]
    assert len(added) == len(names)
    assert (await either.api.get("/api/domains")).json()["meta"]["total"] == len(names)


@pytest.mark.sqlite
async def test_secrets_without_a_key_to_encrypt_them_are_refused_and_nothing_is_added(
    either: System,
) -> None:
    secret = {"crawlSettings": {"headers": {"X-Token": "s3cret"}}}
    bodies: list[dict[str, Any]] = [
        {"domains": [{"domain": "a.example"}, {"domain": "b.example", **secret}]},
        {"pages": [{"url": "https://a.example/", **secret}], "addDomains": True},
    ]
    for body in bodies:
        answer = await sent(either, **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT"), answer.text
        assert "DIFFY_SECRET_KEY" in answer.json()["error"]
    assert (await either.api.get("/api/domains")).json()["meta"]["total"] == 0


async def test_a_thousand_pages_of_a_hundred_domains_go_in_one_call(system: System) -> None:
    pages = [{"url": f"https://site{n % 100}.example/{n}"} for n in range(1_000)]
    data = await imported(system, addDomains=True, pages=pages)
    assert (data["added"], len(data["domains"])) == (1_000, 100)
    assert (await sent(system, pages=[*pages, pages[0]])).status_code == 400


async def test_an_import_of_more_sites_than_it_may_add_adds_nothing(system: System) -> None:
    def pages(count: int) -> list[dict[str, str]]:
        """Pages of that many sites, and others that make none."""
        sites = [{"url": f"https://site{n}.example/"} for n in range(count)]
        return [*sites, {"url": "http://www.site0.example/"}, {"url": "mailto:x@site.example"}]

    answer = await sent(
        system, domains=[{"domain": "z.example"}], pages=pages(101), addDomains=True
    )
    assert answer.status_code == 400
    sentence = "One import adds at most 100 sites of pages: send fewer."
    assert answer.json()["details"] == {"pages": sentence}
    domains = [{"domain": f"www.d{n}.example"} for n in range(101)]
    answer = await sent(system, domains=domains)
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["domains"])
    assert (await system.api.get("/api/domains")).json()["meta"]["total"] == 0
    assert (await imported(system, pages=pages(101)))["refused"] == 103, "nothing is to be added"
    named = [{"domain": "site100.example"}]
    data = await imported(system, domains=named, pages=pages(101), addDomains=True)
    assert len(data["domains"]) == 101, "what the request names is not counted with its pages"
    data = await imported(system, pages=pages(102), addDomains=True)
    assert len(data["domains"]) == 1, "nor is what is known"


async def test_schedules_of_pages_are_made_and_heal(system: System) -> None:
    page = {"url": "https://a.example/1", "schedule": {"everyMinutes": 30}}
    data = await imported(system, addDomains=True, pages=[page])
    shown = (await system.api.get(f"/api/pages/{data['pages'][0]['pageId']}")).json()["data"]
    assert shown["nextCrawlAt"] is not None
    async with system.database.transaction() as session:
        kept = (await session.scalars(select(OutboxMessage))).all()
        assert {message.kind for message in kept} == {"schedule", "page_schedule"}
        for message in kept:
            message.due_at = message.due_at.replace(year=2000)
    await Delivery(system.client, DatabaseOutbox(system.database), 3).deliver_due()
    async with system.database.reading() as session:
        assert (await session.scalars(select(OutboxMessage))).all() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "pages"),
        ({"pages": []}, "pages"),
        ({"pages": "https://a.example/"}, "pages"),
        ({"pages": ["https://a.example/"]}, "pages.0"),
        ({"pages": [{"url": "https://a.example/"}, {}]}, "pages.1.url"),
        ({"pages": [{"url": "https://a.example/", "x": 1}]}, "pages.0.x"),
        ({"pages": [{"url": "https://a.example/", "tags": ["x" * 51]}]}, "pages.0.tags.0"),
        (
            {"pages": [{"url": "https://a.example/", "crawlSettings": {"watchSelector": "("}}]},
            "pages.0.crawlSettings.watchSelector",
        ),
        ({"pages": [{"url": "https://a.example/"}], "addDomains": "yes"}, "addDomains"),
        ({"pages": [{"url": "https://a.example/"}], "discover": 1}, "discover"),
        ({"domains": [{"domain": "a.example", "status": "gone"}]}, "domains.0.status"),
    ],
)
async def test_a_body_that_is_not_as_documented_adds_nothing(
    system: System, body: dict[str, Any], field: str
) -> None:
    answer = await sent(system, **body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field]), answer.text
    assert (await system.api.get("/api/domains")).json()["meta"]["total"] == 0


async def test_a_domain_of_another_organisation_is_not_used(system: System) -> None:
    await system.add_domain("shop.example")
    async with await system.another_organisation() as stranger:
        body = {"pages": [{"url": "https://shop.example/x"}]}
        answer = (await stranger.post("/api/pages/import", json=body)).json()["data"]
    assert answer["refused"] == 1
    assert answer["pages"][0]["domainId"] is None
