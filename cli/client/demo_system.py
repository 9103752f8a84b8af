"""The system of `diffy demo`: `diffy up` in a folder of its own, as a child process."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from cli import die_with_parent
from cli.client.errors import ClientError
from cli.client.profiles import Connection

STOP_TIMEOUT: Final = 60.0
"""Seconds until a system that was told to stop is killed."""

READY: Final = "Ctrl-C"
"""How the line begins by which `diffy up` says that everything runs."""

HOST: Final = "127.0.0.1"


@contextmanager
def running_system(folder: Path) -> Iterator[tuple[Connection, str]]:
    """A system that keeps its data in `folder`, for the length of the block: how to use it, and
    the address of its Temporal web UI.

    Raises ClientError if it does not start.
    """
    api_port, temporal_port, ui_port = _free_ports(3)
    key = f"demo-{secrets.token_urlsafe(24)}"
    settings = {
        "DIFFY_DATA_DIR": str(folder / "data"),
        "DIFFY_API_PORT": str(api_port),
        "DIFFY_TEMPORAL_PORT": str(temporal_port),
        "DIFFY_TEMPORAL_UI_PORT": str(ui_port),
        "DIFFY_BOOTSTRAP_API_KEY": key,
        "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
        "DIFFY_HOST_RPS": "100",
    }
    log = folder / "system.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*_owned(), sys.executable, "-P", "-m", "cli.main", "up"],
            env=_environment(os.environ, settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # Ctrl-C is for the demo, which then stops the system.
            start_new_session=True,
            text=True,
        )
    try:
        assert process.stdout is not None
        if not any(line.startswith(READY) for line in process.stdout):
            said = log.read_text(encoding="utf-8", errors="replace").strip()
            raise ClientError(f"The demo's system did not start: {said or 'it said nothing'}")
        connection = Connection(f"http://{HOST}:{api_port}", key)
        yield connection, f"http://{HOST}:{ui_port}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _owned() -> list[str]:
    """The words before a command that make it end with this process, even if that is killed."""
    program = str(Path(die_with_parent.__file__))
    return [sys.executable, "-I", "-S", program, str(os.getpid())]


def _environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment with these settings, and no others of ours or of Temporal."""
    ours = ("DIFFY_", "TEMPORAL_")
    return {k: v for k, v in environ.items() if not k.startswith(ours)} | dict(settings)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
