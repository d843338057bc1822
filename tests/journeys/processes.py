"""The product's processes as `up` starts them, on a database of the test's own."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.ops.serve import listen
from app.ops.supervisor import Child, stop_all
from tests.forked import ForkedChild
from tests.simulation.cluster import SECRET_KEY

START_SECONDS = 30


@dataclass(slots=True)
class Served:
    api: Child
    worker: Child
    url: str
    folder: Path

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)  # not listening yet: nothing to await but time

    def log_text(self) -> str:
        return "".join(child.log.read_text("utf-8") for child in (self.api, self.worker) if child.log.exists())


@contextmanager
def processes(
    database_url: str, folder: Path, *, kind: type[Child] = ForkedChild, **environment: str
) -> Iterator[Served]:
    """An api and a worker, not started yet; whichever runs at the end is stopped."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    common = {
        **os.environ,
        "DATABASE_URL": database_url,
        "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
        "SWITCHBOARD_DATA_DIR": str(folder),
        "PORT": str(port),
        **environment,
    }
    program = [sys.executable, "-m", "app.cli"]
    fd = listener.fileno()
    api = kind("api", [*program, "api", "--listen-fd", str(fd)], common, folder / "api.log", (fd,))
    worker = kind("worker", [*program, "worker"], common, folder / "worker.log")
    try:
        yield Served(api, worker, f"http://127.0.0.1:{port}", folder)
    finally:
        stop_all([api, worker])
        listener.close()
