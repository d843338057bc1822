"""The product's processes without their seconds of imports: each is forked from one that has them behind it."""

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from app import cli
from app.ops.child_process import die_with_parent
from app.ops.supervisor import Child

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["app.cli", "app.main", "app.worker", "app.ops.serve", "tests.forked"])


class ForkedChild(Child):
    """A Child whose command is Python with `-m app.cli` or with a file: the same code in a process of its own.

    The interpreter's start and the imports are left to the tests of `up`, of the fleet and of a graceful end.
    """

    def start(self) -> None:
        _, *program = self.command
        handed_down = [HandedDown(fd) for fd in self.pass_fds]
        process = FORKS.Process(
            target=run_product, args=(program, dict(self.environment), self.log, handed_down), daemon=True
        )
        process.start()
        self.process = Running(process)  # type: ignore[assignment]
        self.started_at = time.monotonic()


@dataclass(frozen=True, slots=True)
class HandedDown:
    """A descriptor; the child finds it under another number."""

    number: int

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, (self.number, DupFd(self.number))


def _receive(number: int, duplicate: Any) -> tuple[int, int]:
    """(its number in the parent, its number here)."""
    return number, duplicate.detach()


def run_product(
    program: Sequence[str], environment: Mapping[str, str], log: Path, descriptors: Sequence[tuple[int, int]]
) -> None:
    """In the child: become what the command would have been."""
    os.setsid()
    die_with_parent(os.getppid(), signal.SIGTERM)()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as written, open(os.devnull, "rb") as nothing:
        for opened, number in ((nothing, 0), (written, 1), (written, 2)):
            os.dup2(opened.fileno(), number)
    there = {str(before): str(now) for before, now in descriptors}
    words = [there.get(word, word) for word in program]
    if words[0] == "-m":
        sys.argv = words[1:]
        cli.main()
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


class Running:
    """What a Child asks of its Popen, asked of a forked process."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(["forked"], timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
