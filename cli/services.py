"""The worker and the API as child processes that report when they are ready."""

import asyncio
import os
import sys
from typing import Final

from cli.process import OwnedProcess
from core.errors import Unavailable

SERVICE_START_TIMEOUT: Final = 90.0
"""Seconds until a service must be ready. It waits for Temporal up to 60 of them."""


class CommandService:
    """A `diffy` command that runs as a child process. `grace` is its time to stop, in seconds."""

    def __init__(self, name: str, command: str, *, grace: float) -> None:
        self.name = name
        self._command = command
        self._grace = grace
        self._process: OwnedProcess | None = None

    async def start(self) -> None:
        """Start the command, and return once it is ready.

        Raises Unavailable if it fails to start.
        """
        reading, writing = os.pipe()
        try:
            self._process = await OwnedProcess.spawn(
                [sys.executable, "-P", "-m", "cli.main", self._command, f"--ready-fd={writing}"],
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        if not await _becomes_ready(reading):
            await self.stop()
            raise Unavailable(f"The {self.name} did not start.")

    async def exited(self) -> int:
        """The exit code, once the process has ended."""
        assert self._process is not None, "it was not started"
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the process within its grace period. Does nothing if it does not run."""
        if self._process is not None:
            await self._process.stop(self._grace)


def report_ready(descriptor: int | None) -> None:
    """Report to the parent, by the pipe that it passed, that this service is ready."""
    if descriptor is not None:
        os.write(descriptor, b"1")
        os.close(descriptor)


async def _becomes_ready(descriptor: int) -> bool:
    """Whether the child reports that it is ready, within `SERVICE_START_TIMEOUT`."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        async with asyncio.timeout(SERVICE_START_TIMEOUT):
            return await reader.read(1) == b"1"
    except TimeoutError:
        return False
    finally:
        transport.close()
