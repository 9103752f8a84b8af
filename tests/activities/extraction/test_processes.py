"""Processes that read: how they end, and what becomes of what they were at."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import activities.extraction.processes
from activities.extraction.processes import ReadingProcess
from core.errors import InternalError
from tests.eventually import eventually
from tests.processes import readers

ENDLESS = 3600
"""Seconds."""


@pytest.fixture
def process() -> Iterator[ReadingProcess]:
    """A process that reads numbers."""
    process = ReadingProcess()
    yield process
    process.end()


async def under_way(process: ReadingProcess) -> tuple[asyncio.Task[None], int]:
    """A reading that has no end, and the process that is at it."""
    before = readers()
    task = asyncio.create_task(process.run(time.sleep, ENDLESS))

    async def started() -> set[int]:
        return readers() - before

    [pid] = await eventually(started, bool)
    return task, pid


async def test_one_process_reads_one_document_after_the_other(process: ReadingProcess) -> None:
    before = readers()
    assert await process.run(abs, -1) == 1
    started = readers() - before
    assert await process.run(abs, -2) == 2
    assert readers() - before == started
    assert len(started) == 1
    process.end()
    assert readers() == before


async def test_a_process_without_work_ends_and_the_next_document_starts_another(
    process: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "IDLE_TIMEOUT", 0.2)
    before = readers()
    assert await process.run(abs, -1) == 1

    async def left() -> set[int]:
        return readers() - before

    await eventually(left, lambda pids: not pids)
    assert await process.run(abs, -2) == 2
    assert await left()


async def test_a_process_does_not_end_over_a_document_that_takes_longer_than_it_may_idle(
    process: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "IDLE_TIMEOUT", 0.2)
    assert await process.run(abs, -1) == 1
    await process.run(time.sleep, 0.5)
    assert await process.run(abs, -2) == 2


async def test_a_document_outlives_the_death_of_its_process(process: ReadingProcess) -> None:
    before = readers()
    assert await process.run(abs, -1) == 1
    [pid] = readers() - before
    os.kill(pid, signal.SIGKILL)
    assert await process.run(abs, -2) == 2


async def test_a_document_over_which_two_processes_die_fails_and_no_other(
    process: ReadingProcess,
) -> None:
    before = readers()
    task, first = await under_way(process)
    os.kill(first, signal.SIGKILL)

    async def another() -> set[int]:
        return readers() - before - {first}

    [second] = await eventually(another, bool)
    os.kill(second, signal.SIGKILL)
    with pytest.raises(InternalError, match="crashed over the page"):
        await task
    assert await process.run(abs, -1) == 1


async def test_a_cancelled_reading_leaves_the_process_usable(process: ReadingProcess) -> None:
    before = readers()
    task, pid = await under_way(process)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pid not in readers()
    assert await process.run(abs, -1) == 1
    assert len(readers() - before) == 1


async def test_a_document_that_takes_too_long_is_given_up(
    process: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = readers()
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENT_TIMEOUT", 0.1)
    with pytest.raises(TimeoutError):
        await process.run(sum, range(10**12))
    assert readers() == before
    # What counts is what it computes, not how long a busy machine makes it wait.
    await process.run(time.sleep, 0.5)
    monkeypatch.setattr(activities.extraction.processes, "HANG_TIMEOUT", 0.2)
    with pytest.raises(InternalError, match="hung over the page"):
        await process.run(time.sleep, ENDLESS)
    assert readers() == before
    monkeypatch.undo()
    assert await process.run(abs, -1) == 1


async def test_a_process_is_replaced_after_some_documents(
    process: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.extraction.processes, "DOCUMENTS_PER_PROCESS", 2)
    before, seen = readers(), set()
    for _ in range(3):
        await process.run(abs, -1)
        seen |= readers() - before
    assert len(seen) == 2
    assert len(readers() - before) == 1


OWNER = """
import asyncio, time
from activities.extraction.processes import ReadingProcess

async def main():
    process = ReadingProcess()
    await process.run(abs, -1)
    print(*process._pool._processes, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_processes_end_with_their_parent_and_write_nothing(tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert owner.stdout is not None
    child = int(await owner.stdout.readline())
    assert alive(child)
    owner.kill()
    await owner.wait()

    async def still_there() -> bool:
        return alive(child)

    await eventually(still_there, lambda there: not there)
    # The log of the owner is theirs too, and their lines would not have its form.
    assert owner.stderr is not None
    assert await owner.stderr.read() == b""


def alive(process: int) -> bool:
    """Whether the process runs; one that nobody has buried yet does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
