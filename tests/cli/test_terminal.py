"""Ctrl-C at a terminal, under `make`."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import ROOT
from tests.eventually import HANG

PROGRAM = """
import os, signal, sys, time
from cli.terminal import own_foreground

def stop(number, frame):
    raise SystemExit(0)

signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
with own_foreground():
    print("group", os.getpgrp() == os.getpid(), flush=True)
    while True:
        signal.pause()
"""
ENVIRONMENT = {
    # Without what `make test` tells a make within it.
    **{name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    "PYTHONPATH": str(ROOT),
}
CTRL_C = b"\x03"
CTRL_Z = b"\x1a"


@pytest.fixture
def makefile(tmp_path: Path) -> Path:
    """A makefile whose `up` runs the program as ours runs `diffy up`."""
    (tmp_path / "program.py").write_text(PROGRAM)
    path = tmp_path / "Makefile"
    path.write_text(f"up:\n\t@exec {sys.executable} {tmp_path / 'program.py'}\n")
    return path


@pytest.fixture
def terminal(makefile: Path) -> Iterator[tuple[int, int]]:
    """`make up` at a terminal: the process id of make, the terminal's other end."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execlpe("make", "make", "-f", str(makefile), "up", ENVIRONMENT)
    yield pid, descriptor
    os.close(descriptor)


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """What the terminal shows, up to `wanted`."""
    shown = b""
    deadline = time.monotonic() + HANG
    while wanted not in shown:
        ready, _, _ = select.select([descriptor], [], [], deadline - time.monotonic())
        assert ready, f"the terminal shows only {shown!r}"
        shown += os.read(descriptor, 1000)
    return shown


def test_ctrl_c_ends_make_with_0(terminal: tuple[int, int]) -> None:
    pid, descriptor = terminal
    assert b"group True" in read_until(descriptor, b"\n")
    os.write(descriptor, CTRL_C)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_ctrl_z_does_not_leave_a_terminal_that_nobody_reads(terminal: tuple[int, int]) -> None:
    pid, descriptor = terminal
    read_until(descriptor, b"\n")
    os.write(descriptor, CTRL_Z)
    read_until(descriptor, b"^Z")
    os.write(descriptor, CTRL_C)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_sigterm_to_make_ends_its_child(makefile: Path) -> None:
    make = subprocess.Popen(
        ["make", "-f", str(makefile), "up"],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert make.stdout is not None
    with make.stdout:
        assert make.stdout.readline() == b"group False\n"
        make.send_signal(signal.SIGTERM)
        # The end of the output: no process holds it open any more.
        assert make.stdout.read() == b""
        make.wait(HANG)
