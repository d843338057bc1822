"""What safe positions cost: our log beside the limit of an unsafe `id > last` reader, on the same machine and minute.

Run: .venv/bin/python -m benchmarks.event_log [--seconds 2] [--rounds 3]

It starts a PostgreSQL of its own with fsync on. Both mechanisms have the same writers (16 connections with one event a
transaction, 2 with 50, and 16 that write 200 events a second together) and one reader, all in one process. The rounds
are interleaved; each figure is the median of its rounds. Read the waiting times at 200 a second only: at full load
they tell the length of a queue.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from app.core import event_log, ids
from app.core.clock import DatabaseClock
from app.core.dispatcher import Dispatcher
from app.core.driver import connect_to_log
from app.core.log_signal import LogSignal
from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres

INSERT = """
INSERT INTO event (event_uuid, key, type, version, occurred_at, actor, request_id, payload)
SELECT uuid, $2, 'benchmark.happened', 1, $3, 'benchmark', '', $4::text::jsonb FROM unnest($1::uuid[]) AS uuid
"""
UNSAFE_READ = (
    "SELECT id, event_uuid, key, type, version, occurred_at, actor, request_id, payload::text"
    " FROM event WHERE id > $1 ORDER BY id LIMIT 500"
)
PAYLOAD = json.dumps({"note": "x" * 120})
DRAIN_SECONDS = 10


@dataclass
class Cell:
    """One run: `seen_at` and `committed_at` by event, in seconds of the monotonic clock."""

    signal: LogSignal
    wake: Callable[[], None]
    committed_at: dict[UUID, float]
    seen_at: dict[UUID, float]
    reader_ready: asyncio.Event


@dataclass(frozen=True)
class Load:
    name: str
    writers: int
    events: int
    pause_seconds: float


LOADS = (Load("16 x 1", 16, 1, 0), Load("2 x 50", 2, 50, 0), Load("200/s", 16, 1, 0.08))


async def write(url: str, cell: Cell, load: Load, until: float) -> None:
    connection = await asyncpg.connect(url)
    clock, key = DatabaseClock(), uuid4()
    while time.monotonic() < until:
        uuids = [ids.new_id(clock.now()) for _ in range(load.events)]
        await connection.execute(INSERT, uuids, key, clock.now(), PAYLOAD)
        answered = time.monotonic()
        cell.committed_at.update(dict.fromkeys(uuids, answered))
        cell.wake()
        await asyncio.sleep(load.pause_seconds)
    await connection.close()


async def read_safely(url: str, cell: Cell) -> None:
    connection = await connect_to_log(url, application_name="benchmark")
    cursor = await event_log.head(connection)
    cell.reader_ready.set()
    while True:
        noted = cell.signal.position
        page = await event_log.read(connection, cursor)
        now = time.monotonic()
        cell.seen_at.update((event.uuid, now) for event in page)
        if page:
            cursor = page[-1].cursor
        else:
            await cell.signal.wait(noted)


async def read_unsafely(url: str, cell: Cell) -> None:
    connection = await connect_to_log(url, application_name="benchmark")
    last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM event")
    cell.reader_ready.set()
    while True:
        noted = cell.signal.position
        page = await connection.fetch(UNSAFE_READ, last)
        now = time.monotonic()
        cell.seen_at.update((row["event_uuid"], now) for row in page)
        if page:
            last = page[-1]["id"]
        else:
            await cell.signal.wait(noted)


@asynccontextmanager
async def safe(url: str) -> AsyncIterator[tuple[Cell, Callable[[str, Cell], Awaitable[None]]]]:
    signal = LogSignal()
    dispatcher = Dispatcher(url, DatabaseClock(), signal.notify)
    running = asyncio.create_task(dispatcher.run())
    connection = await asyncpg.connect(url)
    written = await connection.fetchval("SELECT count(*) FROM event")
    await connection.close()
    # What the unsafe cell has left is caught up before the measuring begins.
    while not dispatcher.leading or signal.position < written:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield Cell(signal, dispatcher.wake, {}, {}, asyncio.Event()), read_safely
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def unsafe(url: str) -> AsyncIterator[tuple[Cell, Callable[[str, Cell], Awaitable[None]]]]:
    signal = LogSignal()
    yield Cell(signal, lambda: signal.notify(signal.position + 1), {}, {}, asyncio.Event()), read_unsafely


async def measure(url: str, mechanism: Callable, load: Load, seconds: float) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        cell, read = await stack.enter_async_context(mechanism(url))
        reader = asyncio.create_task(read(url, cell))
        await cell.reader_ready.wait()
        started = time.monotonic()
        await asyncio.gather(*(write(url, cell, load, started + seconds) for _ in range(load.writers)))
        give_up = time.monotonic() + DRAIN_SECONDS
        while cell.committed_at.keys() - cell.seen_at.keys() and not reader.done() and time.monotonic() < give_up:
            # What the unsafe reader has lost will not come.
            await asyncio.sleep(0.01)
            if mechanism is unsafe and time.monotonic() - max(cell.seen_at.values()) > 0.3:
                break
        if reader.done():
            reader.result()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    waits = sorted(1000 * (cell.seen_at[uuid] - at) for uuid, at in cell.committed_at.items() if uuid in cell.seen_at)
    return {
        "events_a_second": len(cell.seen_at) / (max(cell.seen_at.values()) - started),
        "lost": len(cell.committed_at.keys() - cell.seen_at.keys()),
        "committed_to_seen_p50_ms": waits[len(waits) // 2],
        "committed_to_seen_p99_ms": waits[len(waits) * 99 // 100],
    }


async def run(url: str, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    await migrate.upgrade(url)
    results: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for load in LOADS:
            for mechanism in (unsafe, safe):
                name = f"{mechanism.__name__} {load.name}"
                results.setdefault(name, []).append(await measure(url, mechanism, load, seconds))
    return {
        name: {figure: round(statistics.median(one[figure] for one in all_), 2) for figure in all_[0]}
        for name, all_ in results.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        url = server.start()
        try:
            figures = asyncio.run(run(url, arguments.seconds, arguments.rounds))
        finally:
            server.stop()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
