"""Child processes: how they end."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cli.process import OwnedProcess
from tests.cli.command import ROOT
from tests.eventually import eventually

DEAF = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
SAY = "open(sys.argv[1], 'w').write(str(__import__('os').getpid())); signal.pause()"
WAITING = [sys.executable, "-c", "import signal, sys; " + SAY]


async def written(path: Path) -> int:
    """The process id that a child writes once it is under way."""

    async def read() -> str:
        return content(path)

    return int(await eventually(read, bool))


def content(path: Path) -> str:
    """What is in the file; nothing when there is none."""
    return path.read_text() if path.exists() else ""


async def test_stop_asks_first(tmp_path: Path) -> None:
    child = await OwnedProcess.spawn([*WAITING, str(tmp_path / "pid")])
    assert await written(tmp_path / "pid") == child.pid
    await child.stop(grace=20)
    assert await child.wait() == -signal.SIGTERM


async def test_stop_kills_who_does_not_listen(tmp_path: Path) -> None:
    child = await OwnedProcess.spawn([sys.executable, "-c", DEAF + SAY, str(tmp_path / "pid")])
    await written(tmp_path / "pid")
    await child.stop(grace=0.1)
    assert await child.wait() == -signal.SIGKILL
    assert not child.running


async def test_a_child_leads_a_session_of_its_own(tmp_path: Path) -> None:
    child = await OwnedProcess.spawn([*WAITING, str(tmp_path / "pid")])
    pid = await written(tmp_path / "pid")
    assert os.getsid(pid) == pid
    child.kill()
    assert await child.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from cli.process import OwnedProcess\n"
        "async def main():\n"
        "    await (await OwnedProcess.spawn(sys.argv[1:])).wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *WAITING, str(tmp_path / "pid"), cwd=ROOT
    )
    child = await written(tmp_path / "pid")
    parent.kill()
    await parent.wait()

    async def state() -> str:
        return content(Path(f"/proc/{child}/stat")).rpartition(")")[2].strip()[:1]

    # A zombie waits for its adopter to notice; it does not run.
    await eventually(state, lambda seen: seen in ("", "Z"))
