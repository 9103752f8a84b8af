"""Processes that read what sites sent: it may take any time, and trafilatura has crashed in
threads.
"""

import asyncio
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import Final, TypeVar

from core.errors import InternalError

DEADLINE: Final = 30.0
"""Seconds that one document may take."""

START_SECONDS: Final = 60.0
"""Seconds that a process may take until it can be given a document; none of them are a document's.
"""

RECYCLE_AFTER: Final = 2_000
"""Documents after which the process is replaced: it does not give memory back."""

PR_SET_PDEATHSIG: Final = 1

Document = TypeVar("Document")
Read = TypeVar("Read")


def end_tracker() -> None:
    """End the helper that multiprocessing starts with the first process and would leave behind.

    For the end of a program: it waits for the helper, and the helper for every other process. What
    the pools held is let go of first, since to let go of it after would start the helper again.
    """
    gc.collect()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


class ReadingProcess:
    """One process, started when it is needed, for one document at a time."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._taken = 0

    async def run(self, read: Callable[[Document], Read], document: Document) -> Read:
        """What `read` makes of `document`, or raises over it.

        Raises TimeoutError after `DEADLINE` seconds, and InternalError when two processes died over
        the document, that one dies may have other reasons, or when none can be started.
        """
        try:
            return await self._tried(read, document)
        except BrokenProcessPool:
            self.end()
        try:
            return await self._tried(read, document)
        except BrokenProcessPool as error:
            self.end()
            raise InternalError("Diffy's extraction crashed over the page.") from error

    async def _tried(self, read: Callable[[Document], Read], document: Document) -> Read:
        if self._taken >= RECYCLE_AFTER:
            self.end()
        pool = self._pool or await self._started()
        self._taken += 1
        try:
            future = pool.submit(read, document)
            async with asyncio.timeout(DEADLINE):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError):
            self.end()
            raise

    async def _started(self) -> ProcessPoolExecutor:
        pool = self._pool = _new_pool()
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.wrap_future(pool.submit(_ready))
        except TimeoutError as error:
            self.end()
            raise InternalError("Diffy's extraction could not be started.") from error
        except asyncio.CancelledError:
            self.end()
            raise
        return pool

    def end(self) -> None:
        """End the process at once, whatever it is at."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool.shutdown(wait=True)  # its thread, which is at its end as well
        self._pool = None
        self._taken = 0


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
        initargs=(os.getpid(),),
    )


def _ready() -> None:
    """What a process does first."""


def _prepare_process(parent: int) -> None:
    """Ctrl-C is for the parent to act on; and with the parent its processes end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
