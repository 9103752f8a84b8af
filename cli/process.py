"""Child processes that end with their parent."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Self

from cli import die_with_parent as tether

KILLED_WITHIN: Final = 10.0
"""Seconds that the kernel may take to end a process that was killed."""


class OwnedProcess:
    """A child in a session of its own, so that Ctrl-C at a terminal reaches its parent alone."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        output: IO[bytes] | None = None,
        environ: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start `command`, whose first part is a path.

        Without `output` it writes where its parent does; without `environ` it has its parent's.
        """
        wrapped = [sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid())]
        process = await asyncio.create_subprocess_exec(
            *wrapped,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environ,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """Its exit code once it has ended; the negative number of the signal that killed it."""
        return await self._process.wait()

    async def stop(self, grace: float) -> None:
        """Ask it to end, and kill it when it has not done so in `grace` seconds."""
        if self.running:
            # Not by `terminate`: that asks the system whether it has ended, and then nobody else
            # hears with which code.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(grace):
                    await self.wait()
            except TimeoutError:
                self.kill()
                async with asyncio.timeout(KILLED_WITHIN):
                    await self.wait()

    def kill(self) -> None:
        """End it at once, and every process of its session."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
