"""The worker and the API as child processes: when they may begin, that they are ready, and that
they run.
"""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final

from cli.process import OwnedProcess
from core.errors import Unavailable

SERVICE_START_TIMEOUT: Final = 90.0
"""Seconds until a service must be ready. It waits for Temporal up to 60 of them."""

BEAT_INTERVAL: Final = 1.0
"""Seconds between two reports of a service that its event loop runs."""

MAX_MISSED_BEATS: Final = 30
"""Beats that a service may miss in a row before it counts as hanging."""


class CommandService:
    """A `diffy` command that runs as a child process. `grace` is its time to stop, in seconds."""

    def __init__(self, name: str, command: str, *, grace: float) -> None:
        self.name = name
        self._command = command
        self._grace = grace
        self._process: OwnedProcess | None = None
        self._pulse = Pulse()
        self._pipe: asyncio.ReadTransport | None = None
        self._gate: int | None = None

    async def load(self) -> None:
        """Start the process, which loads its code and waits for `start` before it does anything."""
        reading, writing = os.pipe()
        held, self._gate = os.pipe()
        try:
            options = [f"--ready-fd={writing}", f"--go-fd={held}"]
            self._process = await OwnedProcess.spawn(
                [sys.executable, "-P", "-m", "cli.main", self._command, *options],
                pass_fds=[writing, held],
            )
        finally:
            os.close(writing)
            os.close(held)
        await self._listen(reading)

    async def start(self) -> None:
        """Start the command, unless it is loaded; let it begin, and return once it is ready.

        Raises Unavailable if it fails to start.
        """
        if self._gate is None:
            await self.load()
        self._open_gate(b"1")
        if not await self._pulse.begins():
            await self.stop()
            raise Unavailable(f"The {self.name} did not start.")

    async def exited(self) -> int:
        """The exit code, once the process has ended."""
        assert self._process is not None, "it was not started"
        return await self._process.wait()

    async def hung(self) -> str:
        """Wait until its event loop has stood still for `MAX_MISSED_BEATS` beats."""
        await self._pulse.stops()
        return f"did not respond for {MAX_MISSED_BEATS * BEAT_INTERVAL:g} s"

    def kill(self) -> None:
        """Kill the process, as a crash would end it."""
        if self._process is not None:
            self._process.kill()

    async def stop(self) -> None:
        """Stop the process within its grace period. Does nothing if it does not run."""
        self._open_gate(b"")
        if self._process is not None:
            await self._process.stop(self._grace)
        if self._pipe is not None:
            self._pipe.close()

    def _open_gate(self, word: bytes) -> None:
        """Let a loaded process begin, or with no word end. Does nothing if none waits."""
        if self._gate is None:
            return
        with suppress(BrokenPipeError), os.fdopen(self._gate, "wb", buffering=0) as gate:
            gate.write(word)
        self._gate = None

    async def _listen(self, descriptor: int) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._pulse = Pulse()
        self._pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: self._pulse, os.fdopen(descriptor, "rb")
        )


def wait_to_begin(descriptor: int | None) -> None:
    """Return once the parent lets this service begin; at once where there is no such parent.

    Ends the process if the parent has none begin.
    """
    if descriptor is not None:
        with os.fdopen(descriptor, "rb") as gate:
            if not gate.read(1):
                sys.exit(0)


def report_ready(descriptor: int | None) -> None:
    """Report to the parent, by the pipe that it passed, that this service is ready.

    From then on the event loop reports every `BEAT_INTERVAL` that it runs. Call it in the loop.
    """
    if descriptor is not None:
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().call_soon(_beat, asyncio.get_running_loop(), descriptor)


def _beat(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    try:
        os.write(descriptor, b"1")
    except BlockingIOError:
        pass  # the parent is slow to read; what it has not read says the same
    except OSError:
        return  # the parent has ended, and this process ends with it
    loop.call_later(BEAT_INTERVAL, _beat, loop, descriptor)


class Pulse(asyncio.Protocol):
    """What the parent hears of a service: the first byte says that it is ready, others that its
    event loop runs.
    """

    def __init__(self) -> None:
        self._beaten = asyncio.Event()
        self._closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Note a beat."""
        self._beaten.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that there will be no other: the process has ended."""
        self._closed.set()

    async def begins(self) -> bool:
        """Whether there is a first beat, within `SERVICE_START_TIMEOUT`."""
        beaten = asyncio.create_task(self._beaten.wait())
        closed = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait(
                {beaten, closed},
                timeout=SERVICE_START_TIMEOUT,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return self._beaten.is_set()
        finally:
            beaten.cancel()
            closed.cancel()

    async def stops(self) -> None:
        """Return once `MAX_MISSED_BEATS` are missed in a row.

        They are counted, not timed: while this process is suspended, none is missed.
        """
        missed = 0
        while missed < MAX_MISSED_BEATS:
            self._beaten.clear()
            await asyncio.sleep(BEAT_INTERVAL)
            missed = 0 if self._beaten.is_set() else missed + 1
