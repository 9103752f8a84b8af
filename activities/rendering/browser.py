"""The browser: one process for the worker, started when it is needed, replaced now and then."""

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

AT_ONCE: Final = 2
"""Pages that are open at once."""

RECYCLE_AFTER: Final = 100
"""Pages after which the process is replaced."""

START_SECONDS: Final = 30.0
END_SECONDS: Final = 5.0

NOWHERE: Final = "http://127.0.0.1:9"
"""The proxy of whatever the browser does on its own account: nobody answers there."""

ARGUMENTS: Final = (
    # No name is resolved by the browser itself: proxies do that.
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
        """End the browser and what drives it, also when it does not listen any more."""
        from playwright.async_api import Error

        with suppress(Error, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.chromium.close()
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.driver.stop()
        await asyncio.to_thread(shutil.rmtree, self.home, ignore_errors=True)


class Browser:
    """Lends the browser of this worker; `executable` is where it is, unless on the PATH."""

    def __init__(self, executable: Path | None = None) -> None:
        found = shutil.which(str(executable or "chromium"))
        self._executable = found if find_spec("playwright") is not None else None
        self._process: _Process | None = None
        self._starting = asyncio.Lock()
        self._turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator["Chromium"]:
        """The browser, for one page.

        Raises BrowserMissing when none is installed, InternalError when it does not start.
        """
        if self._executable is None:
            raise BrowserMissing(
                "The page needs JavaScript to be read, and no browser is installed here: install "
                "the extra `browser` of Diffy and Debian's `chromium`."
            )
        async with self._turns:
            process = await self._running(self._executable)
            process.users += 1
            try:
                yield process.chromium
            finally:
                process.users -= 1
                await self._give_back(process)

    async def aclose(self) -> None:
        """End the browser."""
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    async def _running(self, executable: str) -> _Process:
        async with self._starting:
            process = self._process
            if process is not None and (not process.alive or process.opened >= RECYCLE_AFTER):
                self._process = None
                if not process.users:
                    await process.end()
            if self._process is None:
                self._process = await _start(executable)
            self._process.opened += 1
            return self._process

    async def _give_back(self, process: _Process) -> None:
        """End one that is in nobody's use any more and was replaced, or died."""
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
            # As root it does not start with its sandbox.
            chromium_sandbox=os.geteuid() != 0,
            proxy={"server": NOWHERE, "bypass": "<-loopback>"},
            args=list(ARGUMENTS),
            # Windows that nobody clicked for are not opened at all.
            ignore_default_args=["--disable-popup-blocking"],
            # Nothing of our own settings is its business.
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LANG": "C.UTF-8"},
            timeout=START_SECONDS * 1000,
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
