"""A fault of this machine or of ours is not put down to a site, nor the other way round."""

import asyncio
import errno
import multiprocessing
import os
import resource
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import activities.extraction.processes
from activities.discovery.seeds import first_sitemaps, read_sitemap
from activities.discovery.visit import Excluded, FoundPage, Reading, Visitor
from activities.extraction.extractor import Extractor, FoundLinks, PageSource
from activities.extraction.processes import ReadingProcess
from activities.http.fetch import Fetcher
from activities.http.politeness import Politeness
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer
from core.errors import ConnectionBroken, InternalError
from core.web.addresses import Address
from core.web.crawl_settings import DEFAULT_PROFILE, CrawlProfile, Render
from core.web.robots import parse_robots
from core.web.scope import ExclusionReason
from core.web.urls import parse_domain
from store.db.engine import Database
from tests.activities.conftest import USER_AGENT
from tests.activities.hostile import CERTIFICATE
from tests.site import FakeSite

NO_CONNECTION = "Diffy can open no more connections"
prepare_process = activities.extraction.processes._prepare_process


@contextmanager
def out_of_files() -> Iterator[None]:
    """The process has as many files open as it may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_who_can_open_no_connection_does_not_say_that_a_site_cannot_be_reached(
    site: FakeSite, fetcher: Fetcher, visitor: Visitor
) -> None:
    owner = parse_domain(site.origin)
    seeding = first_sitemaps(owner, parse_robots(b""))
    with out_of_files():
        with pytest.raises(InternalError, match=NO_CONNECTION):
            await fetcher.fetch(site.url("/"))
        with pytest.raises(InternalError, match=NO_CONNECTION):
            await visitor.visit(site.url("/"), lambda _: True)
        with pytest.raises(InternalError, match=NO_CONNECTION):
            await read_sitemap(seeding, owner, visitor)


async def test_who_can_resolve_no_name_says_neither_that_there_is_none_nor_what_robots_forbids(
    database: Database,
) -> None:
    async def resolve(host: str, port: int) -> list[Address]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=False, resolve=resolve)
    with pytest.raises(InternalError, match=NO_CONNECTION):
        await fetcher.fetch("http://shop.example/")
    with pytest.raises(InternalError, match=NO_CONNECTION):
        await Politeness(database, fetcher, host_rps=1000).robots("http://shop.example/")
    await fetcher.aclose()


class Crashing(Extractor):
    """An extractor whose processes die over everything."""

    async def links(self, page: PageSource) -> FoundLinks:
        """Nothing."""
        raise InternalError("Diffy's extraction crashed over the page.")


async def test_a_page_that_crashes_our_reader_was_reached(site: FakeSite, visitor: Visitor) -> None:
    site.page("/", "<p>words</p>")
    crashing = Crashing(count=0)
    found = await replace(visitor, extractor=crashing).visit(site.url("/"), lambda _: True)
    assert isinstance(found, Excluded)
    assert found.reason is ExclusionReason.UNREADABLE


async def test_a_browser_that_does_not_start_is_no_fault_of_a_page(
    site: FakeSite, fetcher: Fetcher, visitor: Visitor
) -> None:
    site.page("/", "<title>Shop</title><p>words</p>")
    broken = Renderer(Browser(Path("/bin/false")), fetcher, user_agent=USER_AGENT)
    fetched = await fetcher.fetch(site.url("/"))
    with pytest.raises(InternalError, match="could not be started"):
        await broken.render(fetched, DEFAULT_PROFILE)
    found = await replace(visitor, renderer=broken).visit(
        site.url("/"), lambda _: True, reading=Reading(CrawlProfile(render=Render.ALWAYS))
    )
    assert isinstance(found, FoundPage), "a discovery reads it as it was sent"


def slow_start(parent: int) -> None:
    """The start of a process on a machine that is busy."""
    time.sleep(3)
    prepare_process(parent)


async def test_the_start_of_a_process_is_not_the_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "_prepare_process", slow_start)
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 2.5)
    process, others = ReadingProcess(), multiprocessing.active_children()
    assert await process.run(len, b"words") == 5
    process.end()
    monkeypatch.setattr(activities.extraction.processes, "PROCESS_START_TIMEOUT", 0.1)
    with pytest.raises(InternalError, match="could not be started"):
        await process.run(len, b"words")
    assert set(multiprocessing.active_children()) <= set(others)


async def test_a_site_whose_tls_breaks_in_its_answer_broke_the_connection_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    trusting.check_hostname = False
    monkeypatch.setattr("activities.http.transport.trusted_authorities", lambda: trusting)
    fetcher = Fetcher(user_agent=USER_AGENT, allow_private_networks=True)
    async with breaking_tls() as origin:
        with pytest.raises(ConnectionBroken, match="TLS"):
            await fetcher.fetch(f"{origin}/")
    await fetcher.aclose()


@asynccontextmanager
async def breaking_tls() -> AsyncIterator[str]:
    """The origin of a site that goes on in no TLS once it has been asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        os.write(writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
