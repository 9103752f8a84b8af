"""How a program ends that has used Temporal."""

import asyncio
import subprocess
import sys

from cli.embedded import EmbeddedTemporal
from tests.cli.command import ROOT

PROGRAM = """
import asyncio, gc, sys
from temporalio.client import Client
from temporal.shutdown import release

async def main():
    client = await Client.connect(sys.argv[1])
    await client.count_workflows("")

def clients():
    return sum(isinstance(each, Client) for each in gc.get_objects())

gc.disable()
asyncio.run(main())
before = clients()
release()
print(before, clients())
"""


async def test_release_lets_go_of_the_clients_that_could_crash_the_end(
    temporal: EmbeddedTemporal,
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, temporal.address, cwd=ROOT, stdout=subprocess.PIPE
    )
    printed, _ = await program.communicate()
    assert printed == b"1 0\n"
    assert program.returncode == 0
