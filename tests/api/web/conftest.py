"""The web page in a real browser, and as a client without one asks for it."""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

from store.keys import NewKey, create_key
from tests.api.served import Served, served
from tests.eventually import HANG
from tests.system import System

PHONE: Final[ViewportSize] = {"width": 360, "height": 740}


@dataclass(frozen=True)
class WebSystem:
    """A system whose API listens, and a key of an organisation that has nothing yet."""

    system: System
    at: Served
    key: NewKey


@pytest.fixture
async def web(system: System) -> AsyncIterator[WebSystem]:
    """The web page of a new organisation."""
    async with system.database.transaction() as session:
        key = await create_key(session, "acme")
    async with served(system.app) as at:
        yield WebSystem(system, at, key)
        system.app.state.services.watch.close()


@pytest.fixture(scope="session")
async def chromium_process(chromium: None) -> AsyncIterator[Browser]:
    """One browser for all tests, each of which has its own context in it."""
    async with async_playwright() as driver:
        process = await driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,
            args=["--disable-dev-shm-usage", "--disable-gpu"],
        )
        yield process
        await process.close()


@dataclass(frozen=True)
class Visitor:
    """A person in a browser of their own, and what the browser complained of."""

    context: BrowserContext
    page: Page
    complaints: list[str]


@pytest.fixture
async def visitor(chromium_process: Browser, web: WebSystem) -> AsyncIterator[Visitor]:
    """A browser without a session, on the web page."""
    context = await chromium_process.new_context(
        base_url=web.at.origin, viewport={"width": 1200, "height": 800}
    )
    context.set_default_timeout(HANG * 1000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" else None,
    )
    yield Visitor(context, page, complaints)
    await context.close()


@pytest.fixture
async def plain(web: WebSystem) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a browser, which keeps cookies and follows no redirect."""
    async with httpx2.AsyncClient(
        base_url=web.at.origin, headers={"Accept": "text/html"}, timeout=HANG
    ) as client:
        yield client
