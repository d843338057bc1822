"""Children start again when they end, later each time, and stop together."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops import supervisor
from app.ops.supervisor import Child, pause_seconds, stop_all

FOREVER = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); signal.pause(); signal.pause()"
)
PATIENCE_SECONDS = 20


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    stop_all(made)


def child(children: list[Child], folder: Path, program: str) -> Child:
    made = Child("child", [sys.executable, "-c", program], os.environ, folder / "child.log")
    made.start()
    children.append(made)
    return made


def wait_for_log(made: Child, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while words not in made.last_words():
        assert time.monotonic() < deadline, f"{words!r} never came: {made.last_words()}"
        time.sleep(0.01)


@pytest.mark.parametrize(("ends", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (1_000_000, 30.0)])
def test_the_pause_doubles_up_to_half_a_minute(ends: int, seconds: float) -> None:
    assert pause_seconds(ends) == seconds


def test_a_killed_child_is_started_again_after_its_pause(children: list[Child], tmp_path: Path) -> None:
    made = child(children, tmp_path, FOREVER)
    wait_for_log(made, "ready")
    assert made.tend() is None
    assert made.process is not None
    made.process.kill()
    made.process.wait()
    assert "ended with code -9, starts again in 0.5 s" in (made.tend() or "")
    assert made.ended()
    assert made.tend() is None, "not before the pause is over"
    made.start_again_at = time.monotonic()
    assert made.tend() == "child started again"
    assert not made.ended()


def test_ends_in_a_row_make_the_pause_longer(children: list[Child], tmp_path: Path) -> None:
    made = child(children, tmp_path, "raise SystemExit('no luck')")
    for pause in ("0.5", "1", "2"):
        assert made.process is not None
        made.process.wait()
        assert f"again in {pause} s" in (made.tend() or "")
        made.start_again_at = time.monotonic()
        made.tend()
    assert "no luck" in made.last_words()


def test_a_child_that_ignores_the_request_is_killed(
    children: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_WITHIN_SECONDS", 0.2)
    made = child(children, tmp_path, STUBBORN)
    wait_for_log(made, "ready")
    stop_all([made])
    assert made.process is not None
    assert made.process.returncode == -9


def test_a_long_log_is_copied_and_emptied(
    children: list[Child], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = child(children, tmp_path, FOREVER)
    wait_for_log(made, "ready")
    made.turn_log()
    assert not (tmp_path / "child.log.1").exists()
    monkeypatch.setattr(supervisor, "LOG_MAX_BYTES", 3)
    made.turn_log()
    assert (tmp_path / "child.log.1").read_text() == "ready\n"
    assert made.log.read_text() == ""
