"""The main text of a snapshot: read when it is asked for, in another process, and kept."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from types import SimpleNamespace

import pytest

from activities.extraction import main_texts
from activities.extraction.documents import StoredPage
from activities.extraction.main_texts import MainTexts, main_text_of
from activities.extraction.processes import ReadingProcess
from api.deps import services_of
from core.errors import InternalError
from core.web.crawl_settings import Parts
from tests.api.crawled import crawled_page
from tests.site import FakeSite
from tests.system import System

WORDS = "Pro costs $99 a month, and the first two weeks of it cost nothing at all. " * 5
ARTICLE = f"<nav>Menu</nav><main><h1>Plans</h1><p>{WORDS}<p class=old>{WORDS}</p></main>"


def reader(system: System) -> MainTexts:
    """What reads main texts for the API of the system."""
    found = services_of(system.app).main_texts
    assert isinstance(found, MainTexts)
    return found


async def main_text(system: System, page_id: object) -> str:
    """The main text of the page's newest snapshot, as the API shows it."""
    listed = (await system.api.get(f"/api/pages/{page_id}/snapshots")).json()["data"]
    answer = await system.api.get(f"/api/snapshots/{listed[0]['id']}")
    assert answer.status_code == 200, answer.text
    shown: str = answer.json()["data"]["mainText"]
    return shown


def test_a_page_need_not_write_out_its_html_and_body() -> None:
    html = f"<title>Prices</title><nav>Menu</nav><main><p>{WORDS}</main>"
    assert main_text_of(StoredPage(html, "https://a.com/")).startswith("Pro costs $99 a month")


def test_ignored_parts_are_no_part_of_the_article() -> None:
    html = f"<main><p>{WORDS}</p><p class=ad>{WORDS.replace('Pro', 'Buy')}</p></main>"
    found = main_text_of(StoredPage(html, "https://a.com/", Parts(ignore=(".ad",))))
    assert "Pro" in found
    assert "Buy" not in found


def test_text_of_any_characters_can_be_stored() -> None:
    html = "<p>" + "".join(map(chr, range(1, 0x300))) * 3
    main_text_of(StoredPage(html, "https://a.com/")).encode()


async def test_a_main_text_is_read_once(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await crawled_page(system, site, ARTICLE)
    first = await main_text(system, page.page_id)
    assert "Pro costs" in first
    assert "Menu" not in first

    async def unasked(*_: object) -> str:
        raise AssertionError("it is read again")

    monkeypatch.setattr(ReadingProcess, "run", unasked)
    assert await main_text(system, page.page_id) == first


@pytest.mark.parametrize(
    ("error", "tried"), [(TimeoutError(), [1, 1, 2]), (InternalError("It crashed."), [1, 2, 3])]
)
async def test_a_page_that_cannot_be_read_has_its_visible_text(
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    tried: list[int],
) -> None:
    """One that takes too long is tried again later; a crash may be this machine's."""
    page = await crawled_page(system, site, ARTICLE)
    asked = []

    async def fails(*_: object) -> str:
        asked.append(1)
        raise error

    monkeypatch.setattr(ReadingProcess, "run", fails)
    for count in tried:
        if count == 2:
            monkeypatch.setattr(
                main_texts, "time", SimpleNamespace(monotonic=lambda: monotonic() + 601)
            )
        assert "# Plans" in await main_text(system, page.page_id)
        assert len(asked) == count


async def test_who_waits_for_a_main_text_waits_by_the_clock(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading that hangs takes no CPU, and others wait for their turn."""
    page = await crawled_page(system, site, ARTICLE)
    monkeypatch.setattr("activities.extraction.processes.DOCUMENT_TIMEOUT", 0.1)

    async def hangs(*_: object) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(ReadingProcess, "run", hangs)
    assert "# Plans" in await main_text(system, page.page_id)


Choose = Callable[[System, str], Awaitable[None]]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        pytest.param({"watchSelector": "h1"}, {}, "# Plans", id="a watched part"),
        pytest.param({"watchSelector": "h1"}, {"watchSelector": None}, "# Plans", id="changed"),
        pytest.param({"ignoreSelectors": [".old"]}, {}, WORDS.strip(), id="an ignored part"),
    ],
)
async def test_the_main_text_is_of_what_was_compared(
    system: System,
    site: FakeSite,
    before: dict[str, object],
    after: dict[str, object],
    shown: str,
) -> None:
    site.page("/", ARTICLE)
    page_id = await system.lone_page(site)
    site.page("/", ARTICLE)
    await system.choose(f"/api/pages/{page_id}", **before)
    async with system.worker():
        await system.finished(await system.ask(f"/api/pages/{page_id}/crawl"))
    if after:
        await system.choose(f"/api/pages/{page_id}", **after)
    found = await main_text(system, page_id)
    assert shown in found
    assert found.count("Pro costs") in (0, 5)
    reader(system).close()
