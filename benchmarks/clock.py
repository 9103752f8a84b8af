"""What clients see while the clock is wrong by an hour, and whether anything is lost.

Run by hand: `.venv/bin/python -m benchmarks.clock [--pages 60] [--seconds 20] [--hours 1]`, with
a C compiler installed. The clock of worker and API is set ahead by so many hours, and set back
after so many seconds, under load (`benchmarks.fault`). `--hours -1` has it behind instead. Temporal
is a static program that reads the clock itself: its own stays right, as that of a cluster does
whose workers have a wrong one. The site may be asked twice a second.
"""

import argparse
import asyncio
import json
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.fault import bench

HOST_RPS: Final = 2.0
WINDOW: Final = 5.0
"""Seconds: on a busy machine single requests come late, and the next ones close behind."""


def faked(scratch: Path, clock: Path) -> dict[str, str]:
    """The environment of a system whose clock is wrong by what the file `clock` has."""
    library = scratch / "wrong_clock.so"
    source = Path(__file__).with_name("wrong_clock.c")
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(clock)}


def set_clock(clock: Path, hours: float) -> None:
    """Have the clock be so many hours ahead."""
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("=q", round(hours * 3600)))


@asynccontextmanager
async def wrong(clock: Path, hours: float) -> AsyncIterator[None]:
    """The clock is wrong inside of the block."""
    set_clock(clock, hours)
    try:
        yield
    finally:
        set_clock(clock, 0)


async def measured(scratch: Path, count: int, seconds: float, hours: float) -> dict[str, object]:
    """The figures, and what is wrong."""
    clock = scratch / "clock"
    set_clock(clock, 0)
    settings = {"DIFFY_HOST_RPS": str(HOST_RPS), **faked(scratch, clock)}
    async with bench(scratch / "data", **settings) as watching:
        await watching.prepare(count)
        began = time.monotonic()
        figures = await watching.under(wrong(clock, hours), seconds)
        moments = [each.at for each in watching.site.requests if each.at >= began]
        most = max(sum(each <= at < each + WINDOW for at in moments) for each in moments)
        longest = max(after - before for before, after in pairwise(moments))
        return {
            **figures,
            "requests to the site": len(moments),
            f"most of them in {WINDOW:g} s": most,
            "longest seconds between two": round(longest, 1),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--hours", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = measured(Path(scratch), given.pages, given.seconds, given.hours)
        print(json.dumps(asyncio.run(work), indent=2))


if __name__ == "__main__":
    main()
