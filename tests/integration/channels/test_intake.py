import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from app.channels.envelope import Contact
from app.channels.intake import BATCH_CAP, QUEUE_LIMIT, Intake
from app.core.database import Database
from app.core.errors import Conflict, InvalidInput, Unavailable
from tests.integration.channels.world import World

POISON_FUNCTION = """
CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.body = 'poison' THEN RAISE EXCEPTION 'poisoned'; END IF;
  RETURN NEW;
END $$
"""
POISON_TRIGGER = "CREATE TRIGGER poison BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION refuse_poison()"


async def assert_counters_agree(world: World) -> None:
    messages = await world.value("SELECT count(*) FROM message")
    assert await world.value("SELECT coalesce(sum(last_sequence), 0) FROM conversation") == messages
    assert await world.value("SELECT count(*) FROM event WHERE type = 'message.received'") == messages
    assert await world.value("SELECT count(*) FROM inbound_key") == messages
    gaps = "SELECT 1 FROM message GROUP BY conversation_id HAVING max(sequence) <> count(*) OR min(sequence) <> 1"
    assert await world.rows(gaps) == []


async def test_a_first_message_makes_a_customer_a_conversation_and_their_events(world: World, intake: Intake) -> None:
    sent = world.envelope(customer_name="Ada", language="en", body="Where is\n my parcel?")
    received = await intake.submit(sent, request_id="r1")

    assert (received.sequence, received.duplicate) == (1, False)
    row = (await world.rows("SELECT * FROM conversation"))[0]
    assert (row["id"], row["status"]) == (received.conversation_id, "open")
    assert (row["queue_id"], row["team_id"]) == (world.queue_id, world.team_id)
    assert (row["preview"], row["language"], row["priority"]) == ("Where is my parcel?", "en", 3)
    assert row["unanswered_since"] == world.clock.now()
    assert await world.event_types(received.conversation_id) == ["conversation.opened", "message.received"]
    assert await world.event_types(row["customer_id"]) == ["customer.created", "contact_point.added"]
    assert {row[0] for row in await world.rows("SELECT request_id FROM event")} == {"r1"}
    assert await world.value("SELECT verified_at IS NOT NULL FROM contact_point")
    await assert_counters_agree(world)


async def test_a_second_message_joins_the_open_conversation(world: World, intake: Intake) -> None:
    first = await intake.submit(world.envelope())
    world.clock.advance(60)
    second = await intake.submit(world.envelope())
    assert (second.conversation_id, second.sequence) == (first.conversation_id, 2)
    assert await world.value("SELECT unanswered_since FROM conversation") == first.arrived_at
    await assert_counters_agree(world)


async def test_a_redelivery_answers_with_the_first_result(world: World, intake: Intake) -> None:
    sent = world.envelope()
    first = await intake.submit(sent)
    again = await intake.submit(sent)
    assert again == replace(first, duplicate=True)
    await assert_counters_agree(world)


async def test_duplicates_in_one_batch_make_one_message(world: World, intake: Intake) -> None:
    sent = world.envelope()
    answers = await asyncio.gather(*(intake.submit(sent) for _ in range(5)))
    assert len({answer.message_id for answer in answers}) == 1
    assert sorted(answer.duplicate for answer in answers) == [False, True, True, True, True]
    await assert_counters_agree(world)


async def test_an_album_makes_one_conversation_in_order(world: World, intake: Intake) -> None:
    album = [world.envelope(body=f"photo {number}") for number in range(10)]
    answers = await asyncio.gather(*(intake.submit(one) for one in album))
    assert [answer.sequence for answer in answers] == list(range(1, 11))
    assert len({answer.conversation_id for answer in answers}) == 1
    await assert_counters_agree(world)


async def test_an_unverified_album_makes_one_conversation_too(world: World, intake: Intake) -> None:
    claimed = Contact("email", "Ada@Example.org", verified=False)
    answers = await asyncio.gather(*(intake.submit(world.envelope(contact=claimed)) for _ in range(3)))
    later = await intake.submit(world.envelope(contact=replace(claimed, value="ada@example.org")))
    assert {answer.conversation_id for answer in answers} == {later.conversation_id}


