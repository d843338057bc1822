from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.access.schemas import Principal
from app.channels.intake import Intake
from app.conversations import service
from app.conversations.jobs import CONVERSATION_TABLE
from app.core.act import Act
from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict, InvalidInput, NotFound
from tests.integration.channels.world import World

pytestmark = pytest.mark.filterwarnings("error")


def agent(world: World, agent_id: UUID, *, visibility: Any = "team") -> Principal:
    return Principal(
        kind="agent", id=agent_id, role="agent", scopes=frozenset(), visibility=visibility, team_id=world.team_id
    )


class Desk:
    """One agent's hands: every verb in a transaction of its own."""

    def __init__(self, world: World, principal: Principal) -> None:
        self.world, self.principal = world, principal

    def __getattr__(self, verb: str) -> Any:
        async def call(*args: Any, **options: Any) -> Any:
            async with self.world.database.transaction() as session:
                act = Act(self.world.clock.now(), self.principal.actor, "r")
                return await getattr(service, verb)(session, act, self.principal, *args, **options)

        return call


@pytest.fixture
async def mei(world: World) -> Desk:
    return Desk(world, agent(world, await world.add_agent("Mei")))


@pytest.fixture
async def tom(world: World) -> Desk:
    return Desk(world, agent(world, await world.add_agent("Tom")))


@pytest.fixture
async def conversation_id(world: World, intake: Intake) -> UUID:
    return (await intake.submit(world.envelope(customer_name="Ada"))).conversation_id


async def summary(world: World, conversation_id: UUID, reader_id: UUID | None = None) -> Any:
    async with world.database.transaction() as session:
        return (await service.summaries_of(session, [conversation_id], reader_id=reader_id))[conversation_id]


async def test_a_reply_is_stored_queued_for_delivery_and_answers_the_customer(
    world: World, mei: Desk, conversation_id: UUID
) -> None:
    posted = await mei.post_message(conversation_id=conversation_id, body="Hello Ada", client_id="c1")
    now = await summary(world, conversation_id, mei.principal.id)
    assert (posted.sequence, now.last_sequence, now.last_public_sequence) == (2, 2, 2)
    assert (now.preview, now.preview_class, now.unanswered_since, now.unread) == ("Hello Ada", "agent_public", None, 0)
    assert (now.customer.name, now.queue.name) == ("Ada", "General")
    assert (await world.event_types(conversation_id))[-1] == "message.posted"
    async with world.database.transaction() as session:
        message = (await service.load_contents(session, [posted.message_id]))[posted.message_id]
    assert (message.body, message.author.name, message.delivery_state) == ("Hello Ada", "Mei", "queued")


async def test_a_resend_answers_the_first_result(world: World, mei: Desk, conversation_id: UUID) -> None:
    first = await mei.post_message(conversation_id=conversation_id, body="Hello", client_id="c1")
    again = await mei.post_message(conversation_id=conversation_id, body="Hello", client_id="c1")
    assert again == first.model_copy(update={"duplicate": True})
    assert await world.value("SELECT count(*) FROM message") == 2


async def test_a_reply_after_a_colleagues_unseen_reply_is_held_back(
    world: World, mei: Desk, tom: Desk, conversation_id: UUID
) -> None:
    await tom.post_message(conversation_id=conversation_id, body="I have it", client_id="t1")
    with pytest.raises(Conflict) as refused:
        await mei.post_message(conversation_id=conversation_id, body="Hi", client_id="m1", expected_public_sequence=1)
    assert refused.value.code == "newer_reply_exists"
    assert refused.value.extra["author"]["name"] == "Tom"
    assert refused.value.extra["sequence"] == 2
    await mei.post_message(conversation_id=conversation_id, body="Hi", client_id="m1", expected_public_sequence=2)


async def test_a_note_is_internal_and_answers_nothing(world: World, mei: Desk, conversation_id: UUID) -> None:
    await mei.add_note(conversation_id=conversation_id, body="knows us well", client_id="n1")
    now = await summary(world, conversation_id)
    assert (now.last_sequence, now.last_public_sequence) == (2, 1)
    assert now.unanswered_since is not None
    async with world.database.transaction() as session:
        public = await service.list_public_messages(session, conversation_id, limit=10)
        everything = await service.list_messages(session, mei.principal, conversation_id, before=None, limit=10)
    assert [message.sequence for message in public] == [1]
    assert [message.visibility for message in everything] == ["public", "internal"]
    assert await world.value("SELECT count(*) FROM delivery") == 0


async def test_a_stranger_finds_nothing(world: World, mei: Desk, conversation_id: UUID) -> None:
    stranger = Principal(kind="agent", id=uuid4(), role="agent", scopes=frozenset(), visibility="own", team_id=None)
    for verb, options in {
        "post_message": {"body": "x", "client_id": "c"},
        "add_note": {"body": "x", "client_id": "c"},
        "resolve": {"disposition": "solved"},
        "reopen": {},
        "mark_read": {"sequence": 1},
    }.items():
        with pytest.raises(NotFound):
            await getattr(Desk(world, stranger), verb)(conversation_id=conversation_id, **options)


