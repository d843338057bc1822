"""Child processes that are started again when they end, with a growing pause, and stopped together."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.ops.child_process import die_with_parent

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# A child that ran this long had started well: its next end is a new story.
HEALTHY_AFTER_SECONDS = 10.0
STOP_WITHIN_SECONDS = 12.0
LOG_MAX_BYTES = 20 * 1024 * 1024
LOG_TAIL_BYTES = 2_000


def pause_seconds(ends_in_a_row: int) -> float:
    """How long to wait before the next start, after so many ends: 0.5, 1, 2, ... up to 30 s."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(ends_in_a_row - 1, 16)))


@dataclass(slots=True)
class Child:
    """One command, its log file and its present process. Start it from the main thread."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    pass_fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    ends_in_a_row: int = 0
    started_at: float = 0.0
    start_again_at: float = field(default=0.0)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                pass_fds=self.pass_fds,
                preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
                start_new_session=True,  # a Ctrl-C reaches only us, and we stop the children in order
            )
        self.started_at = time.monotonic()

    def tend(self) -> str | None:
        """Notice an end, and start again when its pause is over. Returns a sentence when something happened."""
        if self.process is None:
            if time.monotonic() < self.start_again_at:
                return None
            self.start()
            return f"{self.name} started again"
        code = self.process.poll()
        if code is None:
            return None
        now = time.monotonic()
        self.ends_in_a_row = 1 if now - self.started_at > HEALTHY_AFTER_SECONDS else self.ends_in_a_row + 1
        pause = pause_seconds(self.ends_in_a_row)
        self.process, self.start_again_at = None, now + pause
        return f"{self.name} ended with code {code}, starts again in {pause:g} s; its log: {self.log}"

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def last_words(self) -> str:
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()

    def turn_log(self) -> None:
        """Keep one older log. The child appends to an open file, so it is copied and emptied, not renamed."""
        if self.log.exists() and self.log.stat().st_size > LOG_MAX_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)


def stop_all(children: Sequence[Child]) -> None:
    """Ask all at once, wait for each, kill those that do not go."""
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + STOP_WITHIN_SECONDS
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
