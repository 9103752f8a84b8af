"""What a program loads, in a process of its own: here others have loaded everything."""

import subprocess
import sys

from tests.cli.command import ROOT
from tests.eventually import HANG


def loaded_by(program: str) -> set[str]:
    """The modules that are loaded at the end of the program, which must succeed."""
    code = f"{program}\nimport sys\nprint()\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=HANG,
    )
    return set(ran.stdout.splitlines()[-1].split())
