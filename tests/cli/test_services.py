"""The pulse of a child process: ready, running, hanging."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from cli.services import Pulse, report_ready, wait_to_begin
from tests.eventually import HANG, eventually


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats that a test does not wait for."""
    monkeypatch.setattr("cli.services.BEAT_INTERVAL", 0.01)
    monkeypatch.setattr("cli.services.MAX_MISSED_BEATS", 3)


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Pulse, int]]:
    """The pulse that a parent listens to, and the descriptor that its child writes to."""
    reading, writing = os.pipe()
    transport, pulse = await asyncio.get_running_loop().connect_read_pipe(
        Pulse, os.fdopen(reading, "rb")
    )
    yield pulse, writing
    transport.close()
    os.close(writing)


async def test_a_service_that_runs_beats_for_as_long_as_its_loop_does(
    ends: tuple[Pulse, int],
) -> None:
    pulse, writing = ends
    report_ready(os.dup(writing))
    assert await pulse.begins()
    stopping = asyncio.create_task(pulse.stops())
    beats = 0

    async def beaten() -> int:
        nonlocal beats
        beats += pulse._beaten.is_set()
        return beats

    await eventually(beaten, lambda count: count >= 10)
    assert not stopping.done()
    stopping.cancel()


async def test_a_service_that_beats_no_more_hangs(ends: tuple[Pulse, int]) -> None:
    pulse, writing = ends
    os.write(writing, b"1")
    assert await pulse.begins()
    async with asyncio.timeout(HANG):
        await pulse.stops()


async def test_one_that_ends_before_it_is_ready_has_not_begun() -> None:
    reading, writing = os.pipe()
    transport, pulse = await asyncio.get_running_loop().connect_read_pipe(
        Pulse, os.fdopen(reading, "rb")
    )
    os.close(writing)
    assert not await pulse.begins()
    transport.close()


async def test_a_parent_that_reads_nothing_does_not_stop_the_service() -> None:
    """The pipe is full, and a write that waits would stop the loop."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"1" * 4096)
    report_ready(writing)
    async with asyncio.timeout(HANG):
        await asyncio.sleep(0.05)
    os.close(reading)


def test_a_service_begins_when_it_is_told_to() -> None:
    waiting, gate = os.pipe()
    os.write(gate, b"1")
    os.close(gate)
    wait_to_begin(waiting)
    wait_to_begin(None)


def test_a_service_whose_parent_gives_up_ends_without_having_begun() -> None:
    waiting, gate = os.pipe()
    os.close(gate)
    with pytest.raises(SystemExit, match="0"):
        wait_to_begin(waiting)
