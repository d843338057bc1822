"""Messages in over HTTP with none, one and five million messages of history, in turn in one run."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

import asyncpg

from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops.bench.history import generate
from app.ops.bench.http_load import HttpLoad
from app.ops.bench.measuring import interleave
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.world import Sender, Writing, drained, let_write, make_senders, make_world
from benchmarks.prove.growth import run_over_points
from benchmarks.prove.records import Curve, Outcome, counted

POINTS = (0, 1_000_000, 5_000_000)
MESSAGES_EACH = 4
KNOWN = 2_000
NEWCOMERS = 10_000
NEW_OF_TEN = 1
CONNECTIONS = 64
ROUND_SECONDS = 5.0
MUST = 1.3
MISCOUNTED = """
SELECT count(*) FROM conversation c LEFT JOIN (
    SELECT conversation_id, count(*) AS messages, max(sequence) AS last FROM message GROUP BY 1
) m ON m.conversation_id = c.id
WHERE m.messages IS DISTINCT FROM c.last_sequence OR m.last IS DISTINCT FROM c.last_sequence"""


@dataclass(slots=True)
class Door:
    """One installation with its past, and the load on it."""

    messages: int
    observer: "asyncpg.Connection[asyncpg.Record]"
    load: HttpLoad
    writing: Writing
    seconds: float
    answered: int = 0
    refused: int = 0

    async def rate(self) -> float:
        """Messages a second; the consumers are through before the next door has its turn."""
        outcome = await self.load.closed_loop(self.writing.request, self.seconds)
        self.answered += len(outcome.seconds)
        self.refused += sum(outcome.refused.values())
        await drained(self.observer)
        return outcome.rate

    async def find_faults(self) -> list[str]:
        faults = []
        if self.refused:
            faults.append(f"{self.messages} messages of history: {self.refused} requests were refused")
        stored = await self.observer.fetchval("SELECT count(*) FROM message")
        if stored != self.messages + KNOWN + self.answered:
            faults.append(f"{self.messages} messages of history: {self.answered} were answered, {stored} are stored")
        if gaps := await self.observer.fetchval(MISCOUNTED):
            faults.append(f"{self.messages} messages of history: {gaps} conversations whose sequences have gaps")
        return faults


def measure(points: Sequence[int], round_seconds: float) -> Outcome:
    """Raises ValueError when the first point is not the empty past that the others are held to."""
    if points[0] != 0:
        raise ValueError("The first point must be 0: the others are ratios to it.")
    with ExitStack() as stack:
        installations = [stack.enter_context(scratch()) for _ in points]
        prepared = [
            (installation, messages, run(_prepare(installation, messages)))
            for installation, messages in zip(installations, points, strict=True)
        ]
        served = []
        for installation, messages, senders in prepared:
            address = installation.start_api()
            installation.start_worker()
            served.append((installation, messages, senders, address))
        rounds, faults = run(_measure(served, round_seconds))
        return tell(points, rounds, [*faults, *(fault for each in installations for fault in each.faults())])


def tell(points: Sequence[int], rounds: Sequence[tuple[float, ...]], faults: list[str]) -> Outcome:
    """`rounds`: the rates of all points, in their order."""
    figures = [
        counted(
            f"{messages:,}",
            "rate with an empty past, to the rate with so many messages of history",
            median(rates[0] / rates[number] for rates in rounds),
            "times",
            must=MUST,
        )
        for number, messages in enumerate(points)
        if messages
    ]
    medians = [(float(messages), median(rates[number] for rates in rounds)) for number, messages in enumerate(points)]
    curve = Curve(
        "growth-history",
        "Durable messages a second over HTTP",
        "messages of history",
        "messages a second",
        medians,
        line=medians[0][1] / MUST,
    )
    note = "the history has conversations, customers and messages of 330 days, but no events: nobody follows them"
    return Outcome(figures, [curve], faults, [note])


async def _prepare(installation: Scratch, messages: int) -> list[Sender]:
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    if messages:
        conversations = messages // MESSAGES_EACH
        at = DatabaseClock().now()
        await generate(installation.url, world, at, conversations=conversations, messages_each=MESSAGES_EACH)
    senders = make_senders(world.account_id, KNOWN)
    await let_write(database, senders)
    await database.close()
    # What generating left dirty is written now, not amid somebody's round.
    connection = await asyncpg.connect(installation.url)
    await connection.execute("CHECKPOINT")
    await connection.close()
    return senders


async def _measure(
    served: Sequence[tuple[Scratch, int, list[Sender], tuple[str, int]]], round_seconds: float
) -> tuple[list[tuple[float, ...]], list[str]]:
    async with AsyncExitStack() as stack:
        doors = [await stack.enter_async_context(_door(*each, round_seconds)) for each in served]
        for door in doors:
            await drained(door.observer)
        rounds = [rates async for rates in interleave(*(door.rate for door in doors))]
        return rounds, [fault for door in doors for fault in await door.find_faults()]


@asynccontextmanager
async def _door(
    installation: Scratch, messages: int, senders: list[Sender], address: tuple[str, int], round_seconds: float
) -> AsyncIterator[Door]:
    observer = await asyncpg.connect(installation.url)
    newcomers = make_senders(senders[0].visitor.channel_account_id, NEWCOMERS)
    writing = Writing(senders, newcomers, new_of_ten=NEW_OF_TEN)
    try:
        yield Door(messages, observer, HttpLoad(address, CONNECTIONS), writing, round_seconds)
    finally:
        await observer.close()


if __name__ == "__main__":
    sys.exit(run_over_points(measure, POINTS, ROUND_SECONDS))
