"""Programs that some tests need and Python's packages do not bring.

    python -m tests.needs

installs what is missing, where it may; the tests that need what is missing even so are left out.
"""

import ctypes
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.postgres import installed_programs

TYPESCRIPT: Final = Path(__file__).parents[1] / "examples" / "typescript"

CLIENTS: Final = Path(__file__).parent / "api" / "clients"

AXE: Final = Path(__file__).parent / "api/web/axe/node_modules/axe-core/axe.min.js"
"""What judges whether a page is accessible."""

LEFT_OUT: Final = "left out for want of "
APT: Final = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=1")


@dataclass(frozen=True)
class Need:
    """A program, whether it is here, and how to have it: Debian's package or else a sentence."""

    present: Callable[[], bool]
    package: str = ""
    otherwise: str = ""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"apt-get install {self.package}" if self.package else self.otherwise


def _loads(library: str) -> Callable[[], bool]:
    def present() -> bool:
        try:
            ctypes.CDLL(library)
        except OSError:
            return False
        return True

    return present


def _on_path(program: str) -> Callable[[], bool]:
    return lambda: shutil.which(program) is not None


def _node() -> bool:
    # The package that was added last: with it the others are there too.
    last = TYPESCRIPT / "node_modules" / "standardwebhooks"
    return shutil.which("node") is not None and last.exists()


NEEDS: Final = {
    "Chromium": Need(_on_path("chromium"), package="chromium"),
    # Playwright drives Chromium by a Node.js of its own, which loads it.
    "libatomic": Need(_loads("libatomic.so.1"), package="libatomic1"),
    "PostgreSQL": Need(lambda: installed_programs() is not None, package="postgresql"),
    "curl": Need(_on_path("curl"), package="curl"),
    "jq": Need(_on_path("jq"), package="jq"),
    "Node.js": Need(
        _node, otherwise="install node and npm, then `make test` installs its packages"
    ),
    "client generators": Need(
        lambda: (CLIENTS / "node_modules" / "typescript").exists(),
        otherwise="install node and npm, then `make test` installs its packages",
    ),
    # Not installed by itself: the package is large, and starts a server.
    "promtool": Need(_on_path("promtool"), otherwise="install Debian's package prometheus"),
    "axe-core": Need(
        AXE.exists, otherwise="install node and npm, then `make test` installs its packages"
    ),
}


def need(*names: str) -> None:
    """Leave the test out where something of that is missing; in CI, where nobody would see that,
    fail instead if it could have been installed.
    """
    for name in names:
        wanted = NEEDS[name]
        if not wanted.present():
            if os.environ.get("CI") and wanted.package:
                pytest.fail(f"{name} is missing: {wanted.remedy}", pytrace=False)
            pytest.skip(LEFT_OUT + name)


def left_out(skipped: Sequence[pytest.TestReport]) -> Iterator[str]:
    """A line for each thing that was missing: how many tests it concerns, and how to have it."""
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    counts = Counter(reason.partition(LEFT_OUT)[2] for reason in reasons if LEFT_OUT in reason)
    for name, count in counts.items():
        yield f"Left out for want of {name}: {count} tests ({NEEDS[name].remedy})"


def install() -> None:
    """Install the Debian packages that are missing, as root or by a sudo that asks nothing. Says
    what it tries, and why it did not succeed.
    """
    missing = [each.package for each in NEEDS.values() if each.package and not each.present()]
    if not missing:
        return
    print(f"Installing {', '.join(missing)} by apt-get ...", flush=True)
    problem = _ran("update")
    # One by one: not every Debian has them all.
    for package in missing:
        problem = _ran("install", "--yes", "--no-install-recommends", package) or problem
    if problem:
        print(f"Not all could be installed: {problem}", flush=True)


def _ran(*arguments: str) -> str:
    """What went wrong, if anything."""
    sudo = () if os.geteuid() == 0 else ("sudo", "-n")
    try:
        ran = subprocess.run(
            [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *APT, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    if ran.returncode == 0:
        return ""
    return (ran.stderr.strip() or "apt-get failed").splitlines()[-1]


if __name__ == "__main__":
    install()
