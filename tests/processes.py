"""The processes of an installation."""

import os
from pathlib import Path


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
