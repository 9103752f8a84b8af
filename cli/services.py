"""The worker and the API as child processes that say when they are ready."""

import asyncio
import os
import sys
from typing import Final

from cli.process import OwnedProcess
from core.errors import Unavailable

START_WITHIN: Final = 90.0
"""Seconds that a service may take to be ready; it waits for Temporal up to a minute of them."""


class CommandService:
    """One of our own commands, run as a child until it is stopped.

    `grace` is how many seconds it may take to stop by itself.
    """

    def __init__(self, name: str, command: str, *, grace: float) -> None:
        self.name = name
        self._command = command
        self._grace = grace
        self._process: OwnedProcess | None = None

    async def start(self) -> None:
        """Start it; returns once it is ready. Raises Unavailable when it does not become so."""
        reading, writing = os.pipe()
        try:
            self._process = await OwnedProcess.spawn(
                [sys.executable, "-P", "-m", "cli.main", self._command, f"--ready-fd={writing}"],
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        if not await _told(reading):
            await self.stop()
            raise Unavailable(f"The {self.name} did not start.")

    async def exited(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None, "it was not started"
        return await self._process.wait()

    async def stop(self) -> None:
        """Let it finish what it is at and end it; nothing happens when it does not run."""
        if self._process is not None:
            await self._process.stop(self._grace)


def tell_ready(descriptor: int | None) -> None:
    """Tell the parent, over the pipe that it gave, that this service is ready."""
    if descriptor is not None:
        os.write(descriptor, b"1")
        os.close(descriptor)


async def _told(descriptor: int) -> bool:
    """Whether the child says that it is ready, before it ends or its time is up."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    try:
        async with asyncio.timeout(START_WITHIN):
            return await reader.read(1) == b"1"
    except TimeoutError:
        return False
    finally:
        transport.close()
