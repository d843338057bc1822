"""Messages that go on with an open conversation are stored in one statement, to the same effect as the long way."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.channels.envelope import Contact, InboundEnvelope
from app.channels.intake import Intake
from app.core.database import Database, driver_connection
from app.core.errors import Conflict
from tests.integration.channels.test_intake import POISON_FUNCTION, POISON_TRIGGER, assert_counters_agree
from tests.integration.channels.world import World

OF_MESSAGES = """
SELECT sequence, message_class, direction, visibility, body, attachments::text, provider_at, client_id, automatic,
  arrived_at, channel_account_id
FROM message ORDER BY conversation_id, sequence
"""
OF_CONVERSATIONS = """
SELECT status, last_sequence, last_public_sequence, preview, preview_class, last_message_at, unanswered_since, version
FROM conversation
"""
OF_EVENTS = """
SELECT type, version, occurred_at, actor, request_id, payload - 'conversation_id' - 'message_id' AS payload
FROM event WHERE type = 'message.received' ORDER BY id
"""


class Statements:
    """What a door's own connection sends."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def note(self, query: Any) -> None:
        self.sent.append(query.query)


def from_visitor(world: World, visitor: UUID, provider_id: str | None = None, **changes: Any) -> InboundEnvelope:
    contact = Contact("visitor", str(visitor), verified=True, id=visitor)
    return replace(world.envelope(provider_id=provider_id, **changes), contact=contact)


@pytest.fixture
async def short_way(intake: Intake) -> Statements:
    statements = Statements()
    async with intake.short_way.use() as connection:
        connection.add_query_logger(statements.note)
    return statements


async def submit(intake: Intake, envelopes: Sequence[InboundEnvelope]) -> list[Any]:
    return await asyncio.gather(*(intake.submit(one, request_id=f"r{n}") for n, one in enumerate(envelopes)))


async def test_what_goes_on_is_stored_by_one_statement(world: World, intake: Intake, short_way: Statements) -> None:
    ada, bob = uuid4(), uuid4()
    await submit(intake, [from_visitor(world, ada), from_visitor(world, bob)])
    short_way.sent.clear()
    world.clock.advance(60)
    answers = await submit(
        intake,
        [from_visitor(world, ada, body="one"), from_visitor(world, bob), from_visitor(world, ada, body="two")],
    )

    assert len(short_way.sent) == 1
    assert [answer.sequence for answer in answers] == [2, 2, 3]
    assert not any(answer.duplicate for answer in answers)
    row = (await world.rows("SELECT * FROM conversation WHERE contact_point_id = $1", ada))[0]
    assert (row["id"], row["last_sequence"], row["preview"]) == (answers[0].conversation_id, 3, "two")
    assert row["last_message_at"] == world.clock.now()
    assert (world.clock.now() - row["unanswered_since"]).total_seconds() == 60
    await assert_counters_agree(world)


async def test_both_ways_leave_the_same(world: World, intake: Intake) -> None:
    """The short way is closed to contacts without an id, so the same messages take the long one."""
    seen: list[list[list[asyncpg.Record]]] = []
    for short in (True, False):
        visitor = uuid4()
        for number in range(4):
            sent = from_visitor(
                world,
                visitor,
                f"p{number}",
                body=f"line {number}\n and more",
                client_id=f"c{number}",
                automatic=number == 2,
                provider_at=world.clock.now(),
            )
            if not short:
                sent = replace(sent, contact=replace(sent.contact, id=None))
            await intake.submit(sent, request_id=f"r{number}")
        seen.append([await world.rows(query) for query in (OF_MESSAGES, OF_CONVERSATIONS, OF_EVENTS)])
        await world.rows("TRUNCATE conversation, message, inbound_key, event, contact_point, customer CASCADE")
    by_short_way, by_long_way = seen
    assert by_short_way == by_long_way
    assert [len(rows) for rows in by_short_way] == [4, 1, 4]


async def test_a_redelivery_is_known_and_what_comes_with_it_is_stored_once(world: World, intake: Intake) -> None:
    visitor = uuid4()
    sent = [from_visitor(world, visitor) for _ in range(3)]
    first = await submit(intake, sent[:2])
    again = await submit(intake, sent)
    assert [answer.duplicate for answer in again] == [True, True, False]
    assert [answer.message_id for answer in again[:2]] == [answer.message_id for answer in first]
    await assert_counters_agree(world)


