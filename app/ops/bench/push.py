"""P4, P5: from a message's post, and from its commit in another process, to an agent's socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg

from app.channels.intake import store
from app.core.act import system_act
from app.core.bus import PostgresBus
from app.core.config import Settings
from app.core.database import Database
from app.core.runtime import Runtime, open_runtime
from app.ops.bench.http_load import HttpLoad
from app.ops.bench.measuring import Figure, interleave, now, percentile, slice_seconds
from app.ops.bench.program import Report
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.socket_load import SocketConnection, subscribe
from app.ops.bench.world import World, Writing, check, drained, let_write, make_senders, make_world

KNOWN = 2_000
POSTS_A_SECOND = 500.0
SHARE_OF_MAXIMUM = 0.25
COMMITS_A_SECOND = 100.0
CONNECTIONS = 32
SEEN_WITHIN_SECONDS = 30.0
ECHO_CHANNEL, ECHOED_CHANNEL = "bench_echo", "bench_echoed"
EVENT_OF_MESSAGE = '"event":"message.received"'

LIMIT_TABLE = "CREATE TABLE bench_commit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)"
LIMIT_COMMIT = "INSERT INTO bench_commit (body) VALUES ($1)"


@dataclass(slots=True)
class Watch:
    """When each message was due and when its frame came, by client id."""

    due: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def expect(self, client_id: str, due: float) -> None:
        self.due[client_id] = due
        self.missing.add(client_id)

    def note(self, frame: bytes) -> None:
        seen = now()
        text = frame.decode()
        if EVENT_OF_MESSAGE not in text:
            return
        client_id = json.loads(text)["data"]["message"]["client_id"]
        if client_id in self.missing:
            self.missing.remove(client_id)
            self.seconds.append(seen - self.due[client_id])

    async def all_seen(self) -> list[float]:
        """The seconds of all that were expected since the last call."""
        until = now() + SEEN_WITHIN_SECONDS
        while self.missing:
            if now() > until:
                raise RuntimeError(f"{len(self.missing)} of {len(self.due)} never came to the socket")
            await asyncio.sleep(0.005)
        seconds, self.seconds = self.seconds, []
        return seconds


def measure(seconds: float) -> Report:
    with scratch() as installation:
        world = run(_prepare(installation))
        address = installation.start_api()
        installation.start_worker()
        installation.start_child("echo", "from app.ops.bench.push import echo; echo()")
        report = run(_measure(installation, world, address, slice_seconds(seconds, 4)))
        return Report(report.figures, [*report.faults, *installation.faults()], report.notes)


def echo() -> None:
    """The other end of a bus round trip, in a process of its own."""
    run(_echo())


async def _echo() -> None:
    bus = PostgresBus(Settings().database_url)
    bus.subscribe(ECHO_CHANNEL, lambda _: bus.nudge(ECHOED_CHANNEL))
    await bus.start()
    await asyncio.Event().wait()


async def _prepare(installation: Scratch) -> World:
    connection = await asyncpg.connect(installation.url)
    await connection.execute(LIMIT_TABLE)
    await connection.close()
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    await database.close()
    return world


@dataclass(slots=True)
class Push:
    """One agent's socket on the api process; posts come over HTTP, commits from this process, which is another."""

    world: World
    runtime: Runtime
    load: HttpLoad
    writing: Writing
    watch: Watch
    agent: SocketConnection
    plain: "asyncpg.Connection[asyncpg.Record]"
    echoed: asyncio.Event
    seconds: float
    rate: float = POSTS_A_SECOND
    answered: int = KNOWN
    posted: list[list[float]] = field(default_factory=list)
    committed: list[list[float]] = field(default_factory=list)
    single: list[list[float]] = field(default_factory=list)
    tripped: list[list[float]] = field(default_factory=list)

    async def echo_is_there(self) -> None:
        async with asyncio.timeout(SEEN_WITHIN_SECONDS):
            while not self.echoed.is_set():
                self.runtime.bus.nudge(ECHO_CHANNEL)
                await asyncio.sleep(0.1)

    async def find_rate(self) -> None:
        outcome = await self.load.closed_loop(self.writing.request, self.seconds)
        self.answered += len(outcome.seconds)
        self.rate = min(POSTS_A_SECOND, outcome.rate * SHARE_OF_MAXIMUM)
        await drained(self.plain)

    async def posts(self) -> float:
        def make(due: float) -> bytes:
            sender, _ = self.writing.next()
            client_id = uuid4().hex
            self.watch.expect(client_id, due)
            return sender.request(client_id)

        self.agent.send({"type": "ping"})  # a socket that is silent for long is closed
        outcome = await self.load.open_loop(make, self.rate, self.seconds)
        if outcome.refused or self.agent.closed:
            raise RuntimeError(f"answers by status: {outcome.refused}; the socket is closed: {self.agent.closed}")
        self.answered += len(outcome.seconds)
        self.posted.append(await self.watch.all_seen())
        return percentile(self.posted[-1], 0.5)

    async def commits(self) -> float:
        """From the moment a stored message's COMMIT is sent."""
        self.agent.send({"type": "ping"})
        async for _ in _beats(COMMITS_A_SECOND, self.seconds):
            sender, _ = self.writing.next()
            client_id = uuid4().hex
            async with self.runtime.database.transaction() as session:
                await store(session, system_act(self.runtime.clock, "bench"), [(sender.envelope(client_id), "")])
                self.watch.expect(client_id, now())
            self.answered += 1
        self.committed.append(await self.watch.all_seen())
        return percentile(self.committed[-1], 0.99)

    async def single_commits(self) -> float:
        took = []
        until = now() + self.seconds
        while (started := now()) < until:
            await self.plain.execute(LIMIT_COMMIT, "x" * 120)
            took.append(now() - started)
        self.single.append(took)
        return percentile(took, 0.5)

    async def commits_and_trips(self) -> float:
        """A commit, then to the other process and back by the bus."""
        took = []
        async for started in _beats(COMMITS_A_SECOND, self.seconds):
            started = now()
            await self.plain.execute(LIMIT_COMMIT, "x" * 120)
            self.echoed.clear()
            self.runtime.bus.nudge(ECHO_CHANNEL)
            await self.echoed.wait()
            took.append(now() - started)
        self.tripped.append(took)
        return percentile(took, 0.99)


