"""Reads that are shared by those who ask while another one runs."""

import asyncio

import pytest

from core.shared_reads import SharedReads


class Source:
    """What is read: each read waits until it may end, and gives what was written when it began."""

    def __init__(self) -> None:
        self.written = 0
        self.begun: list[str] = []
        self.may_end = asyncio.Event()

    async def read(self, key: str) -> int:
        self.begun.append(key)
        seen = self.written
        await self.may_end.wait()
        if seen < 0:
            raise ValueError(seen)
        return seen


async def under_way(*asked: "asyncio.Task[int]") -> None:
    """Let those who ask get as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(each.done() for each in asked)


async def test_who_asks_while_a_read_runs_shares_the_next_one() -> None:
    source = Source()
    reads = SharedReads(source.read)
    first = asyncio.create_task(reads.get("a"))
    await under_way(first)
    source.written = 1
    others = [asyncio.create_task(reads.get("a")) for _ in range(50)]
    elsewhere = asyncio.create_task(reads.get("b"))
    await under_way(first, elsewhere, *others)
    assert source.begun == ["a", "b"]
    source.may_end.set()
    assert await first == 0
    assert await asyncio.gather(*others) == [1] * 50, "their read began after they asked"
    assert source.begun == ["a", "b", "a"]
    source.written = 2
    assert await reads.get("a") == 2


async def test_a_read_that_hangs_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.shared_reads.PATIENCE", 0.01)
    begun = 0

    async def read(_: str) -> int:
        nonlocal begun
        begun += 1
        if begun == 1:
            await asyncio.Event().wait()
        return begun

    reads = SharedReads(read)
    hanging = asyncio.create_task(reads.get("a"))
    await under_way(hanging)
    assert await asyncio.gather(*(reads.get("a") for _ in range(20))) == [2] * 20
    assert await reads.get("a") == 3
    assert not hanging.done()
    hanging.cancel()


async def test_an_error_is_told_to_all_who_share_it_and_to_no_one_else() -> None:
    source = Source()
    source.written = -1
    source.may_end.set()
    reads = SharedReads(source.read)
    found = await asyncio.gather(*(reads.get("a") for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError] * 3
    source.written = 1
    assert await reads.get("a") == 1


async def test_one_who_gives_up_leaves_the_read_to_the_others() -> None:
    source = Source()
    reads = SharedReads(source.read)
    impatient, patient = [asyncio.create_task(reads.get("a")) for _ in range(2)]
    await under_way(impatient, patient)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    source.may_end.set()
    assert await patient == 0
    assert source.begun == ["a"]
