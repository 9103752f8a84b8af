"""A whole system on free ports, as `make up` runs it, for the benchmarks."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx2

from tests.processes import processes_of

KEY = "benchmark-key-0123456789"
T = TypeVar("T")

STOPS_WITHIN: Final = 60.0
"""Seconds that a whole system may take to stop."""


class Part(StrEnum):
    """The processes of a system, by what their commands have in them."""

    WORKER = "cli.main worker "
    API = "cli.main api "
    SERVER = "start-dev "
    EXTRACTOR = "spawn_main"
    UP = "cli.main up "


def until(read: Callable[[], T], holds: Callable[[T], bool], within: float = 900) -> T:
    """What `read` gives once it `holds`."""
    deadline = time.monotonic() + within
    while not holds(seen := read()):
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {within} s: {seen}")
        time.sleep(0.25)
    return seen


def used_bytes(database: Path) -> int:
    """The bytes of an SQLite file that are in use, without what its deletions left free."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
        [used] = connection.execute(
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        ).fetchone()
    return int(used)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Diffy:
    """A whole system on free ports, as `make up` runs it, and a client of its API.

    `settings` are environment variables beside, or in place of, those that the benchmarks need;
    `environ` is the environment that it runs in.
    """

    def __init__(self, data: Path, **settings: str) -> None:
        api, temporal, ui = free_ports(3)
        self.data = data
        self.origin = f"http://127.0.0.1:{api}"
        self.temporal = f"127.0.0.1:{temporal}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DIFFY_", "TEMPORAL_"))}
        self.environ = {
            **kept,
            "DIFFY_DATA_DIR": str(data),
            "DIFFY_API_PORT": str(api),
            "DIFFY_TEMPORAL_PORT": str(temporal),
            "DIFFY_TEMPORAL_UI_PORT": str(ui),
            "DIFFY_BOOTSTRAP_API_KEY": KEY,
            "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
            "DIFFY_HOST_RPS": "10000",
            **settings,
        }
        self._http = httpx2.Client(base_url=self.origin, headers={"Authorization": f"Bearer {KEY}"})
        self.start()

    @property
    def errors(self) -> Path:
        """What it has written on standard error, over all its starts."""
        return self.data / "stderr"

    def start(self) -> None:
        """Start it; after it has ended, on the same data and ports."""
        self.data.mkdir(parents=True, exist_ok=True)
        with self.errors.open("ab") as errors:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "up"],
                cwd=Path(__file__).parents[1],
                env=self.environ,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker beside that of `diffy up`, which the caller has to end."""
        with self.errors.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "cli.main", "worker"],
                cwd=Path(__file__).parents[1],
                env={**self.environ, "TEMPORAL_ADDRESS": self.temporal},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def get(self, path: str) -> Any:
        """The `data` of an answer."""
        return self._answered(self._http.get(path))

    def meta(self, path: str) -> Any:
        """The `meta` of an answer."""
        return self._http.get(path).raise_for_status().json()["meta"]

    def post(self, path: str, body: object, *, key: str | None = None) -> Any:
        """The same, for a body that is sent; under an Idempotency-Key where one is given."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._answered(self._http.post(path, json=body, headers=headers))

    @staticmethod
    def _answered(answer: httpx2.Response) -> Any:
        answer.raise_for_status()
        return answer.json()["data"]

    def healthy(self) -> bool:
        """Whether everything answers."""
        try:
            return self._http.get("/health").is_success
        except httpx2.TransportError:
            return False

    def ready(self) -> Any:
        """What `/readyz` answers, whether all is well or not."""
        return self._http.get("/readyz").json()

    def workers(self) -> str:
        """What `/readyz` says of the workers."""
        checks: list[dict[str, str]] = self.ready()["checks"]
        return next((each["detail"] for each in checks if each["name"] == "workers"), "")

    def processes(self) -> dict[int, str]:
        """The processes that run for it: their commands by their ids."""
        return processes_of(self.data)

    def peak_memory(self) -> dict[str, int]:
        """The most MiB that each process ever held."""
        peaks = {}
        for pid, command in self.processes().items():
            status = Path(f"/proc/{pid}/status").read_text()
            held = re.search(r"VmHWM:\s+(\d+)", status)
            peaks[f"{pid} {_short(command)}"] = int(held[1]) // 1024 if held else 0
        return peaks

    def pid(self, part: Part) -> int | None:
        """The process id of a part; None while it does not run."""
        return next((pid for pid, command in self.processes().items() if part in command), None)

    def kill(self, part: Part, number: int = signal.SIGKILL) -> bool:
        """Send a signal to a part; whether it ran."""
        pid = self.pid(part)
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    @property
    def runs(self) -> bool:
        """Whether `diffy up` runs."""
        return self._up.poll() is None

    def ended(self) -> int:
        """The exit code of `diffy up`, once it has ended."""
        return self._up.wait(STOPS_WITHIN)

    def stop(self) -> dict[str, object]:
        """Press Ctrl-C; the exit code, the seconds it took, and what of it is left."""
        mine = set(self.processes())
        began = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        code = self.ended()
        left = [pid for pid in mine if Path(f"/proc/{pid}").exists()]
        return {"exit_code": code, "seconds": since(began), "processes_left": len(left)}


def _short(command: str) -> str:
    for name in ("temporal", "worker", "api", "spawn_main", "resource_tracker", "up"):
        if re.search(rf"\b{name}\b", command):
            return name
    return command[:40]


def since(began: float) -> float:
    """Seconds since then, by the monotonic clock."""
    return round(time.monotonic() - began, 2)
