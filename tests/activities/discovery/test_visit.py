"""One visit, and what its answer means."""

from dataclasses import replace

import pytest

import activities.extraction.processes
from activities.discovery.visit import Excluded, FoundPage, Visit, Visitor, outcome_of
from core.errors import BlockedByRobots, InvalidAddress, SiteUnreachable
from core.web.links import PageLinks
from core.web.page_types import PageType
from core.web.scope import ExclusionReason
from tests.pauses import watched
from tests.site import FakeSite


async def visited(site: FakeSite, visitor: Visitor, path: str = "/x") -> Visit:
    return await visitor.visit(site.url(path), lambda url: url.startswith(site.origin))


async def test_a_page_is_found_with_its_title_type_and_links(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/pricing", "<title>Our prices</title><a href=a>a</a> <a href='/b#c'>b</a>")
    assert await visited(site, visitor, "/pricing") == FoundPage(
        PageType.PRICING, "Our prices", (site.url("/a"), site.url("/b"))
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, ExclusionReason.ACCESS_REFUSED), (403, ExclusionReason.ACCESS_REFUSED),
        (404, ExclusionReason.NOT_FOUND), (410, ExclusionReason.NOT_FOUND),
        (429, ExclusionReason.UNREACHABLE), (500, ExclusionReason.UNREACHABLE),
        (503, ExclusionReason.UNREACHABLE), (300, ExclusionReason.UNREACHABLE),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_reason(
    site: FakeSite, visitor: Visitor, status: int, reason: ExclusionReason
) -> None:
    site.page("/x", "no", status=status)
    found = await visited(site, visitor)
    assert isinstance(found, Excluded)
    assert (found.reason, found.instead) == (reason, None)
    assert found.error is not None
    assert str(status) in found.error.message


async def test_a_redirect_is_not_followed_but_named(site: FakeSite, visitor: Visitor) -> None:
    site.page("/x", "", status=302, headers={"Location": "/y?utm_source=z#part"})
    site.page("/y", "<p>words</p>")
    assert await visited(site, visitor) == Excluded(ExclusionReason.REDIRECT, site.url("/y"))
    assert len(site.requests) == 1


async def test_a_redirect_to_no_web_address_is_one_all_the_same(
    site: FakeSite, visitor: Visitor
) -> None:
    site.page("/x", "", status=302, headers={"Location": "javascript:void(0)"})
    found = await visited(site, visitor)
    assert isinstance(found, Excluded)
    assert (found.reason, found.instead) == (ExclusionReason.REDIRECT, None)
    assert isinstance(found.error, InvalidAddress)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("<link rel=canonical href='/y'>", ExclusionReason.DUPLICATE),
        ("<meta http-equiv=refresh content='0;url=/y'>", ExclusionReason.REDIRECT),
    ],
)
async def test_a_page_may_name_another_one_instead(
    site: FakeSite, visitor: Visitor, head: str, reason: ExclusionReason
) -> None:
    site.page("/x", f"{head}<p>words</p>")
    assert await visited(site, visitor) == Excluded(reason, site.url("/y"))


@pytest.mark.parametrize("target", ["/y", "https://elsewhere.example/"])
@pytest.mark.parametrize("in_header", [False, True])
async def test_a_page_may_lead_elsewhere(
    site: FakeSite, visitor: Visitor, target: str, in_header: bool
) -> None:
    refresh = f"0; url={target}"
    if in_header:
        site.page("/x", "<p>words</p>", headers={"Refresh": refresh})
    else:
        site.page("/x", f"<meta http-equiv=refresh content='{refresh}'><p>words</p>")
    instead = target if target.startswith("https:") else site.url(target)
    assert await visited(site, visitor) == Excluded(ExclusionReason.REDIRECT, instead)


@pytest.mark.parametrize("target", ["/x", "#top", "/x?utm_source=y", "https://elsewhere.example/"])
async def test_a_page_that_names_itself_or_another_site_is_found(
    site: FakeSite, visitor: Visitor, target: str
) -> None:
    site.page("/x", f"<link rel=canonical href='{target}'><p>words</p>")
    assert isinstance(await visited(site, visitor), FoundPage)


@pytest.mark.parametrize(("kind", "body"), [("image/png", "x"), ("text/html", " ")])
async def test_what_is_no_page_is_left_out(
    site: FakeSite, visitor: Visitor, kind: str, body: str
) -> None:
    site.page("/x", body, headers={"Content-Type": kind})
    found = await visited(site, visitor)
    assert isinstance(found, Excluded)
    assert found.reason is ExclusionReason.NOT_A_PAGE


async def test_what_robots_forbids_is_left_out(site: FakeSite, visitor: Visitor) -> None:
    async def forbid(_: str) -> None:
        raise BlockedByRobots("No.")

    found = await replace(visitor, admit=forbid).visit(site.url("/x"), lambda _: True)
    assert isinstance(found, Excluded)
    assert found.reason is ExclusionReason.BLOCKED_BY_ROBOTS
    assert site.requests == []


async def test_a_site_that_is_down_is_left_out_with_its_error(
    site: FakeSite, visitor: Visitor
) -> None:
    await site.stop()
    found = await visited(site, visitor)
    assert isinstance(found, Excluded)
    assert found.reason is ExclusionReason.UNREACHABLE
    assert isinstance(found.error, SiteUnreachable)
    await site.start()


NESTED = "<div>" * 15_000
"""A page whose links are read for half a second and more."""


async def test_a_hostile_page_holds_nothing_up(site: FakeSite, visitor: Visitor) -> None:
    site.page("/x", f"<a href=/y>y</a>{NESTED}")
    reading = await watched(visited(site, visitor))
    assert reading.result == FoundPage(PageType.OTHER, None, (site.url("/y"),))
    assert reading.longest_pause < reading.seconds / 2


async def test_a_page_that_cannot_be_read_in_time_is_none(
    site: FakeSite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = " ".join(f"a{number}" for number in range(500_000))
    site.page("/x", f"<p {attributes}>words")
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 1)
    found = await visited(site, visitor)
    assert isinstance(found, Excluded)
    assert found.reason is ExclusionReason.NOT_A_PAGE
    assert found.error is not None
    assert found.error.message == "The page could not be read within 1 s."


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://a.example/#/pricing", "https://a.example/"),
        ("https://a.example/index.html#/pricing", "https://a.example/"),
        ("https://a.example/app#/pricing", "https://a.example/app/"),
        ("https://a.example/?lang=en#/pricing", "https://a.example/"),
        ("https://a.example/#/pricing", "https://a.example/#/pricing"),
    ],
)
def test_a_canonical_link_of_the_document_says_nothing_of_a_route(url: str, canonical: str) -> None:
    page = PageLinks((), canonical, None, "Prices")
    assert isinstance(outcome_of(url, page, lambda _: True, rendered=True), FoundPage)


def test_a_canonical_link_to_another_route_is_followed() -> None:
    page = PageLinks((), "https://a.example/#/prices", None, "Prices")
    found = outcome_of("https://a.example/#/pricing", page, lambda _: True, rendered=True)
    assert isinstance(found, Excluded)
    assert found.instead == "https://a.example/#/prices"
