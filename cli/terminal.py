"""Takes the foreground of the terminal, so that Ctrl-C under `make` reaches this process only.

A terminal sends SIGINT to its whole foreground process group. GNU make dies of it and reports a
failure, even if its child stops cleanly. So the child moves to a group of its own, and takes the
foreground.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_foreground() -> Iterator[None]:
    """Hold the foreground of the terminal for the length of the block, then return it.

    The process stays in its new group, so it should end after the block. Does nothing without a
    terminal, in the background, or if this process leads its group: a shell has put it into the
    foreground then.
    """
    terminal = _terminal()
    if terminal is None:
        yield
        return
    group = os.getpgrp()
    # SIGTTOU would stop a process that changes the foreground from the background. SIGTSTP would
    # suspend this process, and no shell would resume it.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        # The terminal or the group may no longer exist.
        with suppress(OSError):
            os.tcsetpgrp(terminal, group)


def _terminal() -> int | None:
    if sys.stdin is None or not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        return None
    terminal = sys.stdin.fileno()
    return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
