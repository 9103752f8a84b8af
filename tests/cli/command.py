"""Running the `diffy` command as a person does."""

import os
import subprocess
import sys
from pathlib import Path

from tests.eventually import HANG

ROOT = Path(__file__).parents[2]
DIFFY = [sys.executable, "-m", "cli.main"]


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment here with the settings of `variables` and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DIFFY_", "TEMPORAL_"))}
    return {**kept, "DIFFY_DATA_DIR": str(data_dir), **variables}


def diffy(*arguments: str, data_dir: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The command, run to its end."""
    return subprocess.run(
        [*DIFFY, *arguments],
        cwd=ROOT,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
