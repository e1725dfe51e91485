"""Run as a script: become another program, which ends when the one that started it is no more, even killed.

    python leash.py PID COMMAND [ARGUMENT ...]

`PID` is the one that starts this. Only Linux can do that: elsewhere the program merely runs. The standard
library alone, as this runs in an interpreter that is to start at once.
"""

import os
import signal
import sys

# <sys/prctl.h>; it outlives what this process becomes.
_SET_DEATH_SIGNAL = 1


def hold(starter: int) -> None:
    """Ask for SIGTERM at the starter's end; end at once where that was before."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - not everywhere

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != starter:
        sys.exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a command line of ours
