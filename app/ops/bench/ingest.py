"""P1, P2, P3: messages in over HTTP and through the door alone, durable, with every check on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from app.core.database import Database
from app.ops.bench.api_process import NOTHING_PATH
from app.ops.bench.five_statements import FiveStatements
from app.ops.bench.http_load import HttpLoad
from app.ops.bench.measuring import Figure, interleave, now, slice_seconds, without_limit
from app.ops.bench.program import Report
from app.ops.bench.replay import clone, copy_database, intake_rate, replay_seconds
from app.ops.bench.scratch import Scratch, beside, run, scratch
from app.ops.bench.world import Sender, Writing, check, drained, let_write, make_senders, make_world

CONNECTIONS = 64
KNOWN = 5_000
NEWCOMERS = 10_000
NEW_OF_TEN = 1
"""New and known customers 1:9: a conversation has some ten messages."""
LAG_SECONDS = 2.0
DOOR_MESSAGES_A_SECOND = 3_000
"""How many messages a round of the door is given for each second it may take."""
TEMPLATE, LIMIT = "bench_door", "bench_limit"


@dataclass(slots=True)
class OverHttp:
    """The parts of one round, and what they leave behind for the checks."""

    load: HttpLoad
    limit: FiveStatements
    writing: Writing
    observer: "asyncpg.Connection[asyncpg.Record]"
    seconds: float
    answered: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)

    async def five_statements(self) -> float:
        return await self.limit.rate(self.seconds)

    async def nothing(self) -> float:
        sender, client_id = self.writing.next_known()
        body = sender.request(client_id, NOTHING_PATH)
        return (await self.load.closed_loop(lambda: body, self.seconds)).rate

    async def messages(self) -> float:
        outcome = await self.load.closed_loop(self.writing.request, self.seconds)
        ended = now()
        self.answered += len(outcome.seconds)
        for status, number in outcome.refused.items():
            self.refused[status] = self.refused.get(status, 0) + number
        await drained(self.observer)
        self.lags.append(now() - ended)

        return outcome.rate


def measure(seconds: float) -> Report:
    with scratch() as installation:
        limit = FiveStatements(beside(installation.url, LIMIT), installation.folder)
        senders = run(_prepare(installation, limit))
        address = installation.start_api()
        installation.start_worker()
        report = run(_over_http(installation, senders, limit, address, slice_seconds(seconds, 5)))
        faults = [*report.faults, *installation.faults()]
        installation.stop_processes()
        door = run(_through_the_door(installation.url, senders, slice_seconds(seconds, 5)))
    return Report([*report.figures, door], faults, report.notes)


async def _prepare(installation: Scratch, limit: FiveStatements) -> list[Sender]:
    await copy_database(installation.url, "template0", LIMIT)
    await limit.prepare()
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    senders = make_senders(world.account_id, KNOWN)
    await let_write(database, senders)
    await database.close()
    await copy_database(installation.url, None, TEMPLATE)
    return senders


async def _over_http(
    installation: Scratch, senders: list[Sender], limit: FiveStatements, address: tuple[str, int], seconds: float
) -> Report:
    async with _loaded(installation, senders, limit, address, seconds) as parts:
        await drained(parts.observer)
        rounds = [each async for each in interleave(parts.five_statements, parts.messages, parts.nothing)]
        faults = await check(parts.observer, messages=KNOWN + parts.answered)
    faults += [f"{number} answers had status {status}" for status, number in parts.refused.items()]
    what = "messages in over HTTP, durable, all checks, worker running, new and known customers 1:9"
    figures = [
        Figure(
            "P1",
            f"{what}, to five statements in a transaction by {limit.by}",
            "a second",
            tuple((messages, five) for five, messages, _ in rounds),
            must=0.5,
            stretch=2,
            line="at_least",
        ),
        without_limit("P1-lag", "until every consumer is through", "s", parts.lags[1:], must=LAG_SECONDS, stretch=0.5),
        Figure(
            "P2",
            f"{what}, to a POST that does nothing",
            "a second",
            tuple((messages, nothing) for _, messages, nothing in rounds),
            must=0.3,
            stretch=0.6,
            line="at_least",
        ),
    ]
    return Report(figures, faults, [f"{parts.answered} messages over HTTP checked for sequences, events, positions"])


@asynccontextmanager
async def _loaded(
    installation: Scratch, senders: list[Sender], limit: FiveStatements, address: tuple[str, int], seconds: float
) -> AsyncIterator[OverHttp]:
    observer = await asyncpg.connect(installation.url)
    load = HttpLoad(address, CONNECTIONS)
    newcomers = make_senders(senders[0].visitor.channel_account_id, NEWCOMERS)
    try:
        writing = Writing(senders, newcomers, new_of_ten=NEW_OF_TEN)
        yield OverHttp(load, limit, writing, observer, seconds)
    finally:
        await observer.close()


async def _through_the_door(url: str, senders: list[Sender], seconds: float) -> Figure:
    template = beside(url, TEMPLATE)
    number = max(int(seconds * DOOR_MESSAGES_A_SECOND), 1_000)
    account_id = senders[0].visitor.channel_account_id
    sent: list[tuple[str, tuple[object, ...]]] = []

    async def candidate() -> float:
        writing = Writing(senders, make_senders(account_id, number), new_of_ten=NEW_OF_TEN)
        async with clone(template, "bench_candidate") as copy:
            rate, statements = await intake_rate(copy, [writing.next() for _ in range(number)])
        sent[:] = statements
        return rate

    async def limit() -> float:
        async with clone(template, "bench_replay") as copy:
            return number / await replay_seconds(copy, sent)

    rounds = [(value, bare) async for value, bare in interleave(candidate, limit)]
    what = "messages through the door without HTTP, to the same statements sent by the bare driver"
    return Figure("P3", what, "a second", tuple(rounds), must=0.5, stretch=0.8, line="at_least")
