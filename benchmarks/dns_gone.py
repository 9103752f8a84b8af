"""What clients see while no name resolves, and whether anything is lost.

Run by hand, as root: `.venv/bin/python -m benchmarks.dns_gone silent|servfail|nxdomain [--cut]
[--pages 60] [--seconds 60]`. Site, webhook, Temporal and PostgreSQL are reached by names, for which
a name server of the benchmark answers, in a namespace of mounts. Under load (`benchmarks.fault`) it
says nothing for so many seconds, fails, or denies every name. With `--cut` the connections to
Temporal and PostgreSQL break at its beginning, so that they have to be found by name again.
"""

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.fault import Bench, bench
from benchmarks.name_server import Failing, NameServer, ask_there
from benchmarks.system import free_ports
from cli.embedded import EmbeddedTemporal
from tests.postgres import ACCOUNT, PostgresServer, running_postgres

DATABASE: Final = "diffy"
DATABASE_ADDRESS: Final = "127.0.0.2"
NAMES: Final = {
    "shop.diffy.test": "127.0.0.1",
    "hook.diffy.test": "127.0.0.1",
    "temporal.diffy.test": "127.0.0.1",
    "db.diffy.test": DATABASE_ADDRESS,
}
BREAK_OFF: Final = (
    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'"
)


@asynccontextmanager
async def gone(
    names: NameServer,
    how: Failing,
    watching: Bench,
    said: list[Any],
    cut: tuple[EmbeddedTemporal, PostgresServer] | None,
) -> AsyncIterator[None]:
    """No name resolves inside of the block; at its end `said` is what is told of it."""
    names.failing = how
    if cut is not None:
        server, postgres = cut
        server.kill()
        await server.exited()
        await server.start()
        await asyncio.to_thread(postgres.run, BREAK_OFF)
    try:
        yield
        jobs = await watching.client.ask("GET", "/api/jobs?limit=100")
        channels = await watching.client.ask("GET", "/api/channels")
        said.append(
            {
                "states of jobs": Counter(each["state"] for each in jobs.data or ()),
                "reasons": Counter(each["failedReason"] for each in jobs.data or ()),
                "channel": [each["lastAnswer"] for each in channels.data or ()],
            }
        )
    finally:
        names.failing = None


async def measured(given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """The figures, and what is wrong."""
    ask_there(scratch)
    [port] = free_ports(1)
    server = EmbeddedTemporal(
        database=scratch / "temporal.db", port=port, ui_port=None, log=scratch / "temporal.log"
    )
    await server.start()
    try:
        with running_postgres(listen_addresses=DATABASE_ADDRESS) as postgres:
            await asyncio.to_thread(postgres.run, f"CREATE DATABASE {DATABASE}")
            chosen = {
                "TEMPORAL_ADDRESS": f"temporal.diffy.test:{port}",
                "DIFFY_DATABASE_URL": f"postgresql://{ACCOUNT}@db.diffy.test/{DATABASE}",
                "DIFFY_SECRET_KEY": "k" * 40,
            }
            async with NameServer(NAMES) as names, bench(scratch / "data", **chosen) as watching:
                await watching.prepare(
                    given.pages,
                    watching.site.origin.replace("127.0.0.1", "shop.diffy.test"),
                    watching.receiver.url().replace("127.0.0.1", "hook.diffy.test"),
                )
                said: list[Any] = []
                cut = (server, postgres) if given.cut else None
                fault = gone(names, given.how, watching, said, cut)
                figures = await watching.under(fault, given.seconds)
                health = await watching.client.get("/api/health/watching")
                broken = await watching.client.every("/api/changes?event=watch_broken")
                return {
                    "said": said,
                    **figures,
                    "pages that fail afterwards": health["failing"]["total"],
                    "told as unwatched": len(broken),
                }
    finally:
        await server.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", type=Failing, choices=list(Failing))
    parser.add_argument("--cut", action="store_true", help="break connections off")
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(asyncio.run(measured(given, Path(scratch))), indent=2))


if __name__ == "__main__":
    main()
