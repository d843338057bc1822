"""P11, P12: how many clocks ring a second, how late they do, and what a message costs among many running clocks."""

import asyncio
import http
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

import asyncpg

from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.core.runtime import spare_the_collector
from app.ops.bench.http_load import HttpConnection, request
from app.ops.bench.measuring import ROUNDS, Figure, interleave, now, percentile, slice_seconds, without_limit
from app.ops.bench.program import Report
from app.ops.bench.replay import clone
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.sla_world import RINGING, TARGET, WRITING, Generator, Numbers, Telling, make_policies
from app.ops.bench.world import World, drained, make_world
from app.sla.jobs import CLOCK_TABLE

RUNNING, OPEN = 100_000, 1_000_000
WRITERS = 100
DUE_A_SECOND = 200
LATE_MUST_MS = 250.0
PAGE_MUST_MS = 50.0
BEFORE_FIRST_DUE_SECONDS = 8.0
"""For the worker to start and for the clocks of the window to be stored."""
TOLD_WITHIN_SECONDS = 60.0
FIRED_A_SECOND, TAKEN_A_SECOND = 4_000, 80_000
"""How many rows a round is given for each second it may take: ours, and those of the raw loop."""
TAKEN_AT_ONCE = 1_000
PARTS = 10
"""Of equal length: two of rates, two of messages, one of pages, five of lateness."""

RAW = (
    "CREATE TABLE raw_clock (id bigint PRIMARY KEY, due_at timestamptz NOT NULL, state text NOT NULL)"
    " WITH (fillfactor = 80)",
    # Clocks become due in another order than they were stored in: 7919 has no factor in common with their number.
    "INSERT INTO raw_clock SELECT n, '2026-01-01T00:00:00Z'::timestamptz"
    f" + (n::bigint * 7919 % {OPEN} + 1) * interval '1 ms', 'running' FROM generate_series(1, {OPEN}) n",
    "CREATE INDEX ON raw_clock (due_at) WHERE state = 'running'",
    "VACUUM ANALYZE raw_clock",
)
TAKE_AND_MARK = (
    "UPDATE raw_clock SET state = 'breached' WHERE id IN (SELECT id FROM raw_clock WHERE due_at <= $1"
    " AND state = 'running' ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id"
)
LATENESS = """
SELECT c.due_at, extract(epoch FROM c.detected_at - c.breached_at) * 1000 AS noticed_ms,
       extract(epoch FROM p.positioned_at - c.breached_at) * 1000 AS told_ms
FROM sla_clock c LEFT JOIN event e ON e.key = c.conversation_id AND e.type = 'sla.breached'
LEFT JOIN event_position p ON p.event_id = e.id AND p.event_created_at = e.created_at
WHERE c.conversation_id = ANY($1::uuid[]) AND c.metric = 'first_reply' ORDER BY c.due_at
"""
# A higher priority brings a policy of its own, and so a further clock that is not due yet.
WAITING = """
SELECT EXISTS (SELECT FROM sla_clock
    WHERE conversation_id = ANY($1::uuid[]) AND metric = 'first_reply' AND detected_at IS NULL)
"""
CHECKS = {
    "clocks that rang and are not breached at their due time": """
        SELECT count(*) FROM sla_clock WHERE conversation_id = ANY($1::uuid[]) AND metric = 'first_reply'
            AND (state <> 'breached' OR breached_at IS DISTINCT FROM due_at
            OR detected_at < breached_at OR detected_at IS NULL OR run_at IS NOT NULL OR attempts > 0)""",
    "breaches not told exactly once": """
        SELECT count(*) FROM unnest($1::uuid[]) AS wanted (key) WHERE 1 <>
            (SELECT count(*) FROM event e WHERE e.key = wanted.key AND e.type = 'sla.breached')""",
    "priorities not raised exactly once": """
        SELECT count(*) FROM conversation c WHERE c.id = ANY($1::uuid[]) AND (c.priority <> 7 OR c.version <> 2 OR 1 <>
            (SELECT count(*) FROM event e WHERE e.key = c.id AND e.type = 'conversation.priority_changed'))""",
}


