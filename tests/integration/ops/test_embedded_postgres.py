"""The embedded PostgreSQL starts, stops, survives kill -9 and never outlives its parent."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.ops.embedded_postgres import AlreadyRunningError, EmbeddedPostgres
from app.ops.postgres_programs import USER_NAMESPACE, EmbeddedPostgresError, user_nobody

GONE_WITHIN_SECONDS = 20
START_AND_WAIT = """
import os, sys
from pathlib import Path
from app.ops.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(os.geteuid(), server.pid, flush=True)
sys.stdin.read()
server.stop()
"""


def namespaces_are_open() -> bool:
    return subprocess.run([*USER_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder)
    yield made
    made.stop()


async def ask(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_rows_are_there_after_a_stop_and_a_start_at_the_same_address(server: EmbeddedPostgres) -> None:
    first = server.start()
    await ask(first, "CREATE TABLE kept AS SELECT '客服' AS word", "SELECT 1")
    server.stop()
    assert server.pid is None
    assert server.start() == first
    assert await ask(first, "SELECT word FROM kept") == "客服"


async def test_rows_are_there_after_kill_9_of_the_postmaster(server: EmbeddedPostgres) -> None:
    url = server.start()
    connection = await asyncpg.connect(url)  # a process of its own that still holds the shared memory
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    pid = server.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet noticed by its parent
    assert server.start() == url
    assert await ask(url, "SELECT number FROM kept") == 7
    connection.terminate()


async def test_kill_and_start_again_in_a_row(server: EmbeddedPostgres) -> None:
    for _ in range(3):
        url = server.start()
        assert await ask(url, "SELECT 1") == 1
        server.kill()


def test_starting_twice_is_starting_once(server: EmbeddedPostgres) -> None:
    url, pid = server.start(), server.pid
    assert server.start() == url
    assert server.pid == pid


def test_a_second_one_on_the_same_folder_is_refused(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    with pytest.raises(AlreadyRunningError, match=f"pid {server.pid}"):
        EmbeddedPostgres(folder).start()
    assert server.pid is not None


def start_in_a_process(folder: Path, *prefix: str) -> "tuple[subprocess.Popen[str], int, int]":
    command = [*prefix, sys.executable, "-c", START_AND_WAIT, str(folder)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    user, pid = map(int, parent.stdout.readline().split())
    return parent, user, pid


def close(parent: "subprocess.Popen[str]") -> None:
    parent.communicate(timeout=GONE_WITHIN_SECONDS)


def test_it_is_gone_after_kill_9_of_its_parent(folder: Path) -> None:
    parent, _, pid = start_in_a_process(folder)
    postmaster = psutil.Process(pid)
    parent.kill()
    close(parent)
    postmaster.wait(GONE_WITHIN_SECONDS)
    assert "database system is shut down" in (folder / "postgres.log").read_text()
    assert not (folder / "cluster" / "postmaster.pid").exists()


@as_root
def test_an_ordinary_user_can_start_it(folder: Path) -> None:
    if not namespaces_are_open():
        pytest.skip("user namespaces are closed here")
    parent, user, pid = start_in_a_process(folder, *USER_NAMESPACE)
    assert user != 0
    close(parent)
    assert parent.returncode == 0
    assert not psutil.pid_exists(pid)


@as_root
async def test_root_without_user_namespaces_runs_it_as_nobody(folder: Path) -> None:
    folder.chmod(0o755)  # a folder that nobody can reach; a private one is refused (the next test)
    server = EmbeddedPostgres(folder / "postgres", identity=user_nobody())
    try:
        url = server.start()
        assert psutil.Process(server.pid).uids().real == user_nobody().user
        assert await ask(url, "SELECT 1") == 1
    finally:
        server.stop()


@as_root
def test_a_folder_that_nobody_cannot_reach_is_a_clear_error(folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres", identity=user_nobody())
    with pytest.raises(EmbeddedPostgresError, match="Choose another folder"):
        server.start()


def test_the_lock_file_of_a_zombie_is_no_hindrance(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
    (folder / "cluster" / "postmaster.pid").write_text(f"{zombie.pid}\n{folder}/cluster\n")
    server.start()
    assert server.pid is not None
    zombie.wait()


def test_a_lock_file_whose_pid_went_to_another_program_is_no_hindrance(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/cluster\n")
    server.start()
    assert server.pid is not None


def test_a_folder_of_another_major_version_is_named_in_the_error(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 9, and the one installed is"):
        server.start()


def test_a_start_that_died_while_making_the_cluster_is_made_good(server: EmbeddedPostgres, folder: Path) -> None:
    (folder / "cluster.new").mkdir(parents=True)
    (folder / "cluster.new" / "PG_VERSION").write_text("half")
    server.start()
    assert server.pid is not None


async def test_a_deep_folder_gets_a_short_socket_address(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("deep" * 20) / ("deeper" * 10))
    try:
        assert await ask(server.start(), "SELECT 1") == 1
    finally:
        server.stop()
        server.socket_dir.rmdir()


def test_a_bad_setting_is_told_in_the_servers_own_words(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(folder, settings={"no_such_setting": "1"}).start()


def test_another_thread_may_not_start_it(server: EmbeddedPostgres) -> None:
    refused: list[str] = []

    def start() -> None:
        try:
            server.start()
        except EmbeddedPostgresError as error:
            refused.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(refused) == 1
    assert "main" in refused[0]
