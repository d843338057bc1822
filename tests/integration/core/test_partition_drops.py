"""Months of the event log go when their time is over, and never under somebody who still needs them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app import wiring
from app.core import event_log, owners, parking, partition_drops, positions
from app.core.act import Act
from app.core.config import Settings
from app.core.consumers import Consumer, ConsumerRunner
from app.core.database import Database
from app.core.event_log import Position
from app.core.log_signal import LogSignal
from app.core.partition_drops import drop_what_is_over
from app.core.partitions import ensure_partitions, list_partition_names, month_of
from tests.clocks import ManualClock
from tests.event_logs import KNOWN_EVENTS, ByHand

MONTHS = 8
EACH = 5
"""Events a month."""
KEEP = 3
INSERT = text(
    "INSERT INTO event (event_uuid, key, type, version, occurred_at, actor, request_id, payload, created_at)"
    " VALUES (gen_random_uuid(), :key, 'test.happened', 1, :at, 't', '', '{}', :at)"
)


class History:
    """A log of some months, as it would have come about: each month's events made and positioned in it."""

    def __init__(self, database: Database, by_hand: ByHand, clock: ManualClock) -> None:
        self.database, self.by_hand, self.clock = database, by_hand, clock
        self.first = month_of(clock.now()).plus(-MONTHS + 1)
        self.keys = [uuid4() for _ in range(EACH)]

    async def live_through(self) -> None:
        for number in range(MONTHS):
            await self.live(number)

    async def live(self, number: int) -> None:
        at = self.first.plus(number).start + timedelta(days=1)
        self.clock._now = at
        async with self.database.engine.begin() as connection:
            await ensure_partitions(connection, at)
        await self.say(at, self.keys)

    async def say(self, at: datetime, keys: list[UUID]) -> None:
        async with self.database.transaction() as session:
            for key in keys:
                await session.execute(INSERT, {"at": at, "key": key})
        self.by_hand.last = None  # it knows when its batch was taken, which was not then
        await self.by_hand.dispatch()

    async def move(self, consumer: str, position: int) -> None:
        async with self.database.transaction() as session:
            await session.execute(
                text(
                    "INSERT INTO consumer_cursor (consumer, position) VALUES (:consumer, :position)"
                    " ON CONFLICT (consumer) DO UPDATE SET position = :position, positioned_at = NULL"
                ),
                {"consumer": consumer, "position": position},
            )

    async def drop(self, keep_months: int = KEEP) -> dict[str, str | None]:
        """By partition why it stays, None for those that went."""
        verdicts = await drop_what_is_over(self.database, self.clock, holder="t", keep_months=keep_months)
        assert verdicts is not None
        return {verdict.partition.name: verdict.stays for verdict in verdicts}

    async def left(self, table: str) -> list[int]:
        """The months that are left of it, counted from the first."""
        async with self.database.engine.connect() as connection:
            there = await list_partition_names(connection, table)
        return [number for number in range(MONTHS) if self.name(table, number) in there]

    def name(self, table: str, number: int) -> str:
        return f"{table}_{self.first.plus(number).first_day:%Y_%m}"

    @property
    def head(self) -> int:
        return MONTHS * EACH


@pytest.fixture
async def history(database: Database, by_hand: ByHand, clock: ManualClock) -> History:
    made = History(database, by_hand, clock)
    await made.live_through()
    return made


