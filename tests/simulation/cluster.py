"""A whole installation in processes of its own: PostgreSQL with fsync on, an api, two workers. All of it may die."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.ops.embedded_postgres import EmbeddedPostgres
from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all

SECRET_KEY = "a key for tests only, thirty-two bytes or more"


@dataclass(slots=True)
class Cluster:
    postgres: EmbeddedPostgres
    api: Child
    workers: list[Child]
    url: str

    @property
    def database_url(self) -> str:
        return self.postgres.url

    def start(self) -> None:
        """Once the schema and the data are in place."""
        for child in (self.api, *self.workers):
            child.start()

    def worker_of(self, holder: str) -> Child | None:
        """The running worker whose owner row says `holder` ("switchboard-worker@host:pid")."""
        pid = int(holder.rpartition(":")[2])
        running = (worker for worker in self.workers if worker.process is not None and not worker.ended())
        return next((worker for worker in running if worker.process and worker.process.pid == pid), None)


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """Migrations and data are the caller's; call `start` when they are in place."""
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": postgres.url,
        "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
        "SWITCHBOARD_DATA_DIR": str(folder),
        "PORT": str(port),
    }
    program = [sys.executable, "-m", "app.cli"]
    # The harness keeps the listening socket, as `up` does: while api starts again, clients wait.
    api = Child(
        "api",
        [*program, "api", "--listen-fd", str(listener.fileno())],
        environment,
        folder / "api.log",
        (listener.fileno(),),
    )
    hands = [Child(f"worker{n}", [*program, "worker"], environment, folder / f"worker{n}.log") for n in range(workers)]
    try:
        yield Cluster(postgres, api, hands, f"http://127.0.0.1:{port}")
    finally:
        for child in (api, *hands):
            if not child.ended() and child.process is not None:
                child.process.send_signal(signal.SIGCONT)  # a frozen one would not hear the rest
        stop_all([api, *hands])
        listener.close()
        postgres.stop()
