"""P9, P10: one event to five thousand sockets, with permissions and buffers, and what others feel meanwhile."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from app.core.database import Database
from app.ops.bench.api_process import TICKS_PATH
from app.ops.bench.bare_sockets import SEND
from app.ops.bench.http_load import HttpConnection, request
from app.ops.bench.measuring import Figure, interleave, now, percentile, slice_seconds, without_limit
from app.ops.bench.program import Report
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.socket_load import SocketConnection, subscribe
from app.ops.bench.world import Sender, World, check, drained, let_write, make_senders, make_world

SOCKETS = 5_000
SOCKETS_A_KEY = 20
MESSAGES_AT_ONCE = 4
"""Events that follow one another closely, as on a busy day."""
SENDERS = 500
CONNECT_AT_ONCE = 50
PING_AFTER_SECONDS = 15.0
ARRIVE_WITHIN_SECONDS = 60.0
STALL_SECONDS = 0.020


@dataclass(slots=True)
class Counter:
    """Frames that came, over all sockets."""

    frames: int = 0
    size: int = 0
    pongs: int = 0

    def count(self, frame: bytes) -> None:
        self.frames += 1
        self.size = len(frame)

    def count_pong(self) -> None:
        self.pongs += 1


@dataclass(slots=True)
class Fanout:
    world: World
    senders: list[Sender]
    api: tuple[str, int]
    bare: HttpConnection
    seconds: float
    ours: Counter
    theirs: Counter
    sockets: list[SocketConnection]
    turn: int = 0
    posted: int = SENDERS
    stalls: list[float] = field(default_factory=list)
    pinged_at: float = field(default_factory=now)

    async def events(self) -> float:
        """Frames a second, from the posts to the last frame."""
        await self._keep_alive()
        connections = [await HttpConnection.open(*self.api, number=number) for number in range(MESSAGES_AT_ONCE + 1)]
        take_ticks = request("POST", TICKS_PATH)
        await connections[-1].ask(take_ticks)
        before, started = self.ours.frames, now()
        while now() < started + self.seconds:
            await asyncio.gather(*(connection.ask(self._post()) for connection in connections[:-1]))
            await _until(self.ours, self.posted_frames)
        took = now() - started
        _, late = await connections[-1].ask(take_ticks)
        self.stalls.append(percentile(json.loads(late), 0.99))
        for connection in connections:
            connection.close()
        return (self.ours.frames - before) / took

    async def ready_frames(self) -> float:
        before, started = self.theirs.frames, now()
        size = self.ours.size
        while now() < started + self.seconds:
            expected = self.theirs.frames + MESSAGES_AT_ONCE * len(self.sockets)
            self.bare.write(SEND + f"{MESSAGES_AT_ONCE} {size}\n".encode())
            await _until(self.theirs, expected)
        return (self.theirs.frames - before) / (now() - started)

    @property
    def posted_frames(self) -> int:
        return (self.posted - SENDERS) * len(self.sockets)

    def _post(self) -> bytes:
        self.turn, self.posted = self.turn + 1, self.posted + 1
        return self.senders[self.turn % SENDERS].request(f"fan{self.turn}")

    async def _keep_alive(self) -> None:
        if now() - self.pinged_at < PING_AFTER_SECONDS:
            return
        self.pinged_at = now()
        expected = self.ours.pongs + len(self.sockets)
        await _ping(self.sockets)
        async with asyncio.timeout(ARRIVE_WITHIN_SECONDS):
            while self.ours.pongs < expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def _ping(sockets: list[SocketConnection]) -> None:
    for first in range(0, len(sockets), CONNECT_AT_ONCE):
        for connection in sockets[first : first + CONNECT_AT_ONCE]:
            connection.send({"type": "ping"})
        await asyncio.sleep(0)


async def _until(counter: Counter, frames: int) -> None:
    async with asyncio.timeout(ARRIVE_WITHIN_SECONDS):
        while counter.frames < frames:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def measure(seconds: float) -> Report:
    with scratch() as installation:
        world, senders = run(prepare(installation, SOCKETS))
        api = installation.start_api()
        bare = installation.start_listening("bare", "from app.ops.bench.bare_sockets import main; main({fd})")
        report = run(_measure(installation, world, senders, api, bare, slice_seconds(seconds, 2)))
        return Report(report.figures, [*report.faults, *installation.faults()], report.notes)


async def prepare(installation: Scratch, sockets: int) -> tuple[World, list[Sender]]:
    """A world with keys for so many sockets, and those who will write."""
    database = Database(installation.url, application_name="bench")
    world = await make_world(database, keys=-(-sockets // SOCKETS_A_KEY))
    senders = make_senders(world.account_id, SENDERS)
    await let_write(database, senders)
    await database.close()
    return world, senders


async def _measure(
    installation: Scratch,
    world: World,
    senders: list[Sender],
    api: tuple[str, int],
    bare: tuple[str, int],
    seconds: float,
) -> Report:
    observer = await asyncpg.connect(installation.url)
    await drained(observer)
    async with connected(observer, world, senders, api, bare, seconds, sockets=SOCKETS) as fanout:
        rounds = [(events, ready) async for events, ready in interleave(fanout.events, fanout.ready_frames)]
        await drained(observer)
        faults = await check(observer, messages=fanout.posted)
        lost = sum(connection.closed for connection in fanout.sockets)
    faults += [f"{lost} sockets were closed"] if lost else []
    if fanout.ours.frames != fanout.posted_frames:
        faults.append(f"{fanout.ours.frames} frames came of {fanout.posted_frames}")
    await observer.close()
    what = f"frames to {SOCKETS} sockets, permissions and buffers on, to a ready frame of {fanout.ours.size} bytes"
    stalls = [1000 * stall for stall in fanout.stalls[1:]]
    figures = [
        Figure("P9", what, "a second", tuple(rounds), must=0.15, stretch=0.5, line="at_least"),
        without_limit(
            "P10", "p99 of a 1 ms timer during the fan-out", "ms", stalls, must=1000 * STALL_SECONDS, stretch=5
        ),
    ]
    return Report(figures, faults, [f"{fanout.ours.frames} frames, each event once on each socket"])


@asynccontextmanager
async def _kept_alive(sockets: list[SocketConnection]) -> AsyncIterator[None]:
    """Five thousand come at the api's pace: on a busy machine the first counts as dead before the last is in."""

    async def ping_on() -> None:
        while True:
            await asyncio.sleep(PING_AFTER_SECONDS)
            await _ping(list(sockets))

    pinging = asyncio.create_task(ping_on())
    try:
        yield
    finally:
        pinging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pinging


