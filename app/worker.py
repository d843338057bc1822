"""The worker process: consumers of the log, due rows, owners, housekeeping."""

import asyncio
import signal as signals

import structlog
import uvloop

from app import wiring
from app.core import metrics
from app.core.config import Settings
from app.core.consumers import ConsumerRunner
from app.core.due_rows import DueRowRunner
from app.core.log_reader import LogReader
from app.core.runtime import Runtime, open_runtime, stop_tasks
from app.core.tasks import keep_running, run_periodic
from app.events.catalogue import BY_NAME
from app.ops import migrate
from app.routing.service.router import Router

log = structlog.get_logger(__name__)


def main() -> None:
    """Work until SIGTERM or SIGINT."""
    uvloop.run(run(Settings()))


async def run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signals.SIGTERM, signals.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await migrate.refuse_older_schema(settings.database_url)
    with metrics.serving(settings.worker_metrics_port):
        await _work(settings, stop)


async def _work(settings: Settings, stop: asyncio.Event) -> None:
    async with open_runtime(settings, "switchboard-worker") as runtime:
        tasks = await start_work(runtime)
        log.info("worker_started")
        await stop.wait()
        await stop_tasks(tasks)


async def start_work(runtime: Runtime) -> list[asyncio.Task[None]]:
    """All of the worker's loops, each started again if it fails."""
    reader = LogReader(runtime.database.url, application_name="switchboard-log", positioned=runtime.signal.positioned)
    consumers = ConsumerRunner(
        runtime.database,
        runtime.clock,
        runtime.signal,
        wiring.CONSUMERS,
        known_events=frozenset(BY_NAME),
        reader=reader,
    )
    await consumers.prepare()
    due_rows = DueRowRunner(runtime.database, runtime.clock, wiring.due_tables(runtime.settings))
    router = Router(runtime.database, runtime.clock, runtime.signal, holder=runtime.holder, reader=reader)
    periodic = wiring.periodic(runtime.settings, runtime.holder)
    loops = {
        "consumers": consumers.run,
        "due_rows": due_rows.run,
        "router": router.run,
        "periodic": lambda: run_periodic(periodic, runtime.database, runtime.clock),
    }
    return [asyncio.create_task(keep_running(name, run), name=name) for name, run in loops.items()]
