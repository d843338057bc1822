"""What every long-running process of ours has: database, clock, bus, and its part in the event log."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import tracing
from app.core.bus import Bus, PostgresBus
from app.core.clock import ALIGN_EVERY_SECONDS, DatabaseClock
from app.core.config import Settings
from app.core.database import Database
from app.core.dispatcher import Dispatcher
from app.core.log_signal import LogSignal
from app.core.nats_bus import NatsBus
from app.core.tasks import keep_running

log = structlog.get_logger(__name__)

WAKE_CHANNEL = "wake"
LOG_CHANNEL = "log"
COLLECT_AFTER = 50_000
"""Containers made and not freed before the collector looks at the young; Python's own figure is 700."""
STOP_TRIES = 5
STOP_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    clock: DatabaseClock
    database: Database
    bus: Bus
    signal: LogSignal
    holder: str
    """Names this process where it holds a role."""


def spare_the_collector() -> None:
    """What is there now stays: the modules. What is made is mostly freed by its count; and where thousands of works,
    events and sockets live long, a look through all of them again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


@asynccontextmanager
async def open_runtime(settings: Settings, application_name: str) -> AsyncIterator[Runtime]:
    """Connect, follow the database's clock, take part in dispatching; undone in reverse order on the way out."""
    tracing.start(settings, application_name)
    spare_the_collector()
    database = Database(settings.database_url, application_name=application_name, pool_size=settings.database_pool_size)
    clock = DatabaseClock()
    async with database.engine.connect() as connection:
        await clock.align(connection)
        bus = await open_bus(settings, connection)
    signal = LogSignal()
    dispatcher = Dispatcher(
        settings.database_url, clock, on_positions=_teller_of_positions(bus, signal), positioned=signal.positioned
    )
    _connect_wakes(database, bus, signal, dispatcher)
    await bus.start()
    tasks = [
        asyncio.create_task(keep_running("dispatcher", dispatcher.run)),
        asyncio.create_task(keep_running("clock", lambda: _keep_aligned(clock, database))),
    ]
    try:
        yield Runtime(
            settings, clock, database, bus, signal, f"{application_name}@{socket.gethostname()}:{os.getpid()}"
        )
    finally:
        await stop_tasks(tasks)
        await bus.close()
        await database.close()
        await tracing.stop()


async def open_bus(settings: Settings, connection: AsyncConnection) -> Bus:
    """The bus the settings name, not started yet."""
    if not settings.bus_url:
        return PostgresBus(settings.database_url)
    # Positions of another installation on the same server would be taken for ours.
    namespace = await connection.scalar(text("SELECT id FROM installation"))
    return NatsBus(settings.bus_url, namespace=str(namespace))


def _teller_of_positions(bus: Bus, signal: LogSignal) -> Callable[[int], None]:
    """What the dispatcher here calls with the last position it gave. See decision 0011."""
    if bus.hears_the_database:
        return signal.notify

    def tell(position: int) -> None:
        signal.notify(position)
        bus.nudge(LOG_CHANNEL, {"position": position})

    return tell


def _connect_wakes(database: Database, bus: Bus, signal: LogSignal, dispatcher: Dispatcher) -> None:
    """A commit here wakes the dispatcher here at once, and the one elsewhere by the bus."""

    def on_append() -> None:
        dispatcher.wake()
        if not dispatcher.leading:
            bus.nudge(WAKE_CHANNEL)

    database.on_append = on_append
    bus.subscribe(WAKE_CHANNEL, lambda _: dispatcher.wake())
    bus.subscribe(LOG_CHANNEL, lambda payload: signal.notify(int(payload["position"])))


async def _keep_aligned(clock: DatabaseClock, database: Database) -> None:
    while True:
        await asyncio.sleep(ALIGN_EVERY_SECONDS)
        async with database.engine.connect() as connection:
            correction = await clock.align(connection)
        if abs(correction) > 0.5:
            log.warning("clock_corrected", seconds=round(correction, 3))


async def stop_tasks(tasks: list[asyncio.Task[None]]) -> None:
    """End them all. A cancellation can get lost inside a driver's call, so it is said again to whoever goes on."""
    for _ in range(STOP_TRIES):
        for task in tasks:
            task.cancel()
        _, tasks_left = await asyncio.wait(tasks, timeout=STOP_AGAIN_SECONDS)
        if not tasks_left:
            return
        log.warning("tasks_go_on", names=sorted(task.get_name() for task in tasks_left))