@dataclass(slots=True)
class SetClock:
    """Stands where it is put, so that a whole round of clocks becomes due at one instant."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def measure(seconds: float) -> Report:
    slice_ = slice_seconds(seconds, PARTS)
    with scratch() as installation:
        bench = run(_prepare(installation, slice_))
        figures = [run(bench.messages(slice_))]
        installation.start_worker()
        figures += run(bench.lateness())
        faults = installation.faults()
        installation.stop_processes()
        figures.append(run(bench.rate(slice_)))
        figures.append(run(bench.pages(installation.start_api(), slice_)))
        faults += [*bench.faults, *installation.faults()]
    return Report(figures, faults, [f"{RUNNING} running clocks for P12, {OPEN} for the others, made in SQL"])


async def _prepare(installation: Scratch, slice_: float) -> "Bench":
    """The conversations of all figures, and the clocks of those that write."""
    clock = DatabaseClock()
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    at = clock.now()
    await make_policies(database, system_act(clock, "bench"))
    generator = Generator(installation.url, world, at)
    bench = Bench(
        url=installation.url,
        world=world,
        at=at,
        generator=generator,
        writers=await generator.conversations(WRITERS, WRITING),
        model=await generator.conversations(1, RINGING),
        window=await generator.conversations(int(DUE_A_SECOND * slice_ * ROUNDS), RINGING),
        groups=[await generator.conversations(int(FIRED_A_SECOND * slice_), RINGING) for _ in range(ROUNDS + 1)],
    )
    telling = Telling(database, world)
    await telling.open(bench.writers, WRITING, at, [at] * WRITERS)
    await telling.open(bench.model, RINGING, at, [at + timedelta(days=300)])
    await database.close()
    return bench


@dataclass(slots=True)
class Bench:
    """One installation and its figures, in the order of their methods: each adds to what is stored."""

    url: str
    world: World
    at: datetime
    generator: Generator
    writers: Numbers
    model: Numbers
    window: Numbers
    groups: list[Numbers]
    faults: list[str] = field(default_factory=list)

    async def messages(self, seconds: float) -> Figure:
        """A message's clock update, in turn in a database of few clocks and in this one."""
        async with clone(self.url, "bench_few") as few_url:
            await self.generator.running(self.model.conversation_ids[0], RUNNING)
            few, many = (Database(url, application_name="bench", pool_size=1) for url in (few_url, self.url))
            parts = Telling(many, self.world), Telling(few, self.world)
            rounds = [await _message_ms(parts, seconds * 2) for _ in range(ROUNDS + 1)][1:]
            await few.close()
            await many.close()
        what = f"clock update of one message with {RUNNING} open clocks, to the same with {WRITERS}"
        return Figure("P12-update", what, "ms", tuple(rounds), must=1.5, stretch=1.1, line="at_most")

    async def lateness(self) -> list[Figure]:
        """Of a worker in a process of its own, with its consumers and its dispatcher."""
        clock, database = DatabaseClock(), Database(self.url, application_name="bench")
        async with database.engine.connect() as connection:
            await clock.align(connection)
        first = clock.now() + timedelta(seconds=BEFORE_FIRST_DUE_SECONDS)
        due = [first + timedelta(seconds=number / DUE_A_SECOND) for number in range(len(self.window))]
        await Telling(database, self.world).open(self.window, RINGING, clock.now(), [at - TARGET for at in due])
        if clock.now() > first - timedelta(seconds=1):
            self.faults.append("The clocks of the window were stored too late to measure their lateness.")
        observer = await asyncpg.connect(self.url)
        await asyncio.sleep((due[-1] - clock.now()).total_seconds())
        await self._all_told(observer)
        await drained(observer)
        rows = await observer.fetch(LATENESS, self.window.conversation_ids)
        self.faults += await _check(observer, self.window)
        await observer.close()
        await database.close()
        return [
            _late("P12", "from the due time to when it was noticed, p99", [row["noticed_ms"] for row in rows]),
            _late("P12-told", "from the due time to its position in the log, p99", [row["told_ms"] for row in rows]),
        ]

    async def rate(self, seconds: float) -> Figure:
        """Of one process's runner, beside one connection that takes and marks rows of a bare table."""
        spare_the_collector()  # as every worker does
        await self.generator.running(self.model.conversation_ids[0], OPEN - RUNNING)
        long_ago = self.at - timedelta(days=1)
        for number, group in enumerate(self.groups):
            due_at = long_ago + timedelta(minutes=number)
            await self.generator.clocks(self.model.conversation_ids[0], group, due_at, timedelta())
        database = Database(self.url, application_name="bench")
        raw = await asyncpg.connect(self.url)
        for statement in RAW:
            await raw.execute(statement)
        clock, taking = SetClock(long_ago), _Taking(raw, int(TAKEN_A_SECOND * seconds))
        groups = iter(self.groups)

        async def fire() -> float:
            group = next(groups)
            runner, started = DueRowRunner(database, clock, [CLOCK_TABLE]), now()
            await runner.drain(CLOCK_TABLE)
            rate = len(group) / (now() - started)
            clock.at += timedelta(minutes=1)
            return rate

        rounds = tuple([(fired, taken) async for fired, taken in interleave(fire, taking.rate)])
        for group in self.groups:
            self.faults += await _check(raw, group)
        await raw.close()
        await database.close()
        what = f"clocks fired a second, durable, with events and actions, {OPEN} open; limit: a bare table's rows"
        return Figure("P11", what, "a second", rounds, must=0.05, stretch=0.2, line="at_least")

    async def pages(self, address: tuple[str, int], seconds: float) -> Figure:
        connection = await HttpConnection.open(*address)
        asked = request("GET", f"/v1/sla/due?within_seconds={29 * 86_400}&limit=50", token=self.world.keys[0])

        async def page() -> float:
            took, until = [], now() + seconds
            while (started := now()) < until:
                status, body = await connection.ask(asked)
                took.append(now() - started)
                if status != http.HTTPStatus.OK or not json.loads(body)["items"]:
                    raise RuntimeError(f"the list of due clocks answered {status}: {body[:300]!r}")
            return 1000 * percentile(took, 0.5)

        values = [value async for (value,) in interleave(page)]
        connection.close()
        what = f"first page of the clocks due soon, {OPEN} open, through the API, p50"
        return without_limit("P14-due", what, "ms", values, must=PAGE_MUST_MS, stretch=10)

    async def _all_told(self, observer: "asyncpg.Connection[asyncpg.Record]") -> None:
        async with asyncio.timeout(TOLD_WITHIN_SECONDS):
            while await observer.fetchval(WAITING, self.window.conversation_ids):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


