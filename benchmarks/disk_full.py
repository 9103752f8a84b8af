"""What clients see while the disk is full, and whether anything is lost.

Run by hand, as root: `.venv/bin/python -m benchmarks.disk_full [--pages 60] [--seconds 30]`.
A system as `make up` runs it keeps everything on a file system of 200 MB, which is filled to the
last byte for so many seconds (`benchmarks.fault`).
"""

import argparse
import asyncio
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks.fault import bench

SIZE: Final = "200m"


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of `SIZE`, for the length of the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "disk")
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True
        )
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@asynccontextmanager
async def full(folder: Path) -> AsyncIterator[None]:
    """A file takes all the space that is left, for the length of the block."""
    filler = folder / "filler"
    for size in (65_536, 1):
        with filler.open("ab", buffering=0) as written, suppress(OSError):
            while True:
                written.write(b"x" * size)
    try:
        yield
    finally:
        filler.unlink()


async def measured(folder: Path, count: int, seconds: float) -> dict[str, object]:
    """The figures, and what is wrong."""
    async with bench(folder / "data") as watching:
        await watching.prepare(count)
        return await watching.under(full(folder), seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    with small_disk() as folder:
        print(json.dumps(asyncio.run(measured(folder, given.pages, given.seconds)), indent=2))


if __name__ == "__main__":
    main()
