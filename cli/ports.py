"""The ports that servers listen on: checks of those in the settings before anything is started, and
free ones.
"""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import SettingsError, Unavailable


@dataclass(frozen=True)
class Port:
    """A port to listen on, and the variable that sets it."""

    variable: str
    host: str
    number: int


def check_ports(ports: Sequence[Port]) -> None:
    """Raise SettingsError for a port that is set twice, and Unavailable for one in use."""
    chosen: dict[int, str] = {}
    for port in ports:
        if other := chosen.get(port.number):
            raise SettingsError(f"{other} and {port.variable} are both {port.number}.")
        chosen[port.number] = port.variable
    for port in ports:
        _check(port)


def free_port(host: str) -> int:
    """A port of `host` that nothing listens on. Have a server listen on it at once."""
    with socket.create_server((host, 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


def _check(port: Port) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            port.host, port.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As servers do: closing connections do not block the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            reason = os.strerror(error.errno).lower()
            raise Unavailable(
                f"Port {port.number} on {port.host} cannot be had ({reason}). "
                f"Stop what uses it, or set {port.variable} to another port."
            ) from error
        raise SettingsError(
            f"DIFFY_API_HOST: no server can listen on {port.host} ({error.strerror})."
        ) from error
