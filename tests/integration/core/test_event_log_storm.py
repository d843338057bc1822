"""The log under concurrent writers that wait, roll back and crash: nothing lost, doubled, invented or reordered."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act, system_act
from app.core.clock import DatabaseClock
from app.core.consumers import Consumer, ConsumerRunner
from app.core.database import Database
from app.core.dispatcher import Dispatcher
from app.core.driver import connect_to_log, raise_if_cancelled
from app.core.event_log import ZERO, StoredEvent
from app.core.log_signal import LogSignal
from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from tests.event_logs import KNOWN_EVENTS, Happened

SEED = 20261122
WRITERS = 16
CRASH_WRITERS = 6
CRASHES = 3
HOT_KEYS = 4
WAIT_SECONDS = 60


class Regret(Exception):
    pass


@dataclass
class Storm:
    """Writers of one database, and what they were told of each of their events."""

    database: Database
    keys: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(HOT_KEYS)])
    clock: DatabaseClock = field(default_factory=DatabaseClock)
    acknowledged: set[UUID] = field(default_factory=set)
    rolled_back: set[UUID] = field(default_factory=set)

    async def prepare(self) -> None:
        async with self.database.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE hot (key uuid PRIMARY KEY, changes int NOT NULL)"))
            await connection.execute(text("CREATE TABLE effect (position bigint NOT NULL)"))
            for key in self.keys:
                await connection.execute(text("INSERT INTO hot VALUES (:key, 0)"), {"key": key})

    async def write_once(self, dice: random.Random) -> None:
        """One transaction: perhaps an early transaction id, perhaps a savepoint given up, perhaps a rollback."""
        uuids: list[UUID] = []
        act = system_act(self.clock, "storm")
        key = dice.choice(self.keys)
        try:
            async with self.database.transaction() as session:
                if dice.random() < 0.3:
                    await session.execute(text("SELECT pg_current_xact_id()"))
                    await asyncio.sleep(dice.random() * 0.01)
                with suppress(Regret):
                    async with session.begin_nested():
                        if dice.random() < 0.3:
                            self.rolled_back.update(await event_log.append(session, act, [Happened(subject=uuid4())]))
                            raise Regret
                change = await session.scalar(
                    text("UPDATE hot SET changes = changes + 1 WHERE key = :key RETURNING changes"), {"key": key}
                )
                events = [Happened(subject=key, note=str(change)) for _ in range(dice.randint(1, 3))]
                uuids = await event_log.append(session, act, events)
                await asyncio.sleep(dice.random() * 0.005)
                if dice.random() < 0.2:
                    raise Regret
        except Regret:
            self.rolled_back.update(uuids)
        else:
            self.acknowledged.update(uuids)


@asynccontextmanager
async def dispatching(database_url: str, clock: DatabaseClock, how_many: int = 1):
    """Gives a signal that all dispatchers feed."""
    signal = LogSignal()
    async with AsyncExitStack() as stack:
        for _ in range(how_many):
            task = asyncio.create_task(Dispatcher(database_url, clock, signal.notify).run())
            stack.callback(task.cancel)
        yield signal


async def follow(database_url: str, signal: LogSignal, page: int, seen: list[StoredEvent]) -> None:
    """Read on and on, also over lost connections, as a hub does."""
    while True:
        try:
            connection = await connect_to_log(database_url, application_name="follower")
            try:
                await follow_on(connection, signal, page, seen)
            finally:
                connection.terminate()
        except Exception:
            raise_if_cancelled()
            await asyncio.sleep(0.05)


async def follow_on(connection: Any, signal: LogSignal, page: int, seen: list[StoredEvent]) -> None:
    while True:
        at = signal.position
        found = await event_log.read(connection, seen[-1].cursor if seen else ZERO, limit=page)
        seen += found
        if not found:
            await signal.wait(at, 0.2)


async def comes_to_hold(seen: list[StoredEvent], uuids: set[UUID]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            while not uuids <= {event.uuid for event in seen}:
                await asyncio.sleep(0.05)
    assert uuids - {event.uuid for event in seen} == set(), "acknowledged, but not in the log"


def assert_one_dense_order(seen: list[StoredEvent]) -> None:
    assert [event.position for event in seen] == list(range(1, len(seen) + 1))
    assert len({event.uuid for event in seen}) == len(seen)
    times = [event.positioned_at for event in seen]
    assert times == sorted(times)


def assert_causes_come_first(seen: list[StoredEvent], keys: list[UUID]) -> None:
    for key in keys:
        changes = [int(event.payload["note"]) for event in seen if event.key == key]
        assert changes == sorted(changes)


async def everything(database_url: str) -> list[StoredEvent]:
    connection = await connect_to_log(database_url, application_name="fresh reader")
    seen: list[StoredEvent] = []
    while page := await event_log.read(connection, seen[-1].cursor if seen else ZERO):
        seen += page
    await connection.close()
    return seen


async def test_sixteen_writers_two_dispatchers_and_two_readers(database: Database):
    print(f"seed {SEED}")
    storm = Storm(database)
    await storm.prepare()

    async def write(number: int) -> None:
        dice = random.Random(SEED + number)
        for _ in range(25):
            await storm.write_once(dice)

    readers: list[list[StoredEvent]] = [[], []]
    async with dispatching(database.url, storm.clock, how_many=2) as signal:
        followers = [
            asyncio.create_task(follow(database.url, signal, page, seen))
            for page, seen in zip((7, 500), readers, strict=True)
        ]
        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        for seen in readers:
            await comes_to_hold(seen, storm.acknowledged)
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    assert {event.uuid for event in readers[0]} == storm.acknowledged
    assert storm.rolled_back
    assert readers[0] == readers[1]
    assert_one_dense_order(readers[0])
    assert_causes_come_first(readers[0], storm.keys)


async def test_postgres_killed_under_load_loses_no_acknowledged_event(tmp_path: Path):
    """The writers' transactions of unknown outcome may be in the log or not, but for all readers alike.

    A consumer runs beside them: each event of the log has its effect once.
    """
    print(f"seed {SEED}")
    server = EmbeddedPostgres(tmp_path)
    url = server.start()
    try:
        await migrate.upgrade(url)
        database = Database(url, application_name="storm")
        await crash_repeatedly(server, database)
        await database.close()
    finally:
        server.stop()


async def have_effect(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
    for event in events:
        await session.execute(text("INSERT INTO effect VALUES (:position)"), {"position": event.position})


EFFECTS = Consumer("effects", frozenset({Happened.type}), have_effect, start="beginning", batch=20)


async def effects_come_to(database: Database, head: int) -> None:
    """Exactly one effect of each event, none parked."""
    positions: list[int] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            while len(positions) < head:
                await asyncio.sleep(0.05)
                async with database.transaction() as session:
                    positions = list(await session.scalars(text("SELECT position FROM effect ORDER BY position")))
    assert positions == list(range(1, head + 1))


async def crash_repeatedly(server: EmbeddedPostgres, database: Database) -> None:
    storm = Storm(database)
    await storm.prepare()
    seen: list[StoredEvent] = []
    over = asyncio.Event()

    async def write(number: int) -> None:
        dice = random.Random(SEED + number)
        while not over.is_set():
            try:
                await storm.write_once(dice)
            except Exception:
                await asyncio.sleep(0.05)

    async with dispatching(database.url, storm.clock, how_many=2) as signal:
        follower = asyncio.create_task(follow(database.url, signal, 50, seen))
        runner = ConsumerRunner(database, storm.clock, signal, [EFFECTS], known_events=KNOWN_EVENTS)
        consuming = asyncio.create_task(runner.run())
        writers = [asyncio.create_task(write(number)) for number in range(CRASH_WRITERS)]
        for _ in range(CRASHES):
            before = len(storm.acknowledged)
            while len(storm.acknowledged) < before + 40:
                await asyncio.sleep(0.02)
            server.kill()
            server.start()
        over.set()
        await asyncio.gather(*writers)
        await comes_to_hold(seen, storm.acknowledged)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)

        fresh = await everything(database.url)
        await effects_come_to(database, len(fresh))
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)

    assert fresh[: len(seen)] == seen
    assert not storm.rolled_back & {event.uuid for event in fresh}
    assert_one_dense_order(fresh)
    assert_causes_come_first(fresh, storm.keys)
