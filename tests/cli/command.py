"""Running the `diffy` command as a person does."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from cli.main import main
from tests.eventually import HANG

Ran = subprocess.CompletedProcess[str]

ROOT = Path(__file__).parents[2]
DIFFY = [sys.executable, "-m", "cli.main"]


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment here with the settings of `variables` and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DIFFY_", "TEMPORAL_"))}
    return {**kept, "DIFFY_DATA_DIR": str(data_dir), **variables}


class Terminal(io.StringIO):
    """What a command takes for a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def diffy(
    *arguments: str, data_dir: Path, terminal: bool = False, typed: str = "", **variables: str
) -> Ran:
    """The result of the command, run here: a process of its own takes a second to load it.

    `typed` is its standard input; with `terminal` a person sits there.
    """
    stream = Terminal if terminal else io.StringIO
    printed, errors = stream(), stream()
    with (
        patch.dict(os.environ, environment(data_dir, **variables), clear=True),
        patch.object(sys, "argv", ["diffy", *arguments]),
        patch.object(sys, "stdin", stream(typed)),
        # Needed where the interpreter ends; here it would look through all that the tests have.
        patch("cli.main.release"),
        redirect_stdout(printed),
        redirect_stderr(errors),
        # The command has an event loop of its own, and a thread has one at most.
        ThreadPoolExecutor(1) as thread,
        pytest.raises(SystemExit) as ended,
    ):
        thread.submit(main).result(HANG)
    code = ended.value.code or 0
    assert isinstance(code, int)
    return Ran(arguments, code, printed.getvalue(), errors.getvalue())


def diffy_process(*arguments: str, data_dir: Path, **variables: str) -> Ran:
    """The result of the command, run as a process."""
    return subprocess.run(
        [*DIFFY, *arguments],
        cwd=ROOT,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