@asynccontextmanager
async def consuming(database: Database, clock: ManualClock, consumer: Consumer) -> AsyncIterator[None]:
    runner = ConsumerRunner(database, clock, LogSignal(), [consumer], known_events=KNOWN_EVENTS)
    await runner.prepare()
    task = asyncio.create_task(runner.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_what_is_over_goes_and_the_log_begins_after_it(history: History, log_connection) -> None:
    await history.move("reader", history.head)
    await history.drop()
    assert await history.left("event_position") == [5, 6, 7]
    assert await history.left("event") == [4, 5, 6, 7]
    beginning = await event_log.beginning(log_connection)
    assert beginning == Position(5 * EACH, None)
    assert [each.position for each in await event_log.read(log_connection, beginning)] == list(
        range(5 * EACH + 1, history.head + 1)
    )
    # Replay of the last days reaches as far as ever, and who comes from before the beginning is below every floor.
    assert await event_log.floor(log_connection, datetime(2000, 1, 1, tzinfo=UTC)) == 5 * EACH + 1
    assert await history.drop() == await history.drop()


async def test_a_consumer_that_is_behind_keeps_its_month_and_all_after_it(history: History, log_connection) -> None:
    await history.move("quick", history.head)
    await history.move("slow", EACH + 2)
    found = await history.drop()
    assert await history.left("event_position") == [1, 2, 3, 4, 5, 6, 7]
    assert await history.left("event") == list(range(MONTHS))
    assert "consumer slow stands at position 7" in str(found[history.name("event_position", 1)])
    slow = await event_log.read(log_connection, Position(EACH + 2, None))
    assert [each.position for each in slow] == list(range(EACH + 3, history.head + 1))
    await history.move("slow", history.head)
    await history.drop()
    assert await history.left("event_position") == [5, 6, 7]


async def test_a_parked_event_stays_until_it_is_released_and_applied(history: History, database: Database) -> None:
    seen: list[int] = []
    poisonous = {2}

    async def handle(session, act, events) -> None:
        if poisonous & {each.position for each in events}:
            raise ValueError("not yet")
        seen.extend(each.position for each in events)

    consumer = Consumer("reader", frozenset({"test.happened"}), handle, start="beginning")
    async with consuming(database, history.clock, consumer):
        # All events of that key queue behind the one that cannot be applied.
        await until(lambda: len(seen) >= history.head - MONTHS)
        found = await history.drop()
        assert "position 2 is parked for consumer reader" in str(found[history.name("event_position", 0)])
        assert await history.left("event_position") == list(range(MONTHS))
        poisonous.clear()
        async with database.transaction() as session:
            act = Act(now=history.clock.now(), actor="test", request_id="")
            await parking.release(session, act, consumer="reader", key=history.keys[1])
        await until(lambda: len(seen) == history.head)
    assert sorted(seen) == list(range(1, history.head + 1))
    await history.drop()
    assert await history.left("event_position") == [5, 6, 7]


async def test_events_without_a_position_keep_their_month(history: History, database: Database) -> None:
    await history.move("reader", history.head)
    at = history.first.plus(2).start + timedelta(days=3)
    async with database.transaction() as session:
        await session.execute(INSERT, {"at": at, "key": uuid4()})
    found = await history.drop()
    assert await history.left("event_position") == [2, 3, 4, 5, 6, 7]
    assert "dispatcher" in str(found[history.name("event_position", 2)])


async def test_a_cursor_that_is_being_moved_back_keeps_its_month(
    history: History, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, say, to have a consumer see everything again: what is not committed yet is waited for, in vain here."""
    monkeypatch.setattr(partition_drops, "TRIES", 2)
    monkeypatch.setattr(partition_drops, "PAUSE_SECONDS", 0.0)
    await history.move("reader", history.head)
    async with database.transaction() as session:
        await session.execute(text("UPDATE consumer_cursor SET position = 3, positioned_at = NULL"))
        found = await history.drop()
        assert "lock" in str(found[history.name("event_position", 0)])
    assert await history.left("event_position") == list(range(MONTHS))
    assert "consumer reader stands at position 3" in str((await history.drop())[history.name("event_position", 0)])


async def test_a_consumer_that_begins_while_months_go_begins_at_what_is_left(history: History, log_connection) -> None:
    """Whichever comes first: the cursor keeps its month, or stands after what went."""
    dropping = asyncio.create_task(history.drop())
    number = 0
    while not dropping.done():
        await parking.create_cursor(log_connection, f"new {number}", start="beginning")
        number += 1
    await dropping
    await parking.create_cursor(log_connection, f"new {number}", start="beginning")
    for name in range(number + 1):
        state = await parking.find_state(log_connection, f"new {name}")
        assert state is not None
        assert (await event_log.read(log_connection, state.cursor))[0].position == state.position + 1


async def test_nobody_waits_behind_a_month_that_cannot_be_locked(
    history: History, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup reads all tables for hours: months stay, and each try gives way at once to those who come after."""
    monkeypatch.setattr(partition_drops, "TRIES", 3)
    monkeypatch.setattr(partition_drops, "PAUSE_SECONDS", 0.0)
    await history.move("reader", history.head)
    async with database.transaction() as backup:
        await backup.execute(text("LOCK TABLE event, event_position IN ACCESS SHARE MODE"))
        dropping = asyncio.create_task(history.drop())
        while not dropping.done():
            async with database.transaction() as session:
                await session.execute(text("SET LOCAL lock_timeout = '2s'"))
                await session.execute(text("SELECT count(*) FROM event_position"))
        assert "lock" in str((await dropping)[history.name("event_position", 0)])
    assert await history.left("event_position") == list(range(MONTHS))
    await history.drop()
    assert await history.left("event_position") == [5, 6, 7]


async def test_of_several_workers_one_drops_and_one_that_was_deposed_drops_nothing(
    history: History, database: Database
) -> None:
    await history.move("reader", history.head)
    async with database.transaction() as session:
        assert await owners.acquire(session, partition_drops.ROLE, "another", history.clock.now()) == 1
    assert await drop_what_is_over(database, history.clock, holder="t", keep_months=KEEP) is None
    history.clock.advance(owners.LEASE_SECONDS + 1)
    with pytest.raises(owners.Deposed):
        await partition_drops._drop_all(database, history.clock, 99, KEEP)
    assert await history.left("event_position") == list(range(MONTHS))
    await history.drop()
    assert await history.left("event_position") == [5, 6, 7]


async def test_a_restore_gives_nothing_a_second_position_when_months_were_dropped(
    history: History, database: Database, database_url: str, log_connection
) -> None:
    """Events outlive their positions by a month."""
    await history.move("reader", history.head)
    await history.drop()
    async with database.transaction() as session:
        await session.execute(text("UPDATE event_dispatch SET system_identifier = 1"))
        await session.execute(INSERT, {"at": history.clock.now(), "key": uuid4()})
    batch = await positions.resume(history.by_hand.connection, history.clock)
    assert batch.last_position == history.head + 1
    assert await event_log.incarnation(log_connection) == 2


async def test_an_installation_whose_whole_log_is_over_goes_on_counting(
    history: History, database: Database, log_connection
) -> None:
    await history.move("reader", history.head)
    history.clock.advance(86_400 * 365)
    await history.drop()
    assert await history.left("event") == []
    assert await event_log.beginning(log_connection) == await event_log.head(log_connection)
    assert await event_log.read(log_connection, Position(history.head, None)) == []
    await parking.create_cursor(log_connection, "new", start="beginning")
    async with database.engine.begin() as connection:
        await ensure_partitions(connection, history.clock.now())
    await history.say(history.clock.now(), history.keys)
    for consumer in ("new", "reader"):
        state = await parking.find_state(log_connection, consumer)
        assert state is not None
        read = await event_log.read(log_connection, state.cursor)
        assert [each.position for each in read] == list(range(history.head + 1, history.head + EACH + 1))


async def test_traffic_goes_on_while_months_go(history: History, database: Database, log_connection) -> None:
    await history.move("reader", history.head)
    dropping = asyncio.create_task(history.drop())
    said = history.head
    while not dropping.done() or said < history.head + 20:
        await history.say(history.clock.now(), history.keys[:1])
        said += 1
        read = await event_log.read(log_connection, Position(said - 1, None))
        assert [each.position for each in read] == [said]
    assert None in (await dropping).values()
    assert await history.left("event_position") == [5, 6, 7]


async def test_the_worker_does_it_as_the_settings_say(history: History, database: Database) -> None:
    await history.move("reader", history.head)
    for months, left in ((9, list(range(MONTHS))), (4, [4, 5, 6, 7])):
        jobs = {job.name: job for job in wiring.periodic(Settings(keep_events_months=months), "test")}
        await jobs["old_events"].run(database, history.clock)
        assert await history.left("event_position") == left


class DropsAmid:
    """A connection on which months go between the first question and the second."""

    def __init__(self, connection, history: History) -> None:
        self.fetchrow, self._ask, self._history, self._asked = connection.fetchrow, connection.fetchval, history, False

    async def fetchval(self, question: str, *values: object) -> object:
        answer = await self._ask(question, *values)
        if not self._asked:
            self._asked = True
            await self._history.drop()
        return answer


async def test_months_that_go_amid_a_search_for_the_floor_lie_below_it(history: History, log_connection) -> None:
    await history.move("reader", history.head)
    since = history.first.plus(6).start
    assert await event_log.floor(DropsAmid(log_connection, history), since) == 6 * EACH + 1
    assert await history.left("event_position") == [5, 6, 7]
