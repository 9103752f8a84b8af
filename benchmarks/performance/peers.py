"""Other trackers and crawlers, in an environment of their own beside the project's."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.system import free_ports, until

PEERS: Final = (
    "changedetection.io==0.60.10",
    "crawlee[parsel]==1.11.0",
    "scrapy==2.19.0",
    "ultimate-sitemap-parser==1.8.1",
)
WORKERS: Final = "20"


@dataclass(frozen=True)
class Walked:
    """What a peer found, and how long it took."""

    pages: int
    seconds: float


class Peers:
    """The peers in the environment `folder`, which is made where it is missing."""

    def __init__(self, folder: Path) -> None:
        self._python = folder / "bin" / "python"
        self._program = folder / "bin" / "changedetection.io"
        if not self._program.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([self._python, "-m", "pip", "install", "--quiet", *PEERS], check=True)

    def run(self, script: str, *arguments: str) -> Walked:
        """Run a script of `benchmarks/peers`."""
        path = Path(__file__).parents[1] / "peers" / f"{script}.py"
        done = subprocess.run(
            [self._python, path, *arguments], check=True, stdout=subprocess.PIPE, text=True
        )
        return Walked(**json.loads(done.stdout.splitlines()[-1]))

    @contextmanager
    def tracker(self, folder: Path) -> Iterator["Tracker"]:
        """A running changedetection.io, for the length of the block."""
        [port] = free_ports(1)
        with (folder / "tracker.log").open("wb") as log:
            process = subprocess.Popen(
                [self._program, "-C", "-d", folder / "tracker", "-h", "127.0.0.1", "-p", str(port)],
                env={
                    "PATH": "/usr/bin:/bin",
                    "FETCH_WORKERS": WORKERS,
                    "ALLOW_IANA_RESTRICTED_ADDRESSES": "true",
                    "MINIMUM_SECONDS_RECHECK_TIME": "0",
                    "DISABLE_VERSION_CHECK": "true",
                },
                stdout=log,
                stderr=log,
            )
        try:
            yield Tracker(f"http://127.0.0.1:{port}", folder / "tracker", process.pid)
        finally:
            process.terminate()
            process.wait(30)


class Tracker:
    """A running changedetection.io and its API; `pid` is its process."""

    def __init__(self, origin: str, data: Path, pid: int) -> None:
        self.pid = pid
        self._origin = origin
        until(lambda: self._answers(data), bool, within=120)
        for uuid in self._watches():
            self._ask(f"/watch/{uuid}", method="DELETE")

    def _answers(self, data: Path) -> bool:
        try:
            settings = json.loads((data / "changedetection.json").read_text())
            self._key = settings["settings"]["application"]["api_access_token"]
            self._ask("/systeminfo")
        except (OSError, ValueError, KeyError):
            return False
        return True

    def _ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        request = urllib.request.Request(
            f"{self._origin}/api/v1{path}",
            data=body,
            headers={"x-api-key": self._key, "Content-Type": "text/plain"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return json.loads(content) if content.strip() else None

    def _watches(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self._ask("/watch")
        return found

    def first_check(self, urls: Sequence[str]) -> float:
        """Seconds from handing in the URLs until each was checked."""
        began = time.monotonic()
        self._ask("/import", "\n".join(urls).encode())
        self._wait(lambda watch: watch["last_checked"] > 0, len(urls))
        return time.monotonic() - began

    def recheck(self) -> float:
        """Seconds of a check of everything; its clock has whole seconds."""
        time.sleep(1.1)
        asked_at = int(time.time())
        count = len(self._watches())
        began = time.monotonic()
        self._ask("/watch?recheck_all=1")
        self._wait(lambda watch: watch["last_checked"] >= asked_at, count)
        return time.monotonic() - began

    def _wait(self, done: Any, count: int) -> None:
        def finished() -> bool:
            try:
                watches = self._watches().values()
            except urllib.error.HTTPError:
                return False  # it fails to list watches while it adds some
            errors = [watch["last_error"] for watch in watches if watch["last_error"]]
            assert not errors, errors[0]
            return len(watches) >= count and all(map(done, watches))

        until(finished, bool, within=600)
