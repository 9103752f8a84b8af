"""The processes of an installation."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.eventually import HANG


def processes_of(data_dir: Path) -> dict[int, str]:
    """The processes that run for it, whoever their parent is: their commands by their ids.

    A process that was started for it has its data directory in the environment.
    """
    mark = f"DIFFY_DATA_DIR={data_dir}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = mark in (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue  # it has just ended
        if ours:
            found[int(folder.name)] = command
    return found


@contextmanager
def held_still(pid: int) -> Iterator[None]:
    """The process does nothing in the block, and goes on after it.

    A signal to stop only begins to stop it: until one of its threads has had a turn of the
    processor, the others go on, which on a busy machine may be a quarter of a second.
    """
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + HANG
        while _states_of_threads(pid) != {"T"}:
            assert time.monotonic() < deadline, "it does not stop"
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _states_of_threads(pid: int) -> set[str]:
    found = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has just ended
            found.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return found


def readers() -> set[int]:
    """The processes that read for this one (`activities.extraction.processes`)."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == os.getpid() and b"spawn_main" in command:
            found.add(int(status.parent.name))
    return found
