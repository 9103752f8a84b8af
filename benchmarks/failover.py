"""What clients see while PostgreSQL fails over to its standby, and whether anything is lost.

Run by hand: `.venv/bin/python -m benchmarks.failover [--pages 60] [--seconds 15] [--behind 5]`. A
system as `make up` runs it has its store in PostgreSQL, with a standby that follows synchronously.
The primary is killed under load (`benchmarks.fault`), and the standby promoted after so many
seconds. Nothing that was acknowledged may be lost.

`--behind SECONDS` is for a standby that follows asynchronously and received nothing for so long
before the primary died: what was acknowledged meanwhile is lost, and is counted here.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.fault import Bench, bench
from benchmarks.system import Part
from tests.eventually import eventually
from tests.postgres import PostgresServer, running_postgres

SYNCHRONOUS: Final = {"synchronous_commit": "on", "synchronous_standby_names": "*"}
DATABASE: Final = "diffy"

SENDERS: Final = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"


@asynccontextmanager
async def failing_over(primary: PostgresServer, standby: PostgresServer) -> AsyncIterator[None]:
    """The primary is dead, and after the block the standby is the primary."""
    await asyncio.to_thread(primary.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(standby.promote)


async def following(primary: PostgresServer, count: int) -> None:
    """Return once so many standbys follow the server."""

    async def followers() -> object:
        return await asyncio.to_thread(primary.value, SENDERS)

    await eventually(followers, lambda found: found == count)


async def cut_off(standby: PostgresServer, primary: PostgresServer) -> None:
    """Have the standby receive nothing more."""
    await asyncio.to_thread(standby.run, "ALTER SYSTEM SET primary_conninfo = ''")
    await asyncio.to_thread(standby.run, "SELECT pg_reload_conf()")
    await following(primary, 0)


async def told_of(watching: Bench) -> set[str]:
    """The changes that clients were shown."""
    return {each["id"] for each in await watching.client.every("/api/changes?event=change")}


async def lost(
    watching: Bench, primary: PostgresServer, standby: PostgresServer, behind: float
) -> dict[str, Any]:
    """What clients had and the promoted standby has not, if it was so many seconds behind."""
    pages = list(watching.pages)
    await cut_off(standby, primary)
    watching.show(len(pages), "$129")
    jobs = await watching.crawl({url: f"lost-{n}" for n, url in enumerate(pages)})
    await asyncio.sleep(behind)
    had = await told_of(watching)
    async with failing_over(primary, standby):
        pass
    await watching.healthy()
    ended = [await watching.ended(job) for job in jobs.values()]
    has = await told_of(watching)
    again = await watching.crawl({url: f"again-{n}" for n, url in enumerate(pages)})
    for job in again.values():
        await watching.ended(job)
    found = await watching.client.every("/api/changes?event=change")
    return {
        "jobs accepted while the standby was behind": len(jobs),
        "of them ended": sum(1 for each in ended if each["finishedAt"]),
        "changes that clients were shown": len(had),
        "of them lost": len(had - has),
        "pages whose change is stored after another check": len({each["url"] for each in found}),
        "processes that live": sum(watching.diffy.pid(part) is not None for part in Part),
        "answers that no outage excuses": watching.client.wrong,
    }


async def measured(given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """The figures, and what is wrong."""
    settings = {} if given.behind else SYNCHRONOUS
    with ExitStack() as stack:
        primary = stack.enter_context(running_postgres(**settings))
        standby = stack.enter_context(running_postgres(primary))
        await following(primary, 1)
        await asyncio.to_thread(primary.run, f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        chosen = {
            "DIFFY_DATABASE_URL": primary.url_with(standby, DATABASE),
            "DIFFY_SECRET_KEY": "k" * 40,
        }
        async with bench(scratch / "data", **chosen) as watching:
            await watching.prepare(given.pages)
            if given.behind:
                return await lost(watching, primary, standby, given.behind)
            return await watching.under(failing_over(primary, standby), given.seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=15.0, help="until the promotion")
    parser.add_argument("--behind", type=float, default=0.0, help="seconds of asynchrony")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(asyncio.run(measured(given, Path(scratch))), indent=2))


if __name__ == "__main__":
    main()
