"""Being the one that Ctrl-C reaches, also under `make`.

A terminal sends SIGINT to its whole foreground process group. GNU make dies of it and reports a
failure, however well its child stops. So the child takes the foreground for a group of its own.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_foreground() -> Iterator[None]:
    """Hold the terminal's foreground for this process alone; at the end, give it back.

    For a process that ends with the block: it stays in its new group. Changes nothing without a
    terminal, in the background, or in a group led by this process: a shell has given it the
    terminal then.
    """
    terminal = _terminal()
    if terminal is None:
        yield
        return
    group = os.getpgrp()
    # To take the foreground from the background is otherwise an offence; and nobody would
    # notice that this process was suspended, and bring it back.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        # The terminal may be gone, and so may the group.
        with suppress(OSError):
            os.tcsetpgrp(terminal, group)


def _terminal() -> int | None:
    if sys.stdin is None or not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        return None
    terminal = sys.stdin.fileno()
    return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
