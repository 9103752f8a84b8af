"""Frames of pages that are crawled: fetched as politely and as carefully as the page."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from core.jobs.states import JobState
from core.web.frames import MAX_FRAME_BYTES, MAX_FRAMES
from tests.activities.test_hostile import error_type
from tests.activities.test_reported_sites import crawl, look, summaries, watched
from tests.core.web.test_frames import CAPTCHA
from tests.site import FakeSite
from tests.system import System

TAGGED = {"ETag": '"1"'}


@pytest.fixture
async def system(system: System) -> AsyncIterator[System]:
    """A system with a worker."""
    async with system.worker():
        yield system


INTRO = "<title>Hotel</title><h1>Hotel</h1><p>Prices:</p>"


def framed(*sources: str) -> str:
    return INTRO + "".join(f"<iframe src='{each}'></iframe>" for each in sources)


async def text(system: System, page_id: UUID) -> str:
    """The text of the newest version."""
    [newest, *_] = (await system.api.get(f"/api/pages/{page_id}/snapshots")).json()["data"]
    found = await system.api.get(f"/api/snapshots/{newest['id']}")
    return str(found.json()["data"]["text"])


@pytest.mark.parametrize("frame", [framed("{}"), INTRO + "<object data={}>An old browser</object>"])
async def test_a_price_in_a_frame_is_compared_though_the_page_answers_304(
    system: System, site: FakeSite, frame: str
) -> None:
    """dgtlmoon/changedetection.io#494."""
    site.page("/", frame.format("/embed/prices"), headers=TAGGED)
    site.page("/embed/prices", "<h2>Double room</h2><p>$120</p>", headers=TAGGED)
    page_id = await watched(system, site, "/")
    assert (await look(system, page_id)).baseline
    for _ in range(3):
        assert not (await look(system, page_id)).changed
    site.page("/embed/prices", "<h2>Double room</h2><p>$140</p>", headers={"ETag": '"2"'})
    assert (await look(system, page_id)).changed
    assert await summaries(system, page_id) == ["Price of Double room changed from $120 to $140."]


async def test_a_frameset_is_watched_with_its_frames(system: System, site: FakeSite) -> None:
    """apache/stormcrawler#681."""
    site.page("/", "<title>Inn</title><frameset><frame src=/menu><frame src=/rooms></frameset>")
    site.page("/menu", "<p>Menu</p>")
    site.page("/rooms", "<p>Twelve rooms</p>")
    page_id = await watched(system, site, "/")
    await look(system, page_id)
    assert await text(system, page_id) == "Menu\nTwelve rooms"


async def test_what_is_refused_is_left_out_and_what_may_pass_fails_the_check(
    system: System, site: FakeSite
) -> None:
    site.page("/robots.txt", "User-agent: *\nDisallow: /private")
    gone, private, there = "/gone", "/private/a", "/there"
    site.page("/", framed(gone, private, "/picture", "/away", there))
    site.page(private, "<p>Private</p>")
    site.page("/picture", b"GIF89a", headers={"Content-Type": "image/gif"})
    site.page("/away", "", status=302, headers={"Location": "http://localhost:9/"})
    site.page(there, "<p>There</p>")
    page_id = await watched(system, site, "/")
    assert (await look(system, page_id)).baseline
    assert await text(system, page_id) == "# Hotel\nPrices:\nThere"
    assert site.requests_for(private) == []
    site.page(there, "busy", status=503)
    job = await crawl(system, page_id)
    assert job.state is JobState.FAILED
    assert (job.failed_reason or "").startswith(
        f"A frame of the page cannot be read, {site.url(there)}: The site answered 503"
    )
    site.page(there, "<p>There</p>")
    assert not (await look(system, page_id)).changed, "half of the page was no version of it"


