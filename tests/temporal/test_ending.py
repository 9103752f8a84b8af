"""How a program ends that has used Temporal."""

import asyncio
import sys

from cli.embedded import EmbeddedTemporal
from tests.cli.command import ROOT

PROGRAM = """
import asyncio, sys
from temporalio.client import Client
from temporal.ending import release

async def main():
    client = await Client.connect(sys.argv[1])
    await client.count_workflows("")

asyncio.run(main())
release()
"""
AT_ONCE = 10
"""Without `release` about every third of as many at once crashed on two cores."""


async def test_programs_that_release_their_clients_end_with_0(temporal: EmbeddedTemporal) -> None:
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, temporal.address, cwd=ROOT
        )
        for _ in range(AT_ONCE)
    ]
    assert [await program.wait() for program in programs] == [0] * AT_ONCE