async def test_resolve_reopen_and_close_by_time(world: World, mei: Desk, conversation_id: UUID) -> None:
    await mei.resolve(conversation_id=conversation_id, disposition="solved")
    with pytest.raises(Conflict):
        await mei.post_message(conversation_id=conversation_id, body="x", client_id="c")
    await mei.reopen(conversation_id=conversation_id)
    assert (await summary(world, conversation_id)).disposition is None

    await mei.resolve(conversation_id=conversation_id, disposition="solved")
    world.clock.advance(timedelta(days=7, seconds=1).total_seconds())
    runner = DueRowRunner(world.database, world.clock, [CONVERSATION_TABLE])
    assert await runner.run_once(CONVERSATION_TABLE) == 1
    now = await summary(world, conversation_id)
    assert (now.status, now.disposition) == ("closed", "solved")
    assert await runner.run_once(CONVERSATION_TABLE) == 0
    with pytest.raises(Conflict):
        await mei.reopen(conversation_id=conversation_id)


async def test_a_resolved_one_stays_so_while_the_customer_has_a_newer_one(
    world: World, mei: Desk, intake: Intake, conversation_id: UUID
) -> None:
    await mei.resolve(conversation_id=conversation_id, disposition="solved")
    world.clock.advance(timedelta(hours=80).total_seconds())
    await intake.submit(world.envelope())
    with pytest.raises(Conflict) as refused:
        await mei.reopen(conversation_id=conversation_id)
    assert refused.value.code == "another_conversation_open"


async def test_snoozed_wakes_at_its_time(world: World, mei: Desk, conversation_id: UUID) -> None:
    with pytest.raises(InvalidInput):
        await mei.change_status(conversation_id=conversation_id, to="snoozed", snoozed_until=world.clock.now())
    until = world.clock.now() + timedelta(hours=1)
    await mei.change_status(conversation_id=conversation_id, to="snoozed", snoozed_until=until)
    runner = DueRowRunner(world.database, world.clock, [CONVERSATION_TABLE])
    assert await runner.run_once(CONVERSATION_TABLE) == 0
    world.clock.advance(3601)
    assert await runner.run_once(CONVERSATION_TABLE) == 1
    assert (await summary(world, conversation_id)).status == "open"


async def test_owner_and_queue_changes_tell_the_rights_before_and_after(
    world: World, mei: Desk, conversation_id: UUID
) -> None:
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "router")
        for _ in range(2):
            await service.set_owner(
                session, act, conversation_id=conversation_id, owner_id=mei.principal.id, reason="accepted"
            )
        rights = (await service.rights_of(session, [conversation_id]))[conversation_id]
        assert rights.owner_id == mei.principal.id
        await service.set_queue(
            session, act, conversation_id=conversation_id, queue_id=world.queue_id, team_id=None, reason="transferred"
        )
        facts = (await service.facts_of(session, [conversation_id]))[conversation_id]
    assert (facts.rights.owner_id, facts.rights.team_id, facts.status) == (None, None, "open")
    assert (await world.event_types(conversation_id)).count("conversation.rights_changed") == 2


async def test_marks_move_only_up(world: World, mei: Desk, intake: Intake, conversation_id: UUID) -> None:
    await mei.post_message(conversation_id=conversation_id, body="Hello", client_id="c1")
    await intake.submit(world.envelope())
    await mei.mark_read(conversation_id=conversation_id, sequence=99)
    await mei.mark_read(conversation_id=conversation_id, sequence=1)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "visitor:x")
        for state, up_to in (("read", 2), ("delivered", 1), ("delivered", 2), ("read", 1)):
            await service.mark_customer_delivery(
                session, act, conversation_id=conversation_id, state=state, up_to_sequence=up_to  # type: ignore[arg-type]
            )  # fmt: skip
    now = await summary(world, conversation_id, mei.principal.id)
    assert (now.my_read_sequence, now.unread) == (3, 0)
    assert (now.customer_delivered_sequence, now.customer_read_sequence) == (2, 2)
    assert await world.value("SELECT state FROM delivery") == "read"
    types = await world.event_types(conversation_id)
    assert (types.count("conversation.read"), types.count("message.delivery_changed")) == (1, 1)


async def test_pages_are_complete_without_doubles(world: World, mei: Desk, intake: Intake) -> None:
    wanted = []
    for number in range(23):
        if number % 3 == 0:
            world.clock.advance(1)
        wanted.append((await intake.submit(world.envelope(f"v{number}"))).conversation_id)
    for sort in ("newest", "longest_unanswered"):
        seen: list[UUID] = []
        after = None
        while True:
            async with world.database.transaction() as session:
                page, after = await service.list_summaries(
                    session, mei.principal, view="all", sort=sort, after=after, limit=5  # type: ignore[arg-type]
                )  # fmt: skip
            seen += [one.id for one in page]
            if after is None:
                break
        assert len(seen) == len(set(seen)) == len(wanted)
        assert set(seen) == set(wanted)


async def test_views_show_mine_and_what_nobody_owns(world: World, mei: Desk, tom: Desk, intake: Intake) -> None:
    ids = [(await intake.submit(world.envelope(f"v{number}"))).conversation_id for number in range(3)]
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "router")
        await service.set_owner(session, act, conversation_id=ids[0], owner_id=mei.principal.id, reason="accepted")
        await service.set_owner(session, act, conversation_id=ids[1], owner_id=tom.principal.id, reason="accepted")
        seen = {
            view: {one.id for one in await service.list_open(session, mei.principal, view=view, limit=10)}  # type: ignore[arg-type]
            for view in ("mine", "queue", "team", "all")
        }
        own = agent(world, mei.principal.id, visibility="own")
        restricted = await service.list_open(session, own, view="all", limit=10)
    assert seen == {"mine": {ids[0]}, "queue": {ids[2]}, "team": set(ids), "all": set(ids)}
    assert {one.id for one in restricted} == {ids[0], ids[2]}