class _Taking:
    """Rows of a bare table, taken when due and marked, in transactions of a thousand."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", rows: int) -> None:
        self._connection = connection
        self._rows = rows
        self._until = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

    async def rate(self) -> float:
        self._until += timedelta(milliseconds=self._rows)
        started = now()
        while await self._connection.fetch(TAKE_AND_MARK, self._until, TAKEN_AT_ONCE):
            pass
        return self._rows / (now() - started)


async def _message_ms(parts: tuple[Telling, Telling], seconds: float) -> tuple[float, float]:
    """p50 of each part, message by message in turn; the customer of a conversation writes, then an agent does."""
    clock = DatabaseClock()
    took: tuple[list[float], list[float]] = ([], [])
    until, number = now() + seconds, 0
    while now() < until:
        for kind in ("customer_wrote", "agent_wrote"):
            for telling, times in zip(parts, took, strict=True):
                started = now()
                await getattr(telling, kind)(number % WRITERS + 1, clock.now())
                times.append(1000 * (now() - started))
        number += 1
    return median(took[0]), median(took[1])


def _late(id: str, what: str, late_ms: list[float]) -> Figure:
    size = len(late_ms) // ROUNDS
    rounds = [percentile(list(map(float, late_ms[n * size : (n + 1) * size])), 0.99) for n in range(ROUNDS)]
    return without_limit(id, f"{what}, {DUE_A_SECOND} due a second", "ms", rounds, must=LATE_MUST_MS, stretch=50)


async def _check(connection: "asyncpg.Connection[asyncpg.Record]", numbers: Numbers) -> list[str]:
    found = [(name, await connection.fetchval(query, numbers.conversation_ids)) for name, query in CHECKS.items()]
    return [f"{name}: {count}" for name, count in found if count]
