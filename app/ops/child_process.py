"""What every process we start has in common: it must not outlive the one that started it."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int, death_signal: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends the signal when the thread that started the child is gone (Linux only).

    It runs after a change of user and survives `unshare`, which does not fork.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: no imports after it

    def set_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent died before we asked to be told
            os._exit(1)

    return set_death_signal
