"""Runs a command that must not outlive its parent process.

`python die_with_parent.py PARENT_PID COMMAND...` executes COMMAND. On Linux the kernel kills it as
soon as its parent dies. On other systems it survives a parent that crashes. It is a program of its
own because a process with threads cannot safely run Python between fork and exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Execute the command in the arguments."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # The parent died before prctl.
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
