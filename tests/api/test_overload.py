"""What the API answers when Temporal takes no more requests for now."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from tests.eventually import HANG
from tests.ports import free_port
from tests.system import System, running_system


class Slow(EmbeddedTemporal):
    """A server that lists and counts workflows twice a second and not more often."""

    def _arguments(self) -> Iterator[str]:
        yield from super()._arguments()
        yield from ("--dynamic-config-value", "frontend.namespaceRPS.visibility=2")
        yield from ("--dynamic-config-value", "frontend.namespaceBurstRatio.visibility=1")


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[System]:
    """A system whose Temporal server takes few requests."""
    server = Slow(database=None, port=free_port(), ui_port=None, log=tmp_path / "temporal.log")
    await server.start()
    settings = Settings(data_dir=tmp_path, temporal_address=server.address)
    async with running_system(settings) as system:
        yield system
    await server.stop()


async def test_too_many_requests_are_told_so_and_when_to_come_again(slow: System) -> None:
    async with asyncio.timeout(HANG):
        answers = await asyncio.gather(
            *(slow.api.get(f"/api/jobs?limit={n}") for n in range(1, 31))
        )
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED"), answer.text
        assert set(answer.json()) == {"error", "code"}
        assert int(answer.headers["Retry-After"]) > 0
    # What asks nothing of visibility is answered all the while.
    assert (await slow.api.get("/api/domains")).status_code == 200
