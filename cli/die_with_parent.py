"""Runs a command that must not outlive the process that asked for it.

`python tether.py PARENT_PID COMMAND...` becomes COMMAND. On Linux the kernel kills it when its
parent dies, however that happens; elsewhere only an orderly end takes it along. It is a program
of its own because a process with threads cannot safely run Python between fork and exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command in the arguments."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # It died before the kernel was asked.
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