async def _beats(rate: float, seconds: float) -> AsyncIterator[float]:
    """At a fixed pace; one that is late is followed at once."""
    started = now()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        await asyncio.sleep(max(due - now(), 0))
        yield due


async def _measure(installation: Scratch, world: World, address: tuple[str, int], seconds: float) -> Report:
    async with _pushing(installation, world, address, seconds) as push:
        await push.echo_is_there()
        await push.find_rate()
        parts = (push.single_commits, push.posts, push.commits_and_trips, push.commits)
        async for _ in interleave(*parts):
            pass
        faults = await _faults(push)
    what = f"from the post's time to the agent's socket, {push.rate:.0f} a second, to a single client's commit"
    figures = [
        _figure("P4-p50", f"p50 {what}", push, push.posted, 0.5, push.single, 0.5, must=15, stretch=6),
        _figure("P4-p99", f"p99 {what} (p50)", push, push.posted, 0.99, push.single, 0.5, must=50, stretch=20),
        _figure(
            "P5",
            "p99 from commit to a socket in another process, to a commit and a bus round trip (p99)",
            push,
            push.committed,
            0.99,
            push.tripped,
            0.99,
            must=8,
            stretch=3,
        ),
    ]
    return Report(figures, faults, [f"{push.answered} messages, each seen once on the socket"])


def _figure(
    id: str,
    what: str,
    push: Push,
    values: list[list[float]],
    share: float,
    limits: list[list[float]],
    limit_share: float,
    *,
    must: float,
    stretch: float,
) -> Figure:
    rounds = tuple(
        (1000 * percentile(value, share), 1000 * percentile(limit, limit_share))
        for value, limit in zip(values[1:], limits[1:], strict=True)
    )
    return Figure(id, what, "ms", rounds, must=must, stretch=stretch, line="at_most")


async def _faults(push: Push) -> list[str]:
    await drained(push.plain)
    return await check(push.plain, messages=push.answered)


@asynccontextmanager
async def _pushing(
    installation: Scratch, world: World, address: tuple[str, int], seconds: float
) -> AsyncIterator[Push]:
    plain = await asyncpg.connect(installation.url)
    watch, echoed = Watch(), asyncio.Event()
    known = make_senders(world.account_id, KNOWN)
    settings = Settings(DATABASE_URL=installation.url)
    async with open_runtime(settings, "bench") as runtime:
        runtime.bus.subscribe(ECHOED_CHANNEL, lambda _: echoed.set())
        await let_write(runtime.database, known)
        await drained(plain)
        agent = await subscribe(address, world.keys[0], None, watch.note)
        writing = Writing(known, [], new_of_ten=0)
        yield Push(world, runtime, HttpLoad(address, CONNECTIONS), writing, watch, agent, plain, echoed, seconds)
        agent.close()
    await plain.close()
