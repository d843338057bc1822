"""Runs one long form in a process group of its own and turns whatever comes of it into a record."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from app.ops.child_process import die_with_parent
from benchmarks.prove.parts import Part
from benchmarks.prove.records import QUIET_LOAD, Machine, Outcome, Record

ROOT = Path(__file__).parents[2]
QUIET_WITHIN_SECONDS = 240.0
LOOK_SECONDS = 5.0
STOP_WITHIN_SECONDS = 60.0
LAST_WORDS = 1_500


def await_quiet() -> None:
    """The form before leaves a load average behind; wait for it to fall, but not for ever."""
    deadline = time.monotonic() + QUIET_WITHIN_SECONDS
    while os.getloadavg()[0] >= QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def run_part(part: Part, seed: int) -> Record:
    """Never raises for what the form does: its failure is the record."""
    machine, started = look_at_machine(), time.monotonic()
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = _outcome_of(part, seed)
    return Record(
        part=part.name,
        command=part.command(seed),
        seed=seed if part.is_seeded else None,
        revision=find_revision(),
        taken_at=taken_at,
        took_seconds=round(time.monotonic() - started, 1),
        machine=machine,
        outcome=outcome,
    )


def look_at_machine() -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return Machine(os.cpu_count() or 1, round(memory, 1), python, platform.system(), round(os.getloadavg()[0], 2))


def find_revision() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/proof")
        return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _outcome_of(part: Part, seed: int) -> Outcome:
    process = subprocess.Popen(
        [sys.executable, *part.arguments(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
    )
    try:
        said, complained = process.communicate(timeout=part.limit_seconds)
    except subprocess.TimeoutExpired:
        said, complained = _end(process)
        return Outcome(faults=[f"not done within {part.limit_seconds:g} s; it said: {_last_words(said, complained)}"])
    except BaseException:
        _end(process)
        raise
    return _read(said, complained, process.returncode)


def _end(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """An interrupt lets it stop what it started; what it started dies with it in any case."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


def _read(said: str, complained: str, code: int) -> Outcome:
    lines = said.strip().splitlines()
    try:
        outcome = Outcome.from_document(json.loads(lines[-1]))
    except (IndexError, ValueError, KeyError, TypeError):
        return Outcome(faults=[f"ended with code {code} and no figures; it said: {_last_words(said, complained)}"])
    if code != 0 and outcome.holds:
        outcome.faults.append(f"ended with code {code}; it said: {_last_words('', complained)}")
    return outcome


def _last_words(said: str, complained: str) -> str:
    return (said + complained).strip()[-LAST_WORDS:]
