"""A whole system on free ports, as `make up` runs it, for the benchmarks."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2

KEY = "benchmark-key-0123456789"
T = TypeVar("T")


def until(read: Callable[[], T], holds: Callable[[T], bool], within: float = 900) -> T:
    """What `read` gives once it `holds`."""
    deadline = time.monotonic() + within
    while not holds(seen := read()):
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {within} s: {seen}")
        time.sleep(0.25)
    return seen


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Diffy:
    """A whole system on free ports, as `make up` runs it, and a client of its API."""

    def __init__(self, data: Path) -> None:
        api, temporal, ui = free_ports(3)
        settings = {
            "DIFFY_DATA_DIR": str(data),
            "DIFFY_API_PORT": str(api),
            "DIFFY_TEMPORAL_PORT": str(temporal),
            "DIFFY_TEMPORAL_UI_PORT": str(ui),
            "DIFFY_BOOTSTRAP_API_KEY": KEY,
            "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
            "DIFFY_HOST_RPS": "10000",
        }
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{api}", headers={"Authorization": f"Bearer {KEY}"}
        )
        self._up = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"],
            cwd=Path(__file__).parents[1],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
        )

    def get(self, path: str) -> Any:
        """The `data` of an answer."""
        return self._answered(self._http.get(path))

    def post(self, path: str, body: object, *, key: str | None = None) -> Any:
        """The same, for a body that is sent; under an Idempotency-Key where one is given."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._answered(self._http.post(path, json=body, headers=headers))

    def every(self, path: str) -> list[Any]:
        """All rows of a list, page by page."""
        rows: list[Any] = []
        cursor: str | None = None
        while True:
            query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            answer = self._http.get(path, params=query).raise_for_status().json()
            rows += answer["data"]
            cursor = answer["meta"]["nextCursor"]
            if cursor is None:
                return rows

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

    def processes(self) -> dict[int, str]:
        """The process tree: the command of each process by its id."""
        rows = subprocess.run(
            ["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        tree: dict[int, str] = {}
        for line in rows.stdout.splitlines():  # parents have the lower ids
            pid, parent, command = line.split(maxsplit=2)
            if int(pid) == self._up.pid or int(parent) in tree:
                tree[int(pid)] = command
        return tree

    def peak_memory(self) -> dict[str, int]:
        """The most MiB that each process ever held."""
        peaks = {}
        for pid, command in self.processes().items():
            status = Path(f"/proc/{pid}/status").read_text()
            held = re.search(r"VmHWM:\s+(\d+)", status)
            peaks[f"{pid} {_short(command)}"] = int(held[1]) // 1024 if held else 0
        return peaks

    def kill(self, part: str, number: int = signal.SIGKILL) -> bool:
        """Signal the process whose command has `part` in it; whether there was one."""
        for pid, command in self.processes().items():
            if part in command:
                os.kill(pid, number)
                return True
        return False

    def stop(self) -> dict[str, object]:
        """Press Ctrl-C; the exit code, the seconds it took, and what of it is left."""
        mine = set(self.processes())
        began = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        code = self._up.wait(60)
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
