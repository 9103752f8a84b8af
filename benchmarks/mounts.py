"""Files of the system that a benchmark and its processes see otherwise than all others do."""

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000
"""Of sched.h; `os.unshare` comes with Python 3.12."""


def own_mounts() -> None:
    """Have this process, and those that it starts, see mounts of their own. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def put_in_place(source: Path, place: Path) -> None:
    """Show `source` where `place` is, once the mounts are our own."""
    subprocess.run(["mount", "--bind", str(source), str(place)], check=True)
