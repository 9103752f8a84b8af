"""The supervisor: starts together, starts again, stops in order."""

import asyncio
from dataclasses import dataclass, field

import pytest

from cli.supervisor import keep, supervised
from core.errors import Unavailable
from tests.eventually import eventually


@dataclass
class FakeService:
    """A service whose end a test decides; `journal` is shared to see the order."""

    name: str
    journal: list[str] = field(default_factory=list)
    failing_starts: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Start, or fail as often as it should."""
        if self.failing_starts > 0:
            self.failing_starts -= 1
            raise Unavailable(f"{self.name} did not start.")
        self.ended.clear()
        self.hanging.clear()
        self.journal.append(f"{self.name} started")

    async def exited(self) -> int:
        """Wait for the test to end it."""
        await self.ended.wait()
        return 1

    async def hung(self) -> str:
        """Wait for the test to let it hang."""
        await self.hanging.wait()
        return "did not respond"

    def kill(self) -> None:
        """End it as a crash would."""
        self.journal.append(f"{self.name} killed")
        self.ended.set()

    async def stop(self) -> None:
        """End it."""
        self.journal.append(f"{self.name} stopped")
        self.ended.set()


async def test_services_are_stopped_in_the_order_given() -> None:
    journal: list[str] = []
    async with supervised([FakeService("a", journal), FakeService("b", journal)]):
        assert sorted(journal) == ["a started", "b started"]
    assert journal[2:] == ["a stopped", "b stopped"]


async def test_one_that_does_not_start_stops_the_other() -> None:
    journal: list[str] = []
    services = [FakeService("a", journal), FakeService("b", journal, failing_starts=1)]
    with pytest.raises(Unavailable, match="b did not start"):
        async with supervised(services):
            pytest.fail("the block must not run")
    assert "a stopped" in journal


async def test_what_ends_is_started_again_also_when_starting_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = FakeService("a", failing_starts=2)
    service.ended.set()
    keeper = asyncio.create_task(keep(service, first_backoff=0.01))

    async def starts() -> int:
        return service.journal.count("a started")

    await eventually(starts, lambda count: count == 1)
    service.ended.set()
    await eventually(starts, lambda count: count == 2)
    keeper.cancel()
    assert "a ended with code 1" in caplog.text


async def test_what_hangs_is_killed_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    service = FakeService("a")
    await service.start()
    keeper = asyncio.create_task(keep(service, first_backoff=0.01))
    service.hanging.set()

    async def journal() -> list[str]:
        return list(service.journal)

    await eventually(journal, lambda seen: len(seen) == 3)
    keeper.cancel()
    assert service.journal == ["a started", "a killed", "a started"]
    assert "a did not respond and was killed; starting it again" in caplog.text
