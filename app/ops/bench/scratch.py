"""An installation for one bench: PostgreSQL with fsync on, processes of its own, all gone afterwards."""

import asyncio
import http.client
import os
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import uvloop
from sqlalchemy.engine import make_url

from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all

SECRET_KEY = "a bench has no secrets worth keeping"  # noqa: S105
READY_WITHIN_SECONDS = 90.0
HOST = "127.0.0.1"

T = TypeVar("T")


class Scratch:
    """`url` is the database's address; children die with this process."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres) -> None:
        self.folder = folder
        self.postgres = postgres
        self.url = postgres.url
        self._children: list[Child] = []
        self._listeners: list[socket.socket] = []

    def start_api(self) -> tuple[str, int]:
        """One more api process; its address, once it is ready."""
        name = f"api-{len(self._children)}"
        address = self.start_listening(name, "from app.ops.bench.api_process import main; main({fd})")
        self._wait_until_ready(self._children[-1], address)
        return address

    def start_listening(self, name: str, code: str) -> tuple[str, int]:
        """A child that inherits a listening socket, whose number takes the place of {fd}; its address."""
        listener = listen(HOST, 0)
        self._listeners.append(listener)
        self.start_child(name, code.format(fd=listener.fileno()), listener.fileno())
        address: tuple[str, int] = listener.getsockname()[:2]
        return address

    def start_worker(self) -> None:
        """Returns once it consumes: before that a drained log says nothing about it."""
        child = self.start_child("worker", "from app.cli import main; main()", arguments=("worker",))
        run(self._wait_until_consuming(child))

    def start_child(self, name: str, code: str, *descriptors: int, arguments: tuple[str, ...] = ()) -> Child:
        environment = {
            **os.environ,
            "DATABASE_URL": self.url,
            "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
            "SWITCHBOARD_DATA_DIR": str(self.folder),
            "SWITCHBOARD_LOG_LEVEL": "warning",
            "SWITCHBOARD_CONNECTIONS_PER_ADDRESS": "0",  # all of the load comes from this machine
        }
        command = [sys.executable, "-c", code, *arguments]
        child = Child(name, command, environment, self.folder / f"{name}.log", descriptors)
        child.start()
        self._children.append(child)
        return child

    def pid_of(self, name: str) -> int:
        """Of a running child: "api-0", "worker"."""
        process = next(child.process for child in self._children if child.name == name)
        assert process is not None
        return process.pid

    def kill_and_restart(self, name: str) -> None:
        """At once, as `up` does for one that ran well; who connects meanwhile waits at the listening socket."""
        child = next(child for child in self._children if child.name == name)
        assert child.process is not None
        child.process.kill()
        child.process.wait()
        child.start()

    def stop_processes(self) -> None:
        """All but PostgreSQL."""
        stop_all(self._children)
        self._children = []

    def stop(self) -> None:
        self.stop_processes()
        for listener in self._listeners:
            listener.close()
        self.postgres.stop()

    def faults(self) -> list[str]:
        """Children that ended before they were asked to."""
        return [f"{child.name} ended: {child.last_words()}" for child in self._children if child.ended()]

    def _wait_until_ready(self, child: Child, address: tuple[str, int]) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline and not child.ended():
            try:
                connection = http.client.HTTPConnection(*address, timeout=2)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{child.name} does not become ready. It said: {child.last_words()}")

    async def _wait_until_consuming(self, child: Child) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                while not await connection.fetchval("SELECT EXISTS (SELECT FROM consumer_cursor)"):
                    if child.ended():
                        raise RuntimeError(f"{child.name} ended. It said: {child.last_words()}")
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()


@contextmanager
def scratch() -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
        # max_wal_size: a checkpoint in the middle of one round would be that round's figure.
        settings = {"max_wal_size": "8GB", "checkpoint_timeout": "1h", "shared_buffers": "512MB"}
        postgres = EmbeddedPostgres(Path(folder) / "postgres", settings=settings)
        postgres.start()
        installation = Scratch(Path(folder), postgres)
        try:
            asyncio.run(migrate.upgrade(postgres.url))
            yield installation
        finally:
            installation.stop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """On the loop that the product's processes use."""
    return uvloop.run(work)


def beside(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)
