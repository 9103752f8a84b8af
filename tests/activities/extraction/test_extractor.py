"""Extraction in processes of its own."""

import asyncio
import os
import signal
import string
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest

import activities.extraction.processes
from activities.extraction.extractor import (
    MAX_INLINE_BYTES,
    MAX_INLINE_TAGS,
    MAX_KEPT_HTML,
    Extracted,
    Extractor,
    PageSource,
    SameText,
    extract_page,
    read_links,
)
from core.changes.detection import SeenPage, fingerprint
from core.errors import NotAPage
from core.text.packing import unpack
from core.web.sitemaps import MAX_SITEMAP_SIZE, Sitemap
from tests.cost import cost
from tests.eventually import eventually
from tests.loaded import loaded_by
from tests.processes import readers

ARTICLE = "<title>Prices</title><nav>Menu</nav><main><p>Pro costs $99 a month.</p></main>"
ATTRIBUTES = " ".join(map("".join, product(string.ascii_lowercase, repeat=3)))
KNOWN = fingerprint(SeenPage("https://a.com/", "Prices", "Pro costs $99 a month."))
"""Of the article, to tell whose text needs no library that takes long to load."""

ENDLESS = "<b>" + "<p>x<b>" * 60_000


def page(html: str, known: str | None = None) -> PageSource:
    return PageSource(html.encode(), "text/html", "https://a.com/", known)


@pytest.fixture
def fresh() -> Iterator[Extractor]:
    """An extractor of one process, which has not been started."""
    extractor = Extractor(count=1)
    yield extractor
    extractor.close()


async def test_a_page_says_what_a_reader_sees(extractor: Extractor) -> None:
    words = "Pro costs $99 a month, and the first two weeks of it cost nothing at all. " * 5
    body = f"<nav>Menu</nav><article><p>{words}</p></article>"
    html = f"<html><head><title>Prices</title></head><body>{body}</body></html>"
    shown = words.strip()
    found = await extractor.extract(page(html))
    assert isinstance(found, Extracted)
    assert (found.title, found.text) == ("Prices", shown)
    assert found.text_hash == fingerprint(SeenPage("https://a.com/", "Prices", shown))


@pytest.mark.parametrize(
    ("before", "elsewhere"),
    [
        ("", False),
        ("x" * 20_000, False),
        ("x" * MAX_INLINE_BYTES, True),
        ("<p>" * MAX_INLINE_TAGS, True),
    ],
)
async def test_links_of_large_pages_alone_are_read_in_other_processes(
    fresh: Extractor, before: str, elsewhere: bool
) -> None:
    already = readers()
    found = await fresh.links(page(f"<title>Shop</title>{before}<a href=x>"))
    assert (found.page.title, found.page.links) == ("Shop", ("https://a.com/x",))
    assert bool(readers() - already) is elsewhere


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(f"<a {ATTRIBUTES}", id="attributes of one tag"),
        pytest.param("<b>" * MAX_INLINE_TAGS, id="each tag in the one before"),
    ],
)
def test_no_page_that_is_read_where_it_is_asked_for_takes_long(hostile: str) -> None:
    source = page(hostile[: MAX_INLINE_BYTES - 1] + ">")
    _, million = cost(lambda: read_links(replace(source, may_be_shell=True)))
    assert million < 20


async def test_a_sitemap_is_read_in_another_process(fresh: Extractor) -> None:
    before = readers()
    assert await fresh.sitemap(b"https://a.com/1") == Sitemap(("https://a.com/1",))
    assert len(readers() - before) == 1


async def test_a_sitemap_that_takes_too_long_has_a_problem(
    fresh: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 0.1)
    found = await fresh.sitemap(b"<" + b"&" * MAX_SITEMAP_SIZE)
    assert found == Sitemap(problem="It could not be read within 0.1 s.")


async def test_a_sitemap_over_which_two_processes_die_has_a_problem(fresh: Extractor) -> None:
    already = readers()
    task = asyncio.create_task(fresh.sitemap(b"<" + b"&" * MAX_SITEMAP_SIZE))
    killed: set[int] = set()
    for _ in range(2):

        async def started() -> set[int]:
            return readers() - already - killed

        [process] = await eventually(started, bool)
        os.kill(process, signal.SIGKILL)
        killed.add(process)
    assert await task == Sitemap(problem="Its reader crashed.")


async def test_two_processes_serve_at_once() -> None:
    before = readers()
    extractor = Extractor(count=2)
    await asyncio.gather(*(extractor.extract(page(ARTICLE, KNOWN)) for _ in range(4)))
    assert len(readers() - before) == 2
    extractor.close()
    assert readers() == before


def test_an_extraction_costs_no_main_text() -> None:
    loaded = loaded_by(
        "from activities.extraction.extractor import PageSource, extract_page\n"
        "extract_page(PageSource(b'<p>words', 'text/html', 'https://a.com/'))\n"
    )
    assert "activities.extraction.extractor" in loaded
    assert "trafilatura" not in loaded


async def test_the_same_text_is_told_from_another(extractor: Extractor) -> None:
    first = await extractor.extract(page(ARTICLE))
    assert isinstance(first, Extracted)
    noise = ARTICLE.replace("<p>", "<p data-token=9><script>now()</script>")
    assert await extractor.extract(page(noise, first.text_hash)) == SameText()
    other = await extractor.extract(page(ARTICLE.replace("99", "98"), first.text_hash))
    assert isinstance(other, Extracted)


@pytest.mark.parametrize(
    "html", ["<p> </p>", "<script>x</script>", "<!-- -->", "<p hidden>x", "\0"]
)
def test_a_page_without_text_is_no_page(html: str) -> None:
    with pytest.raises(NotAPage, match="shows no text"):
        extract_page(page(html))


async def test_an_error_over_a_page_comes_back_and_the_next_page_works(
    extractor: Extractor,
) -> None:
    with pytest.raises(NotAPage, match="shows no text"):
        await extractor.extract(page(""))
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)


def test_text_of_any_bytes_can_be_stored() -> None:
    found = extract_page(PageSource(bytes(range(256)) * 3, "text/html", "https://a.com/"))
    assert isinstance(found, Extracted)
    found.text.encode()


async def busy(extractor: Extractor) -> asyncio.Task[object]:
    """An extraction that is under way."""
    before = readers()
    task = asyncio.create_task(extractor.extract(page(ENDLESS)))

    async def started() -> set[int]:
        return readers() - before

    await eventually(started, bool)
    return task


async def test_one_that_waits_for_a_process_can_be_cancelled(fresh: Extractor) -> None:
    running = await busy(fresh)
    waiting = asyncio.create_task(fresh.extract(page(ARTICLE)))
    await asyncio.sleep(0)
    waiting.cancel()
    running.cancel()
    assert await asyncio.gather(waiting, running, return_exceptions=True)
    assert await fresh.extract(page(ARTICLE, KNOWN)) == SameText()


async def test_a_page_that_takes_too_long_is_given_up(
    fresh: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 0.1)
    with pytest.raises(NotAPage, match=r"could not be read within 0\.1 s"):
        await fresh.extract(page(ENDLESS))


def test_the_document_is_kept_unless_it_is_large() -> None:
    found = extract_page(page(ARTICLE))
    assert isinstance(found, Extracted)
    assert found.html is not None
    assert unpack(found.html.data) == ARTICLE
    noise = "".join(Random(1).choices(string.ascii_letters, k=2 * MAX_KEPT_HTML))
    large = extract_page(page(f"{ARTICLE}<!-- {noise} -->"))
    assert isinstance(large, Extracted)
    assert (large.text, large.html) == (found.text, None)
