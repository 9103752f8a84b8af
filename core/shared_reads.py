"""Reads that are shared by those who ask while another one runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds for which a read waits for the one before it, which may hang."""


class SharedReads(Generic[K, T]):
    """What `read` gives for a key, by a read that begins after the call: it shows what was written
    before.

    All who ask while a read of the key runs share the next one: a thousand that ask at once would
    otherwise be a thousand reads, and each would wait for all of them. A read that takes longer
    than `PATIENCE` holds up nobody but those who share it.
    """

    def __init__(self, read: Callable[[K], Awaitable[T]]) -> None:
        self._read = read
        self._running: dict[K, asyncio.Task[T]] = {}
        self._next: dict[K, asyncio.Task[T]] = {}

    async def get(self, key: K) -> T:
        """What the read of the key gives. Raises what it raises, to all who share it."""
        read = self._next.get(key)
        if read is None:
            read = asyncio.create_task(self._after(self._running.get(key), key))
            read.add_done_callback(_retrieve)
            self._next[key] = read
        # One who gives up leaves the read to the others.
        return await asyncio.shield(read)

    async def _after(self, running: asyncio.Task[T] | None, key: K) -> T:
        if running is not None:
            await asyncio.wait({running}, timeout=PATIENCE)
        read = self._running[key] = self._next.pop(key)
        try:
            return await self._read(key)
        finally:
            if self._running.get(key) is read:
                del self._running[key]


def _retrieve(read: asyncio.Task[T]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not read.cancelled():
        read.exception()
