"""Extraction in processes of its own."""

import asyncio
import os
import signal
import string
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest

import activities.processes
from activities.extraction import (
    LARGEST_KEPT,
    MOST_READ_HERE,
    MOST_TAGS_READ_HERE,
    Extracted,
    Extractor,
    PageSource,
    SameText,
    extract_page,
    read_links,
)
from core.errors import InternalError, NotAPage
from core.news import SeenPage, fingerprint
from core.packing import unpack
from core.sitemaps import LARGEST, Sitemap
from tests.cost import cost
from tests.eventually import HANG, eventually

ARTICLE = "<title>Prices</title><nav>Menu</nav><main><p>Pro costs $99 a month.</p></main>"
ATTRIBUTES = " ".join(map("".join, product(string.ascii_lowercase, repeat=3)))
ENDLESS = "<b>" + "<p>x<b>" * 60_000


def page(html: str, known: str | None = None) -> PageSource:
    return PageSource(html.encode(), "text/html", "https://a.com/", known)


@pytest.fixture
async def extractor() -> AsyncIterator[Extractor]:
    """An extractor of one process."""
    extractor = Extractor(count=1)
    yield extractor
    extractor.close()


def children() -> set[int]:
    """The processes that extract for this one."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == os.getpid() and b"spawn_main" in command:
            found.add(int(status.parent.name))
    return found


async def test_a_page_says_what_a_reader_sees(extractor: Extractor) -> None:
    words = "Pro costs $99 a month, and the first two weeks of it cost nothing at all. " * 5
    body = f"<nav>Menu</nav><article><p>{words}</p></article>"
    html = f"<html><head><title>Prices</title></head><body>{body}</body></html>"
    shown = words.strip()
    found = await extractor.extract(page(html))
    assert isinstance(found, Extracted)
    assert (found.title, found.text) == ("Prices", shown)
    assert found.main_text == words.strip()
    assert found.text_hash == fingerprint(SeenPage("https://a.com/", "Prices", shown))


def test_a_page_need_not_write_out_its_html_and_body() -> None:
    words = "Pro costs $99 a month, and the first two weeks of it cost nothing at all. " * 5
    found = extract_page(page(f"<title>Prices</title><nav>Menu</nav><main><p>{words}</main>"))
    assert isinstance(found, Extracted)
    assert found.main_text.startswith("Pro costs $99 a month")


async def test_extraction_runs_in_other_processes(extractor: Extractor) -> None:
    before = children()
    await extractor.extract(page(ARTICLE))
    [process] = children() - before
    await extractor.extract(page(ARTICLE))
    assert children() - before == {process}
    extractor.close()
    assert children() == before


@pytest.mark.parametrize(
    ("before", "elsewhere"),
    [
        ("", False),
        ("x" * 20_000, False),
        ("x" * MOST_READ_HERE, True),
        ("<p>" * MOST_TAGS_READ_HERE, True),
    ],
)
async def test_links_of_large_pages_alone_are_read_in_other_processes(
    extractor: Extractor, before: str, elsewhere: bool
) -> None:
    already = children()
    found = await extractor.links(page(f"<title>Shop</title>{before}<a href=x>"))
    assert (found.page.title, found.page.links) == ("Shop", ("https://a.com/x",))
    assert bool(children() - already) is elsewhere


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(f"<a {ATTRIBUTES}", id="attributes of one tag"),
        pytest.param("<b>" * MOST_TAGS_READ_HERE, id="each tag in the one before"),
    ],
)
def test_no_page_that_is_read_where_it_is_asked_for_takes_long(hostile: str) -> None:
    source = page(hostile[: MOST_READ_HERE - 1] + ">")
    _, million = cost(lambda: read_links(replace(source, may_be_shell=True)))
    assert million < 20


async def test_a_sitemap_is_read_in_another_process(extractor: Extractor) -> None:
    before = children()
    assert await extractor.sitemap(b"https://a.com/1") == Sitemap(("https://a.com/1",))
    assert len(children() - before) == 1


async def test_a_sitemap_that_takes_too_long_has_a_problem(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.processes, "DEADLINE", 0.1)
    found = await extractor.sitemap(b"<" + b"&" * LARGEST)
    assert found == Sitemap(problem="It could not be read within 0.1 s.")


async def test_a_sitemap_over_which_two_processes_die_has_a_problem(
    extractor: Extractor,
) -> None:
    already = children()
    task = asyncio.create_task(extractor.sitemap(b"<" + b"&" * LARGEST))
    killed: set[int] = set()
    for _ in range(2):

        async def started() -> set[int]:
            return children() - already - killed

        [process] = await eventually(started, bool)
        os.kill(process, signal.SIGKILL)
        killed.add(process)
    assert await task == Sitemap(problem="Its reader crashed.")


async def test_two_processes_serve_at_once() -> None:
    before = children()
    extractor = Extractor(count=2)
    await asyncio.gather(*(extractor.extract(page(ARTICLE)) for _ in range(4)))
    assert len(children() - before) == 2
    extractor.close()
    assert children() == before


def test_a_page_whose_text_is_known_costs_no_main_text() -> None:
    """In a process of its own, which has not loaded trafilatura for another test."""
    script = (
        "import sys\n"
        "from core.news import SeenPage, fingerprint\n"
        "from activities.extraction import PageSource, SameText, extract_page\n"
        "known = fingerprint(SeenPage('https://a.com/', None, 'words'))\n"
        "again = PageSource(b'<p id=1>words</p>', 'text/html', 'https://a.com/', known)\n"
        "assert extract_page(again) == SameText()\n"
        "assert 'trafilatura' not in sys.modules\n"
        "extract_page(PageSource(b'<p>other words', 'text/html', 'https://a.com/', known))\n"
        "assert 'trafilatura' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=HANG)


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
    found.main_text.encode()


async def busy(extractor: Extractor) -> tuple[asyncio.Task[object], int]:
    """An extraction that is under way, and its process."""
    before = children()
    task = asyncio.create_task(extractor.extract(page(ENDLESS)))

    async def started() -> set[int]:
        return children() - before

    [process] = await eventually(started, bool)
    return task, process


async def test_a_page_outlives_the_death_of_its_process(extractor: Extractor) -> None:
    before = children()
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)
    [process] = children() - before
    os.kill(process, signal.SIGKILL)
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)


async def test_a_page_over_which_two_processes_die_fails_and_no_other(
    extractor: Extractor,
) -> None:
    before = children()
    task, process = await busy(extractor)
    os.kill(process, signal.SIGKILL)

    async def another() -> set[int]:
        return children() - before - {process}

    [second] = await eventually(another, bool)
    os.kill(second, signal.SIGKILL)
    with pytest.raises(InternalError, match="crashed over the page"):
        await task
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)


async def test_a_cancelled_extraction_leaves_the_extractor_usable(extractor: Extractor) -> None:
    before = children()
    task, process = await busy(extractor)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process not in children()
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)
    assert len(children() - before) == 1


async def test_one_that_waits_for_a_process_can_be_cancelled(extractor: Extractor) -> None:
    running, _ = await busy(extractor)
    waiting = asyncio.create_task(extractor.extract(page(ARTICLE)))
    await asyncio.sleep(0)
    waiting.cancel()
    running.cancel()
    assert await asyncio.gather(waiting, running, return_exceptions=True)
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)


async def test_a_page_that_takes_too_long_is_given_up(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.processes, "DEADLINE", 0.1)
    task, process = await busy(extractor)
    with pytest.raises(NotAPage, match=r"could not be read within 0\.1 s"):
        await task
    assert process not in children()
    monkeypatch.undo()
    assert isinstance(await extractor.extract(page(ARTICLE)), Extracted)


async def test_a_process_is_replaced_after_some_pages(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.processes, "RECYCLE_AFTER", 2)
    before, seen = children(), set()
    for _ in range(3):
        await extractor.extract(page(ARTICLE))
        seen |= children() - before
    assert len(seen) == 2
    assert len(children() - before) == 1


OWNER = """
import asyncio, sys
from activities.extraction import Extractor, PageSource

async def main():
    extractor = Extractor(count=1)
    await extractor.extract(PageSource(b"<p>words", "text/html", "https://a.com/"))
    pool = extractor._processes[0]._pool
    print(*pool._processes, flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert owner.stdout is not None
    child = int(await owner.stdout.readline())
    assert alive(child)
    owner.kill()
    await owner.wait()

    async def still_there() -> bool:
        return alive(child)

    await eventually(still_there, lambda there: not there)


def alive(process: int) -> bool:
    """Whether the process runs; one that nobody has buried yet does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def test_the_document_is_kept_unless_it_is_large() -> None:
    found = extract_page(page(ARTICLE))
    assert isinstance(found, Extracted)
    assert found.html is not None
    assert unpack(found.html.data) == ARTICLE
    noise = "".join(Random(1).choices(string.ascii_letters, k=2 * LARGEST_KEPT))
    large = extract_page(page(f"{ARTICLE}<!-- {noise} -->"))
    assert isinstance(large, Extracted)
    assert (large.text, large.html) == (found.text, None)