async def test_the_same_message_twice_in_one_batch_is_one_message(world: World, intake: Intake) -> None:
    visitor = uuid4()
    await intake.submit(from_visitor(world, visitor))
    sent = from_visitor(world, visitor)
    answers = await submit(intake, [sent, sent, from_visitor(world, uuid4()), sent])
    assert [answer.duplicate for answer in answers] == [False, True, False, True]
    await assert_counters_agree(world)


async def test_a_resolved_conversation_is_not_for_the_short_way(world: World, intake: Intake) -> None:
    visitor = uuid4()
    first = await intake.submit(from_visitor(world, visitor))
    await world.rows("UPDATE conversation SET status = 'resolved', resolved_at = $1", world.clock.now())
    second = await intake.submit(from_visitor(world, visitor))
    assert second.conversation_id == first.conversation_id
    assert await world.value("SELECT status FROM conversation") == "open"
    assert "conversation.status_changed" in await world.event_types(first.conversation_id)


async def test_an_account_that_was_switched_off_refuses_those_who_go_on_too(world: World, intake: Intake) -> None:
    visitor = uuid4()
    await intake.submit(from_visitor(world, visitor))
    await world.rows("UPDATE channel_account SET enabled = false")
    with pytest.raises(Conflict) as refused:
        await intake.submit(from_visitor(world, visitor))
    assert refused.value.code == "channel_account_disabled"


async def test_a_bad_message_fails_alone_on_the_short_way_too(world: World, intake: Intake) -> None:
    visitors = [uuid4() for _ in range(3)]
    await submit(intake, [from_visitor(world, visitor) for visitor in visitors])
    await world.rows(POISON_FUNCTION)
    await world.rows(POISON_TRIGGER)
    bodies = ["one", "poison", "three"]
    answers = await asyncio.gather(
        *(
            intake.submit(from_visitor(world, visitor, body=body))
            for visitor, body in zip(visitors, bodies, strict=True)
        ),
        return_exceptions=True,
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    await assert_counters_agree(world)


async def test_who_holds_the_conversation_comes_first_and_the_sequence_goes_on_after_him(
    world: World, intake: Intake
) -> None:
    """A statement that waited for the row counts from what it then finds there, and its event follows."""
    visitor = uuid4()
    first = await intake.submit(from_visitor(world, visitor))
    async with world.database.transaction() as session:
        connection = await driver_connection(session)
        await connection.execute("UPDATE conversation SET last_sequence = 2, version = version + 1")
        await connection.execute(
            "INSERT INTO message"
            " (id, arrived_at, conversation_id, sequence, message_class, direction, visibility, body)"
            " VALUES ($1, $2, $3, 2, 'agent_public', 'outbound', 'public', 'hello')",
            uuid4(), world.clock.now(), first.conversation_id,
        )  # fmt: skip
        waiting = asyncio.create_task(intake.submit(from_visitor(world, visitor)))
        while not await world.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            await asyncio.sleep(0.01)
        last_event = await world.value("SELECT nextval(pg_get_serial_sequence('event', 'id'))")
    received = await waiting
    assert received.sequence == 3
    assert await world.value("SELECT max(id) FROM event WHERE key = $1", first.conversation_id) > last_event


async def test_racing_doors_lose_and_double_nothing(world: World, database_url: str) -> None:
    databases = [Database(database_url, application_name=f"racer{number}") for number in range(2)]
    doors = [Intake(database, world.clock) for database in databases]
    for door in doors:
        await door.start()
    visitors = [uuid4() for _ in range(10)]
    await submit(doors[0], [from_visitor(world, visitor) for visitor in visitors])
    sent = [from_visitor(world, visitors[number % 10], f"p{number}") for number in range(150)]
    answers = await asyncio.gather(*(door.submit(one) for one in sent for door in doors))
    for door, database in zip(doors, databases, strict=True):
        await door.stop()
        await database.close()
    assert await world.value("SELECT count(*) FROM conversation") == 10
    assert len({answer.message_id for answer in answers}) == 150
    assert sum(answer.duplicate for answer in answers) == 150
    await assert_counters_agree(world)


async def test_a_lost_connection_is_opened_again(world: World, intake: Intake, short_way: Statements) -> None:
    visitor = uuid4()
    await intake.submit(from_visitor(world, visitor))
    await world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchboard intake'"
        " AND datname = current_database()"
    )
    second, third = [await intake.submit(from_visitor(world, visitor)) for _ in range(2)]
    assert (second.sequence, third.sequence) == (2, 3)
    await assert_counters_agree(world)
