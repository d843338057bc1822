"""The dispatcher: one at a time by election, none twice by the fence, and on again after every failure."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from app.core import dispatcher as dispatcher_module
from app.core import event_log
from app.core.dispatcher import ADVISORY_LOCK, Dispatcher
from app.core.event_log import ZERO
from app.core.log_signal import LogSignal
from app.core.partitions import ensure_partitions
from app.core.positions import MOST_TOLD, count_missed
from tests.event_logs import ByHand, Happened, opened_by_hand

WAIT_SECONDS = 20


@asynccontextmanager
async def running(database_url: str, clock, signal: LogSignal) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(database_url, clock, signal.notify, positioned=signal.positioned)
    task = asyncio.create_task(dispatcher.run())
    yield dispatcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def reaches(signal: LogSignal, position: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await signal.wait(position - 1, WAIT_SECONDS)
    assert signal.position == position


async def test_a_woken_dispatcher_positions_what_was_committed_and_tells_it(database_url, clock, say, log_connection):
    signal = LogSignal()
    heard: asyncio.Queue[str] = asyncio.Queue()
    await log_connection.add_listener("switchboard_log", lambda *message: heard.put_nowait(message[-1]))
    async with running(database_url, clock, signal) as dispatcher:
        await say("a", "b")
        dispatcher.wake()
        await reaches(signal, 2)
    async with asyncio.timeout(WAIT_SECONDS):
        told = await heard.get()
        if told == '{"position" : 0}':  # the first start, when it was faster than the two events
            told = await heard.get()
    assert told == '{"position" : 2}'
    assert len(await event_log.read(log_connection, ZERO)) == 2


async def test_events_nobody_woke_it_for_are_positioned_too(database_url, clock, say):
    signal = LogSignal()
    async with running(database_url, clock, signal):
        await say("a")
        await reaches(signal, 1)


@asynccontextmanager
async def caught_up(database_url: str, clock, signal: LogSignal, say) -> AsyncIterator[Dispatcher]:
    """It leads, has worked off a backlog (the event at position 1), and tells of what comes from now on."""
    await say("before")
    async with running(database_url, clock, signal) as dispatcher:
        await reaches(signal, 1)
        await say("caught up")
        dispatcher.wake()
        await reaches(signal, 2)
        yield dispatcher


async def test_what_it_positions_is_in_memory_as_the_log_has_it(database_url, clock, say, log_connection):
    signal = LogSignal()
    async with caught_up(database_url, clock, signal, say) as dispatcher:
        for notes, head in ((["a"], 3), (["b", "c"], 5)):
            await say(*notes)
            dispatcher.wake()
            await reaches(signal, head)
        stored = await event_log.read(log_connection, ZERO)
        assert signal.positioned.after(2, 10) == stored[2:]
        assert signal.positioned.after(0, 10) == []


async def test_of_a_large_batch_nothing_is_in_memory_and_the_next_one_is(database_url, clock, say):
    signal = LogSignal()
    large = 2 + MOST_TOLD + 1
    async with caught_up(database_url, clock, signal, say) as dispatcher:
        for notes, head in ((["b"] * (MOST_TOLD + 1), large), (["c"], large + 1)):
            await say(*notes)
            dispatcher.wake()
            await reaches(signal, head)
        assert [signal.positioned.after(known, 10) for known in (1, 2, large - 1)] == [[], [], []]
        [last] = signal.positioned.after(large, 10)
    assert (last.position, last.payload["note"]) == (large + 1, "c")


async def test_memory_ends_with_the_connection_and_not_with_the_next_statement(
    database_url, clock, say, log_connection, monkeypatch
):
    signal = LogSignal()
    async with caught_up(database_url, clock, signal, say) as dispatcher:
        monkeypatch.setattr(dispatcher_module, "NET_SECONDS", 3600)
        await say("a")
        dispatcher.wake()
        await reaches(signal, 3)
        assert len(signal.positioned.after(2, 10)) == 1
        await log_connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchboard-dispatcher'"
            " AND datname = current_database()"
        )
        async with asyncio.timeout(WAIT_SECONDS):
            while signal.positioned.after(2, 10):
                await asyncio.sleep(0.01)
        assert dispatcher.leading  # it has not noticed yet


async def test_a_frozen_leader_is_ended_and_another_goes_on(database_url, clock, say):
    frozen = await asyncpg.connect(database_url)
    await frozen.execute("SELECT pg_advisory_lock($1, $2)", *ADVISORY_LOCK)
    signal = LogSignal()
    async with running(database_url, clock, signal):
        await say("a")
        await reaches(signal, 1)
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresConnectionError)):
        await frozen.execute("SELECT 1")
    frozen.terminate()


async def test_a_leader_at_work_is_let_alone_however_little_there_is_to_do(database_url, clock, say, monkeypatch):
    monkeypatch.setattr(dispatcher_module, "LOOK_AT_LEADER_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "FROZEN_AFTER_SECONDS", 1.0)
    first, second = LogSignal(), LogSignal()
    async with running(database_url, clock, first) as leader:
        await say("a")
        await reaches(first, 1)
        async with running(database_url, clock, second) as standby:
            await asyncio.sleep(2)  # what must not happen in this time has no event to await
            assert (leader.leading, standby.leading) == (True, False)


async def test_when_the_leaders_connection_is_killed_another_goes_on(database_url, clock, say, log_connection):
    signals = [LogSignal() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for signal in signals:
            await stack.enter_async_context(running(database_url, clock, signal))
        for position in range(1, 4):
            await say("a")
            await any_reaches(signals, position)
            [holder] = await log_connection.fetch(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            await log_connection.execute("SELECT pg_terminate_backend($1)", holder["pid"])
        await say("a")
        await any_reaches(signals, 4)
    assert [event.position for event in await event_log.read(log_connection, ZERO)] == [1, 2, 3, 4]


async def any_reaches(signals: list[LogSignal], position: int) -> None:
    waits = [asyncio.create_task(signal.wait(position - 1, WAIT_SECONDS)) for signal in signals]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert max(signal.position for signal in signals) == position


async def test_of_two_dispatchers_without_election_one_fails_and_nothing_is_positioned_twice(
    database_url, clock, say, by_hand: ByHand, log_connection
):
    async with opened_by_hand(database_url, clock) as rival:
        await by_hand.dispatch()
        await rival.dispatch()
        await say("a", "b")
        assert await by_hand.dispatch() == 2
        with pytest.raises(asyncpg.UniqueViolationError):
            await rival.dispatch()
        await say("c")
        rival.last = None
        assert await rival.dispatch() == 3
    assert await positioned_twice(log_connection) == 0
    assert [event.payload["note"] for event in await event_log.read(log_connection, ZERO)] == ["a", "b", "c"]


async def positioned_twice(log_connection) -> int:
    return await log_connection.fetchval("SELECT count(*) - count(DISTINCT event_id) FROM event_position")


async def test_nothing_new_writes_nothing(by_hand: ByHand, log_connection):
    await by_hand.dispatch()
    before = await log_connection.fetchval("SELECT pg_current_snapshot()::text")
    await by_hand.dispatch()
    assert await log_connection.fetchval("SELECT pg_current_snapshot()::text") == before
    assert await log_connection.fetchval("SELECT count(*) FROM event_dispatch") == 1


async def test_an_open_transaction_delays_nobody_and_its_event_arrives_once(
    database, act, say, by_hand: ByHand, log_connection
):
    await by_hand.dispatch()
    async with database.transaction() as slow:
        await event_log.append(slow, act, [Happened(subject=uuid4(), note="slow")])
        for position in range(1, 6):
            await say("quick")
            assert await by_hand.dispatch() == position
    assert await by_hand.dispatch() == 6
    assert await by_hand.dispatch() == 6
    notes = [event.payload["note"] for event in await event_log.read(log_connection, ZERO)]
    assert notes == ["quick"] * 5 + ["slow"]


async def test_the_time_of_positions_never_decreases(say, by_hand: ByHand, log_connection, clock):
    for seconds in (5, -20, 1):
        clock.advance(seconds)
        await say("a")
        await by_hand.dispatch()
    times = [event.positioned_at for event in await event_log.read(log_connection, ZERO)]
    assert times == [times[0]] * 3


async def test_a_clock_far_ahead_makes_it_miss_nothing(say, by_hand: ByHand, clock):
    await by_hand.dispatch()
    clock.advance(30 * 86_400)
    await say("a")
    assert await by_hand.dispatch() == 1
    await say("b")
    assert await by_hand.dispatch() == 2
    by_hand.last = None
    await say("c")
    assert await by_hand.dispatch() == 3


async def test_another_cluster_positions_what_is_left_and_begins_a_new_incarnation(
    say, by_hand: ByHand, log_connection, act
):
    await log_connection.execute("INSERT INTO installation (id, created_at) VALUES ($1, $2)", uuid4(), act.now)
    await say("positioned")
    await by_hand.dispatch()
    await say("left over")
    # As a restored dump looks: another system identifier, and transaction ids the new cluster has yet to reach.
    await log_connection.execute("UPDATE event_dispatch SET system_identifier = 1, snapshot = '900000:900000:'")
    await log_connection.execute("UPDATE event SET xid = '899999'")
    by_hand.last = None
    assert await by_hand.dispatch() == 2
    await say("new")
    assert await by_hand.dispatch() == 3
    notes = [event.payload["note"] for event in await event_log.read(log_connection, ZERO)]
    assert notes == ["positioned", "left over", "new"]
    assert await event_log.incarnation(log_connection) == 2


async def test_the_first_start_is_no_new_incarnation(say, by_hand: ByHand, log_connection, act):
    await log_connection.execute("INSERT INTO installation (id, created_at) VALUES ($1, $2)", uuid4(), act.now)
    await say("before the first dispatcher")
    assert await by_hand.dispatch() == 1
    assert await event_log.incarnation(log_connection) == 1


async def test_the_audit_finds_what_was_passed_by_and_nothing_else(database, act, say, by_hand: ByHand, log_connection):
    since = act.now - timedelta(days=2)
    await by_hand.dispatch()
    await say("a", "b")
    async with database.transaction() as slow:
        await event_log.append(slow, act, [Happened(subject=uuid4())])
        await by_hand.dispatch()
        assert await count_missed(log_connection, since) == 0
    assert await count_missed(log_connection, since) == 0
    await by_hand.dispatch()
    await log_connection.execute("DELETE FROM event_position WHERE position = 2")
    assert await count_missed(log_connection, since) == 1


@pytest.mark.parametrize("filled", [False, True], ids=["empty tables", "filled tables"])
async def test_plans_scan_no_table_and_no_partition_of_past_months(
    database, say, by_hand: ByHand, log_connection, clock, filled
):
    async with database.engine.begin() as connection:
        for months_ago in (2, 4, 6):
            await ensure_partitions(connection, clock.now() - timedelta(days=30 * months_ago))
    await say("a")
    await by_hand.dispatch()
    if filled:
        await say(*(str(number) for number in range(2_000)))
        await by_hand.dispatch()
        await log_connection.execute("ANALYZE event, event_position")
    cursor = await event_log.head(log_connection)
    await say("b")
    for each in (by_hand.connection, log_connection):
        await each.execute("LOAD 'auto_explain'")
        await each.execute("SET auto_explain.log_min_duration = 0; SET client_min_messages = log")
    with plans_of(by_hand.connection) as dispatching:
        await by_hand.dispatch()
    with plans_of(log_connection) as reading:
        assert len(await event_log.read(log_connection, cursor)) == 1
    assert [len(dispatching), len(reading)] == [1, 1]
    for plan in dispatching + reading:
        assert "Seq Scan" not in plan
        # Two days of grace may reach into the month before.
        months = re.findall(r"\bevent(?:_position)?_(\d{4}_\d\d)\b", plan)
        assert min(months) >= f"{clock.now() - timedelta(days=2):%Y_%m}"


@contextmanager
def plans_of(connection) -> Iterator[list[str]]:
    """The plans of the statements of the block that read the log's tables, as the server ran them."""
    plans: list[str] = []

    def note(_connection, message) -> None:
        if "event_position" in message.message:
            plans.append(message.message)

    connection.add_log_listener(note)
    yield plans
    connection.remove_log_listener(note)
