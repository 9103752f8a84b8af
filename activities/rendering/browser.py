"""The browser of a worker: one process, started on first use and replaced now and then."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import BrowserMissing, InternalError

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import Playwright

MAX_OPEN_PAGES: Final = 2
"""Maximum number of pages open at the same time."""

PAGES_PER_BROWSER: Final = 100
"""Pages after which the browser is replaced."""

BROWSER_START_TIMEOUT: Final = 30.0
BROWSER_STOP_TIMEOUT: Final = 5.0
"""Seconds."""

UNREACHABLE_PROXY: Final = "http://127.0.0.1:9"
"""The proxy for the browser's own requests, which must fail: no server listens on this port."""

ARGUMENTS: Final = (
    # The proxies resolve names, never the browser.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-domain-reliability",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--js-flags=--max-old-space-size=256",
)


@dataclass
class _Process:
    driver: "Playwright"
    chromium: "Chromium"
    home: str
    opened: int = 0
    users: int = 0

    @property
    def alive(self) -> bool:
        return self.chromium.is_connected()

    async def end(self) -> None:
        """Stop the browser and its driver, even if they do not respond."""
        from playwright.async_api import Error

        with suppress(Error, TimeoutError):
            async with asyncio.timeout(BROWSER_STOP_TIMEOUT):
                await self.chromium.close()
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(BROWSER_STOP_TIMEOUT):
                await self.driver.stop()
        await asyncio.to_thread(shutil.rmtree, self.home, ignore_errors=True)


class Browser:
    """The browser of this worker, shared by its attempts.

    `executable` is a path or a name on the PATH; None means `chromium`.
    """

    def __init__(self, executable: Path | None = None) -> None:
        found = shutil.which(str(executable or "chromium"))
        self._executable = found if find_spec("playwright") is not None else None
        self._process: _Process | None = None
        self._starting = asyncio.Lock()
        self._open_pages = asyncio.Semaphore(MAX_OPEN_PAGES)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator["Chromium"]:
        """The browser, for one page inside the block; waits while `MAX_OPEN_PAGES` are open.

        Raises BrowserMissing if no browser is installed, InternalError if it does not start.
        """
        if self._executable is None:
            raise BrowserMissing(
                "The page needs JavaScript to be read, and no browser is installed here: install "
                "the extra `browser` of Diffy and Debian's `chromium`."
            )
        async with self._open_pages:
            process = await self._running(self._executable)
            process.users += 1
            try:
                yield process.chromium
            finally:
                process.users -= 1
                await self._release(process)

    async def aclose(self) -> None:
        """Stop the browser."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def _running(self, executable: str) -> _Process:
        async with self._starting:
            process = self._process
            if process is not None and (not process.alive or process.opened >= PAGES_PER_BROWSER):
                self._process = None
                if not process.users:
                    await process.end()
            if self._process is None:
                self._process = await _start(executable)
            self._process.opened += 1
            return self._process

    async def _release(self, process: _Process) -> None:
        """Stop a browser that has no users and was replaced, or died."""
        if process is self._process and not process.alive:
            self._process = None
        if process is not self._process and not process.users:
            await process.end()


async def _start(executable: str) -> _Process:
    from playwright.async_api import Error, async_playwright

    home = await asyncio.to_thread(tempfile.mkdtemp, prefix="diffy-browser-")
    driver = await async_playwright().start()
    try:
        chromium = await driver.chromium.launch(
            executable_path=executable,
            # As root, Chromium refuses to start with its sandbox.
            chromium_sandbox=os.geteuid() != 0,
            proxy={"server": UNREACHABLE_PROXY, "bypass": "<-loopback>"},
            args=list(ARGUMENTS),
            # Keep the popup blocker, which Playwright disables.
            ignore_default_args=["--disable-popup-blocking"],
            # The environment of the worker holds secrets.
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C.UTF-8"},
            timeout=BROWSER_START_TIMEOUT * 1000,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except Error as error:
        await driver.stop()
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
        raise InternalError("The browser could not be started.") from error
    except BaseException:
        await driver.stop()
        raise
    return _Process(driver, chromium, home)
