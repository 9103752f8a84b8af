"""Child processes that end with their parent."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Self

from cli import die_with_parent

KILL_TIMEOUT: Final = 10.0
"""Seconds for the kernel to end a killed process."""


class OwnedProcess:
    """A child process in its own session: Ctrl-C in the terminal does not reach it."""

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
        """Start `command`; its first part is a path.

        By default, the child inherits the output and the environment of its parent.
        """
        wrapped = [
            sys.executable,
            "-I",
            "-S",
            str(Path(die_with_parent.__file__)),
            str(os.getpid()),
        ]
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
        """Whether the process has not ended."""
        return self._process.returncode is None

    async def wait(self) -> int:
        """The exit code, once the process has ended; negative: the signal that killed it."""
        return await self._process.wait()

    async def stop(self, grace: float) -> None:
        """Send SIGTERM, and kill the process if it has not ended after `grace` seconds."""
        if self.running:
            # Not `terminate`: it polls the process, and other waiters would lose the exit code.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(grace):
                    await self.wait()
            except TimeoutError:
                self.kill()
                async with asyncio.timeout(KILL_TIMEOUT):
                    await self.wait()

    def kill(self) -> None:
        """Kill every process of the session."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
