"""`switchboard up` runs everything, starts again what dies, and leaves nothing behind however it ends."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.ops.serve import listen

PATIENCE_SECONDS = 60
UNWANTED = {"DATABASE_URL", "PORT"}

pytestmark = pytest.mark.skipif(importlib.util.find_spec("app.main") is None, reason="there is no api to run yet")


@dataclass
class Up:
    process: "subprocess.Popen[str]"
    folder: Path
    summary: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.summary["url"])

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, word: str) -> psutil.Process:
        return next(each for each in self.family() if word in words_of(each))


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; empty when it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", "up", "--data-dir", str(folder), "--json", *arguments]


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return {**kept, "SWITCHBOARD_DATA_DIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[Up]:
    folder.mkdir(exist_ok=True)
    told = {**environment(folder), **variables}
    process = subprocess.Popen(command(folder, "--port", "0"), env=told, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"up ended with code {process.wait()}"
        yield Up(process, folder, json.loads(line))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as started:
        yield started


def wait_until_ready(url: str) -> None:
    """While api starts again, requests wait in the parent's socket; while PostgreSQL does, they are answered 503."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.HTTPError as error:
            print(error)
        assert time.monotonic() < deadline, "not ready again"
        time.sleep(0.05)


def run(up: Up, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(
        program, env=environment(up.folder), cwd=up.folder, capture_output=True, text=True, check=False
    )


def test_it_answers_at_the_address_it_tells(up: Up) -> None:
    assert httpx.get(f"{up.url}/readyz").is_success
    written = json.loads((up.folder / "run.json").read_text())
    assert (written["url"], written["pid"]) == (up.url, up.process.pid)


def test_a_second_start_in_the_same_folder_names_the_first(up: Up) -> None:
    second = run(up, "up", "--data-dir", str(up.folder), "--port", "0")
    assert second.returncode == 1
    assert f"already running in {up.folder}: pid {up.process.pid}, {up.url}" in second.stderr
    assert second.stdout == ""
    assert (up.folder / "run.json").exists()


def test_the_doctor_finds_it_healthy(up: Up) -> None:
    report = json.loads(run(up, "doctor", "--json").stdout)
    assert [check for check in report["checks"] if check["result"] == "failure"] == []


def test_a_killed_api_is_started_again_at_the_same_address(up: Up) -> None:
    killed = up.child("api")
    killed.kill()
    killed.wait(PATIENCE_SECONDS)
    wait_until_ready(up.url)
    assert up.child("api").pid != killed.pid


def test_a_killed_worker_is_started_again(up: Up) -> None:
    killed = up.child("worker")
    killed.kill()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any("worker" in words_of(each) and each.pid != killed.pid for each in up.family()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_postgresql_is_started_again(up: Up) -> None:
    killed = next(each for each in psutil.Process(up.process.pid).children() if each.name() == "postgres")
    killed.kill()
    psutil.wait_procs([killed], timeout=PATIENCE_SECONDS)
    wait_until_ready(up.url)
    assert up.process.poll() is None


def test_killed_it_takes_everything_along_starts_again_and_goes_when_interrupted(tmp_path: Path) -> None:
    with running(tmp_path / "data") as up:
        family = up.family()
        up.process.kill()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
        assert alive == []
    with running(tmp_path / "data") as again:
        wait_until_ready(again.url)
        assert again.summary["logins"] == [], "the people of the first start are still there"
        assert_it_ends(again, signal.SIGINT)


def assert_it_ends(up: Up, number: signal.Signals) -> None:
    family = up.family()
    assert len(family) >= 3
    up.process.send_signal(number)
    assert up.process.wait(PATIENCE_SECONDS) == 0
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_SECONDS)
    assert alive == []
    assert not (up.folder / "run.json").exists()


def test_with_a_database_of_the_operators_it_starts_none(tmp_path: Path, database_url: str) -> None:
    with running(tmp_path / "data", DATABASE_URL=database_url) as up:
        assert httpx.get(f"{up.url}/readyz").is_success
        assert not (up.folder / "postgres").exists()
        assert json.loads((up.folder / "run.json").read_text())["database_url"] == ""


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(tmp_path, "--port", str(port)),
            env=environment(tmp_path),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Choose another with PORT" in done.stderr
    assert not (tmp_path / "postgres").exists(), "nothing was started"


def test_loopback_is_all_it_listens_on(up: Up) -> None:
    addresses = {each.laddr.ip for each in up.child("api").net_connections("tcp") if each.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}


def test_asked_to_stop_it_takes_everything_along(up: Up) -> None:
    """The last of this module: the others need it."""
    assert_it_ends(up, signal.SIGTERM)