async def test_an_unverified_sender_never_meets_the_customer_who_proved_the_address(
    world: World, intake: Intake
) -> None:
    proven = await intake.submit(world.envelope(contact=Contact("email", "ada@example.org", verified=True)))
    claimed = await intake.submit(world.envelope(contact=Contact("email", "ada@example.org", verified=False)))
    assert proven.conversation_id != claimed.conversation_id
    assert await world.value("SELECT count(DISTINCT customer_id) FROM conversation") == 2


async def test_two_processes_racing_on_the_same_contacts_make_one_conversation_each(
    world: World, database_url: str
) -> None:
    databases = [Database(database_url, application_name=f"racer{number}") for number in range(2)]
    doors = [Intake(database, world.clock) for database in databases]
    for door in doors:
        await door.start()
    sent = [world.envelope(f"v{number % 20}", provider_id=f"p{number}") for number in range(200)]
    answers = await asyncio.gather(*(door.submit(one) for one in sent for door in doors))
    for door, database in zip(doors, databases, strict=True):
        await door.stop()
        await database.close()

    assert await world.value("SELECT count(*) FROM conversation") == 20
    assert await world.value("SELECT count(*) FROM customer") == 20
    assert len({answer.message_id for answer in answers}) == 200
    assert sum(answer.duplicate for answer in answers) == 200
    await assert_counters_agree(world)


async def test_the_same_name_from_two_contacts_at_once_is_one_message(world: World, database_url: str) -> None:
    database = Database(database_url, application_name="racer")
    doors = [Intake(world.database, world.clock), Intake(database, world.clock)]
    for door in doors:
        await door.start()
    sent = [
        (door, world.envelope(f"v{n}-{number}", f"p{number}")) for number in range(30) for n, door in enumerate(doors)
    ]
    answers = await asyncio.gather(*(door.submit(one) for door, one in sent))
    for door in doors:
        await door.stop()
    await database.close()
    assert len({answer.message_id for answer in answers}) == 30
    await assert_counters_agree(world)


async def test_a_bad_message_fails_alone_and_its_neighbours_are_stored(world: World, intake: Intake) -> None:
    await world.rows(POISON_FUNCTION)
    await world.rows(POISON_TRIGGER)
    bodies = ["one", "poison", "three"]
    answers = await asyncio.gather(
        *(intake.submit(world.envelope(f"v{body}", body=body)) for body in bodies), return_exceptions=True
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False]
    assert {row[0] for row in await world.rows("SELECT body FROM message")} == {"one", "three"}
    assert await world.value("SELECT count(*) FROM customer") == 2
    await assert_counters_agree(world)


async def test_an_unknown_or_disabled_account_is_told_and_harms_nobody(world: World, intake: Intake) -> None:
    answers = await asyncio.gather(
        intake.submit(world.envelope()),
        intake.submit(world.envelope(channel_account_id=uuid4())),
        intake.submit(world.envelope(channel="email")),
        return_exceptions=True,
    )
    assert [type(answer).__name__ for answer in answers] == ["Received", "NotFound", "NotFound"]
    await world.rows("UPDATE channel_account SET enabled = false")
    with pytest.raises(Conflict, match="takes no messages"):
        await intake.submit(world.envelope())
    await assert_counters_agree(world)


