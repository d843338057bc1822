"""The promise of the log: one dense order for all readers, nothing missed, nothing that was rolled back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.core import event_log
from app.core.act import Act
from app.core.event_log import ZERO, LogGap, Position
from app.core.models import Owner
from app.core.partitions import ensure_partitions
from tests.event_logs import ByHand, Happened


async def notes_after(connection, after: Position = ZERO, **options) -> list[str]:
    return [event.payload["note"] for event in await event_log.read(connection, after, **options)]


async def test_an_event_is_read_as_it_was_appended(say, by_hand: ByHand, log_connection, act: Act):
    key = uuid4()
    [uuid] = await say("first", key=key)
    await by_hand.dispatch()
    [event] = await event_log.read(log_connection, ZERO)
    assert (event.position, event.uuid, event.key, event.type, event.version) == (1, uuid, key, "test.happened", 1)
    assert (event.actor, event.request_id, event.occurred_at) == ("test", "request-1", act.now)
    assert event.payload == {"subject": str(key), "note": "first"}


async def test_appending_belongs_to_the_transaction_even_as_its_first_statement(
    database, by_hand: ByHand, log_connection, act: Act
):
    async with database.transaction() as session:
        await event_log.append(session, act, [Happened(subject=uuid4())])
        await session.rollback()
    assert await by_hand.dispatch() == 0
    assert await event_log.read(log_connection, ZERO) == []


async def test_commits_in_reverse_order_lose_nothing_where_a_naive_cursor_loses_one(
    database, by_hand: ByHand, log_connection, act: Act
):
    await by_hand.dispatch()
    async with database.transaction() as slow:
        await event_log.append(slow, act, [Happened(subject=uuid4(), note="inserted first")])
        async with database.transaction() as fast:
            await event_log.append(fast, act, [Happened(subject=uuid4(), note="committed first")])
        naive_cursor = await log_connection.fetchval("SELECT max(id) FROM event")
        await by_hand.dispatch()
        seen = await event_log.read(log_connection, ZERO)
    await by_hand.dispatch()
    seen += await event_log.read(log_connection, seen[-1].cursor)

    assert [(event.position, event.payload["note"]) for event in seen] == [
        (1, "committed first"),
        (2, "inserted first"),
    ]
    assert await log_connection.fetch("SELECT * FROM event WHERE id > $1", naive_cursor) == []


async def test_a_batch_keeps_the_order_it_was_given_in(say, by_hand: ByHand, log_connection):
    notes = [str(number) for number in range(200)]
    await say(*notes)
    await by_hand.dispatch()
    assert await notes_after(log_connection) == notes


async def test_pages_follow_one_another(say, by_hand: ByHand, log_connection):
    await say("a", "b", "c")
    await by_hand.dispatch()
    first = await event_log.read(log_connection, ZERO, limit=2)
    assert [event.payload["note"] for event in first] == ["a", "b"]
    assert await notes_after(log_connection, first[-1].cursor, limit=2) == ["c"]


async def test_pending_orm_changes_are_made_before_the_event(database, act: Act):
    async with database.transaction() as session:
        session.add(Owner(name="x", epoch=1, holder="h", expires_at=act.now))
        await event_log.append(session, act, [Happened(subject=uuid4())])
        assert not session.new


async def test_commits_that_appended_are_told_and_others_are_not(database, act: Act):
    told = []
    database.on_append = lambda: told.append("appended")
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
    async with database.transaction() as session:
        await event_log.append(session, act, [])
    assert told == []
    async with database.transaction() as session:
        await event_log.append(session, act, [Happened(subject=uuid4())])
        assert told == []
    assert told == ["appended"]


async def test_a_hole_is_reported_and_never_skipped(say, by_hand: ByHand, log_connection):
    await say("a", "b", "c")
    await by_hand.dispatch()
    await log_connection.execute("DELETE FROM event_position WHERE position = 2")
    with pytest.raises(LogGap):
        await event_log.read(log_connection, ZERO)
    await log_connection.execute("DELETE FROM event_position WHERE position = 3")
    [first] = await event_log.read(log_connection, ZERO, limit=1)
    with pytest.raises(LogGap):
        await event_log.read(log_connection, first.cursor)


async def test_an_event_row_that_is_gone_is_a_gap(say, by_hand: ByHand, log_connection):
    await say("a", "b")
    await by_hand.dispatch()
    await log_connection.execute("DELETE FROM event WHERE payload->>'note' = 'a'")
    with pytest.raises(LogGap):
        await event_log.read(log_connection, ZERO)


async def test_a_cursor_above_the_head_is_a_gap(say, by_hand: ByHand, log_connection):
    await say("a")
    await by_hand.dispatch()
    with pytest.raises(LogGap):
        await event_log.read(log_connection, Position(5, None))


async def test_events_on_both_sides_of_a_month_are_read_in_one_order(
    database, say, by_hand: ByHand, log_connection, clock
):
    await say("this month")
    await by_hand.dispatch()
    clock.advance(40 * 86_400)
    async with database.engine.begin() as connection:
        await ensure_partitions(connection, clock.now())
    await say("next month")
    await by_hand.dispatch()
    [first, second] = await event_log.read(log_connection, ZERO)
    assert first.positioned_at.month != second.positioned_at.month
    assert await notes_after(log_connection, first.cursor) == ["next month"]


async def test_the_floor_is_the_first_position_of_a_time(say, by_hand: ByHand, log_connection, clock):
    assert await event_log.floor(log_connection, clock.now()) == 1
    for number in range(9):
        await say(str(number))
        await by_hand.dispatch()
        clock.advance(10)
    start = (await event_log.read(log_connection, ZERO, limit=1))[0].positioned_at
    for number in range(9):
        since = timedelta(seconds=10 * number)
        assert await event_log.floor(log_connection, start + since) == number + 1
    assert await event_log.floor(log_connection, clock.now()) == 10


async def test_the_beginning_is_where_old_months_were_dropped(say, by_hand: ByHand, log_connection):
    await say("a", "b", "c")
    await by_hand.dispatch()
    await log_connection.execute("DELETE FROM event_position WHERE position < 3")
    beginning = await event_log.beginning(log_connection)
    assert beginning.number == 2
    assert await notes_after(log_connection, beginning) == ["c"]


async def test_head_and_incarnation_of_a_fresh_installation(log_connection):
    assert await event_log.head(log_connection) == ZERO
    assert await event_log.incarnation(log_connection) == 1
