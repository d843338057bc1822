"""A whole installation in processes of its own: PostgreSQL with fsync on, an api, two workers. All of it may die."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.ops.embedded_postgres import DATABASE_NAME, SOCKET_NAME, EmbeddedPostgres
from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all
from tests.forked import ForkedChild
from tests.nats_server import NatsServer
from tests.simulation.harm import APIS, WORKERS

ROOT = Path(__file__).parents[2]
SHIFTED = Path(__file__).with_name("shifted.py")
SECRET_KEY = "a key for tests only, thirty-two bytes or more"


@dataclass(slots=True)
class Cluster:
    postgres: EmbeddedPostgres
    apis: list[Child]
    workers: list[Child]
    url: str
    """All apis listen there: whoever is free takes the next connection."""
    bus: NatsServer | None = None

    @property
    def processes(self) -> list[Child]:
        return [*self.apis, *self.workers]

    def process(self, name: str) -> Child:
        return next(each for each in self.processes if each.name == name)

    @property
    def database_url(self) -> str:
        return self.postgres.url

    def start(self) -> None:
        """Once the schema and the data are in place."""
        for child in self.processes:
            child.start()

    @property
    def postgres_socket(self) -> Path:
        return self.postgres.socket_dir / SOCKET_NAME

    def reach_postgres_by(self, name: str, address: tuple[str, int]) -> None:
        """Before its start: this process finds PostgreSQL at the end of a line."""
        child = self.process(name)
        url = f"postgresql://postgres@{address[0]}:{address[1]}/{DATABASE_NAME}"
        child.environment = {**child.environment, "DATABASE_URL": url}

    def worker_of(self, holder: str) -> Child | None:
        """The running worker whose owner row says `holder` ("switchboard-worker@host:pid")."""
        pid = int(holder.rpartition(":")[2])
        running = (worker for worker in self.workers if worker.process is not None and not worker.ended())
        return next((worker for worker in running if worker.process and worker.process.pid == pid), None)


@contextmanager
def cluster(
    folder: Path,
    *,
    apis: int = 1,
    workers: int = 2,
    bus: NatsServer | None = None,
    offsets: Mapping[str, float] | None = None,
) -> Iterator[Cluster]:
    """Migrations and data are the caller's; call `start` when they are in place.

    `bus`: without one it is PostgreSQL's. `offsets`: by a process's name, by how many seconds the clock of its machine
    is wrong.
    """
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    common = {
        **os.environ,
        "DATABASE_URL": postgres.url,
        "SWITCHBOARD_BUS_URL": bus.url if bus else "",
        "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
        "SWITCHBOARD_DATA_DIR": str(folder),
        "PORT": str(port),
        "PYTHONPATH": str(ROOT),
    }

    def child(name: str, *arguments: str, fds: tuple[int, ...] = ()) -> Child:
        environment, program = dict(common), ["-m", "app.cli"]
        if offsets is not None:
            environment["SIMULATED_CLOCK_OFFSET_SECONDS"] = str(offsets[name])
            program = [str(SHIFTED)]
        return ForkedChild(name, [sys.executable, *program, *arguments], environment, folder / f"{name}.log", fds)

    # The harness keeps the listening socket, as `up` does: while api starts again, clients wait.
    fd = listener.fileno()
    doors = [child(name, "api", "--listen-fd", str(fd), fds=(fd,)) for name in APIS[:apis]]
    hands = [child(name, "worker") for name in WORKERS[:workers]]
    try:
        yield Cluster(postgres, doors, hands, f"http://127.0.0.1:{port}", bus)
    finally:
        for started in (*doors, *hands):
            if not started.ended() and started.process is not None:
                started.process.send_signal(signal.SIGCONT)  # a frozen one would not hear the rest
        stop_all([*doors, *hands])
        listener.close()
        postgres.stop()
