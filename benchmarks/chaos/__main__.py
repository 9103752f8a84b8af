"""Kills parts of a running system under load and audits what is left: `make chaos`.

At least 300 jobs of every kind are asked for while the worker, the API, the Temporal server and
all of `diffy up` die by SIGKILL and SIGTERM, alone and together, the database is locked or gone,
and Temporal is gone or hangs. Afterwards every accepted job must have ended, each once, and what
is stored must be what the site showed, once and in order. What is struck, when, and what is asked
for follows from the seed, which is printed. Prints the figures as JSON; exit code 1 when the audit
finds anything.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.chaos.faults import planned
from benchmarks.chaos.run import Report, run, site_of
from benchmarks.system import Diffy
from tests.postgres import running_postgres

PAUSE: Final = (1.0, 6.0)
"""Seconds before each fault."""


async def under_fire(given: argparse.Namespace, data: Path) -> Report:
    """The report of one run."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres()) if given.postgres else None
        settings = {}
        if postgres:
            settings["DIFFY_DATABASE_URL"] = stack.enter_context(postgres.database())
        async with site_of() as site:
            diffy = Diffy(data, **settings)
            try:
                report = await run(
                    diffy,
                    site,
                    seed=given.seed,
                    jobs=given.jobs,
                    faults=planned(random.Random(given.seed), given.faults, postgres),
                    pause=PAUSE,
                )
            finally:
                stopped = diffy.stop()
                given.errors.write_bytes(diffy.errors.read_bytes())
            if stopped["exit_code"] or stopped["processes_left"]:
                report.wrong.append(f"Ctrl-C: {stopped}")
            return report


def main() -> None:
    """Run the load and the faults, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--jobs", type=int, default=300, help="how many at least")
    parser.add_argument("--faults", type=int, default=20, help="each kind once, then any")
    parser.add_argument("--postgres", action="store_true", help="keep the store in PostgreSQL")
    errors = Path(tempfile.gettempdir(), "diffy-chaos.log")
    parser.add_argument("--errors", type=Path, default=errors, help="what the system wrote")
    given = parser.parse_args()
    print(f"seed {given.seed}; the system's own words: {given.errors}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        report = asyncio.run(under_fire(given, Path(scratch, "data")))
    print(json.dumps({"seed": given.seed, **asdict(report)}, indent=2))
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