TOO_MUCH = "<p>" + "x" * (MAX_FRAME_BYTES + 1)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("no", 401, "FRAME_UNREADABLE"),
        ("no", 403, "FRAME_UNREADABLE"),
        (TOO_MUCH, 200, "FRAME_UNREADABLE"),
        ("", 200, "FRAME_UNREADABLE"),
        (" \n", 200, "FRAME_UNREADABLE"),
        (CAPTCHA, 200, "BLOCKED_BY_SITE"),
        ("busy", 503, "SITE_OVERLOADED"),
    ],
)
async def test_a_frame_that_cannot_be_read_is_neither_removed_nor_added_later(
    system: System, site: FakeSite, body: str, status: int, code: str
) -> None:
    site.page("/", framed("/rates"))
    site.page("/rates", "<h2>Double room</h2><p>$120</p>")
    page_id = await watched(system, site, "/")
    assert (await look(system, page_id)).baseline
    site.page("/rates", body, status=status)
    job = await crawl(system, page_id)
    assert job.state is JobState.FAILED
    assert (job.failed_reason or "").startswith("A frame of the page cannot be read, ")
    assert await error_type(system.client, job.id) == code
    site.page("/rates", "<h2>Double room</h2><p>$120</p>")
    assert not (await look(system, page_id)).changed
    assert await summaries(system, page_id) == []


async def test_a_frame_that_never_was_part_of_the_page_stays_left_out(
    system: System, site: FakeSite
) -> None:
    site.page("/", framed("/refused", "/rates"))
    site.page("/rates", "<p>$120</p>")
    site.page("/refused", CAPTCHA)
    page_id = await watched(system, site, "/")
    assert (await look(system, page_id)).baseline
    for status in (403, 503):
        site.page("/refused", "no", status=status)
        assert not (await look(system, page_id)).changed
    assert await text(system, page_id) == "# Hotel\nPrices:\n$120"


async def test_a_frame_that_does_not_exist_any_more_is_removed(
    system: System, site: FakeSite
) -> None:
    site.page("/", framed("/rates"))
    site.page("/rates", "<p>Double room for $120</p>")
    page_id = await watched(system, site, "/")
    await look(system, page_id)
    site.page("/rates", "gone", status=404)
    assert (await look(system, page_id)).changed
    assert await text(system, page_id) == "# Hotel\nPrices:"


async def test_frames_of_frames_and_circles_are_bounded(system: System, site: FakeSite) -> None:
    site.page("/", framed("/a", *(f"/n{number}" for number in range(2 * MAX_FRAMES))))
    site.page("/a", "<p>A</p><iframe src=/b></iframe><iframe src=/></iframe>")
    site.page("/b", "<p>B</p><iframe src=/a></iframe><iframe src=/b></iframe>")
    for number in range(2 * MAX_FRAMES):
        site.page(f"/n{number}", f"<p>{'x' * 300_000 if number == 1 else number}</p>")
    page_id = await watched(system, site, "/")
    site.requests.clear()
    await look(system, page_id)
    asked = [each.target for each in site.requests if each.target not in ("/", "/robots.txt")]
    assert len(asked) == len(set(asked)) == MAX_FRAMES


async def test_documents_of_other_sites_are_read_if_that_is_set_and_get_no_secrets(
    system: System, site: FakeSite
) -> None:
    async with FakeSite() as other:
        other.page("/rates", "<p>Rates of others</p>")
        elsewhere = other.url("/rates").replace("127.0.0.1", "localhost")
        site.page("/", framed(elsewhere, "/own"))
        site.page("/own", "<p>Own rates</p>")
        page_id = await watched(system, site, "/")
        await look(system, page_id)
        assert await text(system, page_id) == "# Hotel\nPrices:\nOwn rates"
        assert other.requests == []
        await system.choose(f"/api/pages/{page_id}", frames="all", headers={"X-Token": "hunter2"})
        assert (await look(system, page_id)).baseline
        assert await text(system, page_id) == "# Hotel\nPrices:\nRates of others\nOwn rates"
        assert "x-token" in site.requests_for("/own")[-1].headers
        assert "hunter" not in str([each.headers for each in other.requests])
        await system.choose(f"/api/pages/{page_id}", frames="none", headers=None)
        await look(system, page_id)
        assert await text(system, page_id) == "# Hotel\nPrices:"


async def test_a_new_frame_removes_none_of_those_that_the_page_had(
    system: System, site: FakeSite
) -> None:
    sources = [f"/f{number}" for number in range(MAX_FRAMES + 1)]
    for number, source in enumerate(sources):
        site.page(source, f"<p>Room {number} costs ${number}0</p>")
    first, *others = sources
    site.page("/", framed(*others))
    page_id = await watched(system, site, "/")
    assert (await look(system, page_id)).baseline
    site.page("/", framed(first, *others))
    assert not (await look(system, page_id)).changed
    assert await summaries(system, page_id) == []
