"""Processes that read documents of sites, each with a timeout that kills the process.

Documents may take any time to read, and trafilatura has crashed in threads. A ProcessPoolExecutor
cannot kill a task that runs, and a crash breaks all of it, so each process here is a pool of one.
Pebble's pool kills and replaces processes, but does not limit the time that one takes to start, and
its processes share one pipe.
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
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Final, TypeVar

from core.errors import InternalError

DOCUMENT_TIMEOUT: Final = 30.0
"""Maximum number of seconds of CPU for one document: no document is at fault for a busy machine."""

HANG_TIMEOUT: Final = 600.0
"""Maximum number of seconds for one document by the clock."""

PROCESS_START_TIMEOUT: Final = 60.0
"""Maximum number of seconds until a process is ready. They do not count towards a document's."""

MANAGER_END_TIMEOUT: Final = 2.0
"""Maximum number of seconds to wait for the thread of a killed process.

Before Python 3.11.6, the thread never ends if the process dies while it receives a document.
"""

DOCUMENTS_PER_PROCESS: Final = 2_000
"""Documents after which a process is replaced, because it does not free its memory."""

IDLE_TIMEOUT: Final = 60.0
"""Seconds without a document after which a process ends. It holds 60 to 120 MB, and takes about a
second of CPU to start again.
"""

LIMIT_SIGNAL: Final = signal.SIGPROF
"""The signal by which the system ends a process whose time of CPU is up."""

PR_SET_PDEATHSIG: Final = 1

NO_LEAKS: Final = "ignore:resource_tracker:UserWarning"
"""Python's option for the resource tracker: of a process that is killed it would write a warning to
the log, in a form of its own. It cleans up all the same.
"""

Document = TypeVar("Document")
Read = TypeVar("Read")


def stop_resource_tracker() -> None:
    """Stop the resource tracker, which multiprocessing starts with the first process.

    For the end of a program, after every ReadingProcess has ended: blocks until the tracker has
    exited. Releases the pools first: releasing them later restarts the tracker.
    """
    gc.collect()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


class ReadingProcess:
    """A process that reads one document at a time.

    It starts when it is first needed, and ends when it has had nothing to read for `IDLE_TIMEOUT`.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._documents = 0
        self._idle_end: asyncio.TimerHandle | None = None

    async def run(self, read: Callable[[Document], Read], document: Document) -> Read:
        """The result of `read(document)` in the process. Both must be picklable.

        Raises the exceptions of `read`; TimeoutError after `DOCUMENT_TIMEOUT`; InternalError if the
        process cannot be started, hangs, or dies twice: the document need not be the cause of the
        first death.
        """
        self._keep()
        try:
            return await self._run_twice(read, document)
        finally:
            if self._pool is not None:
                loop = asyncio.get_running_loop()
                self._idle_end = loop.call_later(IDLE_TIMEOUT, self.end)

    async def _run_twice(self, read: Callable[[Document], Read], document: Document) -> Read:
        with suppress(BrokenProcessPool):
            return await self._run_once(read, document)
        try:
            return await self._run_once(read, document)
        except BrokenProcessPool as error:
            raise InternalError("Diffy's extraction crashed over the page.") from error

    def _keep(self) -> None:
        """Do not end the process for idleness."""
        if self._idle_end is not None:
            self._idle_end.cancel()
            self._idle_end = None

    async def _run_once(self, read: Callable[[Document], Read], document: Document) -> Read:
        if self._documents >= DOCUMENTS_PER_PROCESS:
            self.end()
        pool = self._pool or await self._start()
        self._documents += 1
        processes = list(pool._processes.values())
        try:
            async with asyncio.timeout(HANG_TIMEOUT) as timeout:
                future = pool.submit(_limited, read, document, DOCUMENT_TIMEOUT)
                return await asyncio.wrap_future(future)
        except BrokenProcessPool:
            self.end()
            if any(process.exitcode == -LIMIT_SIGNAL for process in processes):
                raise TimeoutError from None
            raise
        except TimeoutError as error:
            if not timeout.expired():
                raise  # by `read`
            self.end()
            raise InternalError("Diffy's extraction hung over the page.") from error
        except asyncio.CancelledError:
            self.end()
            raise

    async def _start(self) -> ProcessPoolExecutor:
        pool = self._pool = _new_pool()
        try:
            async with asyncio.timeout(PROCESS_START_TIMEOUT):
                await asyncio.wrap_future(pool.submit(_ready))
        except TimeoutError as error:
            self.end()
            raise InternalError("Diffy's extraction could not be started.") from error
        except (asyncio.CancelledError, BrokenProcessPool):
            self.end()
            raise
        return pool

    def end(self) -> None:
        """Kill the process; the next `run` starts another one."""
        self._keep()
        pool, self._pool, self._documents = self._pool, None, 0
        if pool is None:
            return
        processes, manager = list((pool._processes or {}).values()), pool._executor_manager_thread
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        # The manager alone waits for the processes: of two that wait, one sees no exit status.
        if manager is not None:
            manager.join(MANAGER_END_TIMEOUT)  # type: ignore[attr-defined]  # a Thread in truth


def _new_pool() -> ProcessPoolExecutor:
    if NO_LEAKS not in sys.warnoptions:
        sys.warnoptions.append(NO_LEAKS)  # children of this process get the same options
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare_process,
        initargs=(os.getpid(),),
    )


def _ready() -> None:
    """Do nothing: the first task of a process, which shows that it has started."""


def _limited(read: Callable[[Document], Read], document: Document, seconds: float) -> Read:
    """The result of `read(document)`; the process ends by LIMIT_SIGNAL after `seconds` of CPU."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return read(document)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _prepare_process(parent: int) -> None:
    """Ignore SIGINT, which is for the parent, and die with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