@asynccontextmanager
async def connected(
    observer: "asyncpg.Connection[asyncpg.Record]",
    world: World,
    senders: list[Sender],
    api: tuple[str, int],
    bare: tuple[str, int],
    seconds: float,
    *,
    sockets: int,
) -> AsyncIterator[Fanout]:
    """So many sockets of ours and as many bare ones, live and waiting."""
    head = await observer.fetchval("SELECT max(position) FROM event_position")
    ours, theirs = Counter(), Counter()
    limit = asyncio.Semaphore(CONNECT_AT_ONCE)

    joined: list[SocketConnection] = []

    async def join(number: int) -> None:
        async with limit:
            token = world.keys[number // SOCKETS_A_KEY]
            joined.append(await subscribe(api, token, f"1-{head}", ours.count, on_pong=ours.count_pong))

    async def join_bare() -> SocketConnection:
        async with limit:
            return await SocketConnection.open(bare, "/", lambda _, frame: theirs.count(frame))

    async with _kept_alive(joined):
        await asyncio.gather(*(join(number) for number in range(sockets)))
        others = await asyncio.gather(*(join_bare() for _ in range(sockets)))
    commands = await HttpConnection.open(*bare)
    try:
        yield Fanout(world, senders, api, commands, seconds, ours, theirs, joined)
    finally:
        commands.close()
        for connection in [*joined, *others]:
            with contextlib.suppress(OSError):
                connection.close()
