"""Free ports on loopback."""

import os
import socket
from itertools import count
from typing import Final

FIRST: Final = 10_000
"""Below the ports that systems give to connections: one of those could take a port between the
moment it was found free and the moment a server listens on it."""

OF_A_PROCESS: Final = 4_000
"""Ports that one of the processes that share the tests has for itself."""

_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 5
_steps = count(os.getpid() % OF_A_PROCESS)


def free_port() -> int:
    """A port that nothing listens on, and that is given to nobody else."""
    for step in _steps:
        port = FIRST + _process * OF_A_PROCESS + step % OF_A_PROCESS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the steps have no end")
