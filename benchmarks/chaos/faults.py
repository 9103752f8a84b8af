"""What is done to a running system, one fault after the other."""

import asyncio
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from benchmarks.chaos.client import Client
from benchmarks.system import Diffy, Part
from tests.postgres import PostgresServer

BACK_WITHIN: Final = 60.0
"""Seconds after a fault within which everything must answer again."""

BEYOND_BUSY: Final = 13.0
"""Seconds that SQLite is locked: longer than anybody waits for a lock."""


class Fault(Protocol):
    """One fault."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Do it; returns once nothing is held down any more. What is dead may still be so."""


@dataclass(frozen=True)
class Kill:
    """A signal to some parts at once; `up` is started again afterwards, the others by `up`."""

    parts: tuple[Part, ...]
    number: signal.Signals

    @property
    def name(self) -> str:
        """The parts and the signal."""
        return f"{'+'.join(part.name.lower() for part in self.parts)} {self.number.name}"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Signal them, each as soon as it runs."""
        for part in self.parts:
            await _once(partial(diffy.kill, part, self.number))
        if Part.UP in self.parts:
            code = await asyncio.to_thread(diffy.ended)
            if code != (0 if self.number == signal.SIGTERM else -self.number):
                client.wrong.append(f"{self.name}: exit code {code}")
            # The kernel ends the children of one that was killed.
            await _once(lambda: not diffy.processes())
            diffy.start()
            await well(client)  # a part that dies before all of them run ends `up`


@dataclass(frozen=True)
class Gone:
    """Temporal dies again whenever it is started, for a while."""

    seconds: float

    @property
    def name(self) -> str:
        """The fault."""
        return "Temporal gone"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Kill it for `seconds`; the API must answer 503 meanwhile, and outlive it."""
        api = diffy.pid(Part.API)
        deadline = time.monotonic() + self.seconds
        killed = False
        while time.monotonic() < deadline or not killed:
            killed |= diffy.kill(Part.SERVER)
            await _told_unavailable(client, self.name)
            await asyncio.sleep(0.1)
        await _well_again(diffy, client, self.name, api)


@dataclass(frozen=True)
class Hung:
    """Temporal accepts connections and never answers, for a while."""

    seconds: float

    @property
    def name(self) -> str:
        """The fault."""
        return "Temporal hung"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Stop its process for `seconds`."""
        await well(client)
        api = diffy.pid(Part.API)
        await _once(partial(diffy.kill, Part.SERVER, signal.SIGSTOP))
        try:
            await asyncio.sleep(self.seconds)  # whoever asks meanwhile is the watchers
        finally:
            diffy.kill(Part.SERVER, signal.SIGCONT)
        await _well_again(diffy, client, self.name, api)


@dataclass(frozen=True)
class Replayed:
    """While Temporal hangs, requests that were carried out long ago come again with their keys."""

    count: int

    @property
    def name(self) -> str:
        """The fault."""
        return "requests replayed while Temporal hung"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Stop its process until `count` of them, the first one too, are answered: as they were
        before, or that Temporal is away.
        """
        await well(client)
        api = diffy.pid(Part.API)
        every = list(client.done)
        keys = every[:1] + every[1 :: max(1, len(every) // self.count)]
        await _once(partial(diffy.kill, Part.SERVER, signal.SIGSTOP))
        try:
            await asyncio.gather(*(_replay(client, key, self.name) for key in keys))
        finally:
            diffy.kill(Part.SERVER, signal.SIGCONT)
        await _well_again(diffy, client, self.name, api)


@dataclass(frozen=True)
class Locked:
    """Another connection holds the lock of the SQLite file."""

    seconds: float

    @property
    def name(self) -> str:
        """The fault."""
        return "database locked"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Hold it for `seconds`."""
        await asyncio.to_thread(_lock, diffy, self.seconds)


@dataclass(frozen=True)
class PostgresAway:
    """PostgreSQL is stopped and started again."""

    server: PostgresServer
    seconds: float

    @property
    def name(self) -> str:
        """The fault."""
        return "database gone"

    async def strike(self, diffy: Diffy, client: Client) -> None:
        """Keep it stopped for `seconds`."""
        self.server.stop()
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.server.start()


def kills() -> Iterator[Kill]:
    """Every part alone and together, by both signals."""
    for number in (signal.SIGKILL, signal.SIGTERM):
        for part in Part:
            yield Kill((part,), number)
        yield Kill((Part.WORKER, Part.SERVER), number)
        yield Kill((Part.WORKER, Part.API, Part.SERVER), number)


def planned(chance: random.Random, count: int, postgres: PostgresServer | None) -> list[Fault]:
    """Every fault once, in an order of chance, and then any of them until there are `count`."""
    away: Fault = PostgresAway(postgres, 8) if postgres else Locked(BEYOND_BUSY)
    kinds: list[Fault] = [*kills(), away, Gone(8), Hung(8), Replayed(20)]
    first = chance.sample(kinds, len(kinds))
    return (first + chance.choices(kinds, k=count))[:count]


async def well(client: Client) -> None:
    """Return once everything answers. Raises TimeoutError when it does not in time."""
    async with asyncio.timeout(BACK_WITHIN):
        while True:
            if (await client.ask("GET", "/health")).ok:
                return
            await asyncio.sleep(0.1)


async def _once(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(BACK_WITHIN):
        while True:
            if holds():
                return
            await asyncio.sleep(0.05)


async def _replay(client: Client, key: str, fault: str) -> None:
    done = client.done[key]
    answer = await client.ask(done.method, done.path, done.body, key=key)
    if answer.ok and answer.data != done.data:
        client.wrong.append(f"{fault}: {done.path} was answered {answer.data} after {done.data}")
    if not answer.ok and answer.status not in (0, 503):
        client.wrong.append(f"{fault}: {done.path} was answered {answer.status}")


async def _told_unavailable(client: Client, fault: str) -> None:
    answer = await client.ask("GET", "/api/jobs/stats")
    # It may have been up for a moment between two deaths; never anything else.
    if answer.status not in (0, 200, 503):
        client.wrong.append(f"{fault}: the API answered {answer.status}")


async def _well_again(diffy: Diffy, client: Client, fault: str, api: int | None) -> None:
    with suppress(TimeoutError):
        await well(client)
        if api is not None and diffy.pid(Part.API) != api:
            client.wrong.append(f"{fault}: the API was started again for it")
        return
    client.wrong.append(f"{fault}: no answer within {BACK_WITHIN:g} s after it")


def _lock(diffy: Diffy, seconds: float) -> None:
    other = sqlite3.connect(diffy.data / "diffy.db", isolation_level=None, timeout=BACK_WITHIN)
    try:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
    finally:
        other.close()
