"""One visit, and what its answer means."""

import pytest

from activities.fetch import Fetcher
from activities.visit import FoundPage, NoPage, Visit, visit
from core.errors import BlockedByRobots, InvalidAddress, SiteUnreachable
from core.pagetypes import PageType
from core.scope import LeftOut
from tests.site import FakeSite


async def at_once(_: str) -> None:
    """Admit all."""


async def visited(site: FakeSite, fetcher: Fetcher, path: str = "/x") -> Visit:
    return await visit(site.url(path), fetcher, at_once, lambda url: url.startswith(site.origin))


async def test_a_page_is_found_with_its_title_type_and_links(
    site: FakeSite, fetcher: Fetcher
) -> None:
    site.page("/pricing", "<title>Our prices</title><a href=a>a</a> <a href='/b#c'>b</a>")
    assert await visited(site, fetcher, "/pricing") == FoundPage(
        PageType.PRICING, "Our prices", (site.url("/a"), site.url("/b"))
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, LeftOut.ACCESS_REFUSED), (403, LeftOut.ACCESS_REFUSED), (404, LeftOut.NOT_FOUND),
        (410, LeftOut.NOT_FOUND), (429, LeftOut.UNREACHABLE), (500, LeftOut.UNREACHABLE),
        (503, LeftOut.UNREACHABLE), (300, LeftOut.UNREACHABLE),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_reason(
    site: FakeSite, fetcher: Fetcher, status: int, reason: LeftOut
) -> None:
    site.page("/x", "no", status=status)
    found = await visited(site, fetcher)
    assert isinstance(found, NoPage)
    assert (found.reason, found.instead) == (reason, None)
    assert found.error is not None
    assert str(status) in found.error.message


async def test_a_redirect_is_not_followed_but_named(site: FakeSite, fetcher: Fetcher) -> None:
    site.page("/x", "", status=302, headers={"Location": "/y?utm_source=z#part"})
    site.page("/y", "<p>words</p>")
    assert await visited(site, fetcher) == NoPage(LeftOut.REDIRECT, site.url("/y"))
    assert len(site.requests) == 1


async def test_a_redirect_to_no_web_address_is_one_all_the_same(
    site: FakeSite, fetcher: Fetcher
) -> None:
    site.page("/x", "", status=302, headers={"Location": "javascript:void(0)"})
    found = await visited(site, fetcher)
    assert isinstance(found, NoPage)
    assert (found.reason, found.instead) == (LeftOut.REDIRECT, None)
    assert isinstance(found.error, InvalidAddress)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("<link rel=canonical href='/y'>", LeftOut.DUPLICATE),
        ("<meta http-equiv=refresh content='0;url=/y'>", LeftOut.REDIRECT),
    ],
)
async def test_a_page_may_name_another_one_instead(
    site: FakeSite, fetcher: Fetcher, head: str, reason: LeftOut
) -> None:
    site.page("/x", f"{head}<p>words</p>")
    assert await visited(site, fetcher) == NoPage(reason, site.url("/y"))


@pytest.mark.parametrize("target", ["/x", "#top", "/x?utm_source=y", "https://elsewhere.example/"])
async def test_a_page_that_names_itself_or_another_site_is_found(
    site: FakeSite, fetcher: Fetcher, target: str
) -> None:
    site.page("/x", f"<link rel=canonical href='{target}'><p>words</p>")
    assert isinstance(await visited(site, fetcher), FoundPage)


@pytest.mark.parametrize(("kind", "body"), [("image/png", "x"), ("text/html", " ")])
async def test_what_is_no_page_is_left_out(
    site: FakeSite, fetcher: Fetcher, kind: str, body: str
) -> None:
    site.page("/x", body, headers={"Content-Type": kind})
    found = await visited(site, fetcher)
    assert isinstance(found, NoPage)
    assert found.reason is LeftOut.NOT_A_PAGE


async def test_what_robots_forbids_is_left_out(site: FakeSite, fetcher: Fetcher) -> None:
    async def forbid(_: str) -> None:
        raise BlockedByRobots("No.")

    found = await visit(site.url("/x"), fetcher, forbid, lambda _: True)
    assert isinstance(found, NoPage)
    assert found.reason is LeftOut.BLOCKED_BY_ROBOTS
    assert site.requests == []


async def test_a_site_that_is_down_is_left_out_with_its_error(
    site: FakeSite, fetcher: Fetcher
) -> None:
    await site.stop()
    found = await visited(site, fetcher)
    assert isinstance(found, NoPage)
    assert found.reason is LeftOut.UNREACHABLE
    assert isinstance(found.error, SiteUnreachable)
    await site.start()