@pytest.mark.parametrize(
    ("body", "code"),
    [("a\0b", "text_has_nul"), ("a\ud800b", "text_has_lone_surrogate"), ("  ", "text_empty"),
     ("x" * 16_001, "text_too_long")],
)  # fmt: skip
async def test_text_that_cannot_be_stored_is_refused_at_the_door(
    world: World, intake: Intake, body: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await intake.submit(world.envelope(body=body))
    assert refused.value.code == code


@pytest.mark.parametrize("status", ["pending", "on_hold", "snoozed"])
async def test_a_message_wakes_a_waiting_conversation(world: World, intake: Intake, status: str) -> None:
    first = await intake.submit(world.envelope())
    await world.rows(
        "UPDATE conversation SET status = $1, unanswered_since = NULL, snoozed_until = $2, run_at = $2",
        status,
        world.clock.now(),
    )
    second = await intake.submit(world.envelope())
    assert second.conversation_id == first.conversation_id
    row = (await world.rows("SELECT * FROM conversation"))[0]
    assert (row["status"], row["run_at"], row["snoozed_until"]) == ("open", None, None)
    assert (await world.event_types(first.conversation_id))[2:] == ["conversation.status_changed", "message.received"]


async def end(world: World, conversation_id: object, status: str = "resolved") -> None:
    await world.rows(
        "UPDATE conversation SET status = $2, resolved_at = $3, disposition = 'solved', unanswered_since = NULL"
        " WHERE id = $1",
        conversation_id,
        status,
        world.clock.now(),
    )


async def test_a_message_within_72_hours_reopens_and_a_later_one_begins_anew(world: World, intake: Intake) -> None:
    first = await intake.submit(world.envelope())
    await end(world, first.conversation_id)
    world.clock.advance(timedelta(hours=71).total_seconds())
    second = await intake.submit(world.envelope())
    assert second.conversation_id == first.conversation_id
    payload = await world.value("SELECT payload::text FROM event WHERE type = 'conversation.status_changed'")
    assert '"reopened": true' in payload

    await end(world, first.conversation_id)
    world.clock.advance(timedelta(hours=73).total_seconds())
    third = await intake.submit(world.envelope())
    assert third.conversation_id != first.conversation_id
    follows = await world.value("SELECT follows_id FROM conversation WHERE id = $1", third.conversation_id)
    assert follows == first.conversation_id
    await assert_counters_agree(world)


async def test_a_closed_conversation_never_reopens(world: World, intake: Intake) -> None:
    first = await intake.submit(world.envelope())
    await end(world, first.conversation_id, "closed")
    second = await intake.submit(world.envelope())
    assert second.conversation_id != first.conversation_id
    assert await world.value("SELECT status FROM conversation WHERE id = $1", first.conversation_id) == "closed"


async def test_an_answered_thread_is_joined_also_by_another_contact(world: World, intake: Intake) -> None:
    first = await intake.submit(world.envelope("ada", provider_id="<one@mail>"))
    second = await intake.submit(world.envelope("bob", thread_key="<one@mail>"))
    assert second.conversation_id == first.conversation_id
    await assert_counters_agree(world)


async def test_another_account_never_joins_by_itself(world: World, intake: Intake) -> None:
    other = uuid4()
    await world.rows(
        "INSERT INTO channel_account (id, kind, name, public_key, queue_id, created_at)"
        " VALUES ($1, 'chat', 'Other', 'pk_other', $2, $3)", other, world.queue_id, world.clock.now(),
    )  # fmt: skip
    first = await intake.submit(world.envelope(provider_id="same"))
    second = await intake.submit(world.envelope(provider_id="same", channel_account_id=other))
    assert first.conversation_id != second.conversation_id
    assert await world.value("SELECT count(*) FROM customer") == 1


async def test_a_full_queue_refuses_and_a_stopped_door_stores_what_it_took(world: World) -> None:
    door = Intake(world.database, world.clock)
    await door.start()
    sent = [asyncio.ensure_future(door.submit(world.envelope(f"v{number % 7}"))) for number in range(QUEUE_LIMIT + 5)]
    await asyncio.wait(sent[-5:])
    refused = [one for one in sent if one.done() and isinstance(one.exception(), Unavailable)]
    assert len(refused) == 5
    stopping = asyncio.ensure_future(door.stop())
    answers = await asyncio.gather(*(one for one in sent if one not in refused))
    await stopping
    assert len(answers) == QUEUE_LIMIT > BATCH_CAP
    with pytest.raises(Unavailable, match="stopping"):
        await door.submit(world.envelope())
    await assert_counters_agree(world)
