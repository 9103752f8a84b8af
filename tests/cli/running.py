"""`diffy up` and its parts as real processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.command import DIFFY, ROOT, environment
from tests.eventually import HANG, eventually
from tests.ports import free_port
from tests.processes import processes_of


@dataclass(frozen=True)
class Installation:
    """A data directory and the ports that go with it, over all its starts."""

    data_dir: Path
    api_port: int
    temporal_port: int
    ui_port: int

    @classmethod
    def at(cls, data_dir: Path) -> "Installation":
        """A new one."""
        return cls(data_dir, free_port(), free_port(), free_port())

    @property
    def api(self) -> str:
        """Where its API listens."""
        return f"http://127.0.0.1:{self.api_port}"

    def processes(self) -> dict[int, str]:
        """The processes that run for it: their commands by their ids."""
        return processes_of(self.data_dir)

    def kill(self, part: str) -> int:
        """End the one process whose command has `part` in it as a crash would; its id."""
        [pid] = [pid for pid, command in self.processes().items() if part in command]
        os.kill(pid, signal.SIGKILL)
        return pid


@dataclass(frozen=True)
class Up:
    """A running `diffy up`: its process, what it has printed, where it writes its errors."""

    installation: Installation
    process: asyncio.subprocess.Process
    printed: str
    errors: Path

    async def stop(self, number: signal.Signals) -> tuple[int, dict[int, str]]:
        """Send the signal; the exit code, and the processes that are left, zombies among them."""
        before = self.installation.processes()
        code = await stopped(self.process, number)
        listed = set(os.listdir("/proc"))
        left = {pid: name for pid, name in before.items() if str(pid) in listed}
        return code, left | self.installation.processes()


async def stopped(process: asyncio.subprocess.Process, number: signal.Signals) -> int:
    """The exit code of a process that has been sent the signal."""
    process.send_signal(number)
    async with asyncio.timeout(HANG):
        return await process.wait()


@asynccontextmanager
async def command(
    *arguments: str, data_dir: Path, **variables: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """A process of ours and the file it writes its errors to; killed if it outlives the block."""
    errors = data_dir.with_name("stderr")
    with errors.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=ROOT,
            env=environment(data_dir, DIFFY_ALLOW_PRIVATE_NETWORKS="true", **variables),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        yield process, errors
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def up(installation: Installation, **variables: str) -> AsyncIterator[Up]:
    """`diffy up`, once it has said that everything runs."""
    ports = {
        "DIFFY_API_PORT": str(installation.api_port),
        "DIFFY_TEMPORAL_PORT": str(installation.temporal_port),
        "DIFFY_TEMPORAL_UI_PORT": str(installation.ui_port),
        "DIFFY_HOST_RPS": "1000",
    }
    starting = command(*DIFFY, "up", data_dir=installation.data_dir, **ports, **variables)
    async with starting as (process, errors):
        assert process.stdout is not None
        try:
            async with asyncio.timeout(HANG):
                printed = (await process.stdout.readuntil(b"Ctrl-C")).decode()
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            raise AssertionError(f"it did not start: {errors.read_text()}") from error
        yield Up(installation, process, printed, errors)


class Client(httpx2.AsyncClient):
    """A client of an API that may be away for a moment."""

    def __init__(self, origin: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        super().__init__(base_url=origin, headers=headers, timeout=HANG)

    async def data(self, path: str) -> Any:
        """The `data` of an answer, once there is one."""

        async def ask() -> httpx2.Response | None:
            try:
                answer = await self.get(path)
            except httpx2.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        answer = await eventually(ask, lambda answer: answer is not None)
        assert answer is not None
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def ask(self, path: str, **body: object) -> Any:
        """The `data` of the answer to a POST."""
        answer = await self.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def finished(self, job_id: str) -> Any:
        """A job once it is over."""
        return await eventually(
            lambda: self.data(f"/api/jobs/{job_id}?wait=60"), lambda job: job["finishedAt"]
        )
