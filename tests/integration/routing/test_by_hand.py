"""Pick, assign, take over and transfer obey the same ledger as offers, and the caller's rights."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.routing.schemas import AssignBody
from app.routing.service import by_hand, views
from app.routing.service.desk import HolderChanged, lock_work
from app.routing.transfer_schemas import TransferBody
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of

SUPERVISOR = frozenset({"work", "routing:write"})


async def accepted(world: World, routed: Routed, **options: Any) -> tuple[UUID, UUID]:
    agent = await world.add_agent()
    conversation = await world.add_waiting(**options)
    await routed()
    await world.accept((await world.offers(conversation))[0])
    return agent, conversation


async def refused(world: World, *args: Any, **kwargs: Any) -> str:
    with pytest.raises((Conflict, Forbidden, NotFound, InvalidInput)) as refusal:
        await world.run(*args, **kwargs)
    return refusal.value.code


async def test_an_agent_picks_what_nobody_owns_once(world: World) -> None:
    agent, other = await world.add_agent(), await world.add_agent()
    conversation = await world.add_waiting()
    for _ in range(2):
        explained = await world.run(by_hand.pick, principal_of(agent), conversation_id=conversation)
        assert explained.work.agent_id == agent
    assert await refused(world, by_hand.pick, principal_of(other), conversation_id=conversation) == "already_owned"
    assert await world.owner(conversation) == agent
    assert await world.used_units(agent) == 25
    assert [decision.outcome for decision in explained.decisions] == ["picked"]
    await world.assert_sound()


async def test_a_pick_above_capacity_is_refused_and_changes_nothing(world: World) -> None:
    agent = await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(5)]
    for conversation in conversations[:4]:
        await world.run(by_hand.pick, principal_of(agent), conversation_id=conversation)
    assert await refused(world, by_hand.pick, principal_of(agent), conversation_id=conversations[4]) == "no_capacity"
    assert (await world.work(conversations[4])).state == "queued"
    await world.assert_sound()


async def test_what_is_offered_to_another_cannot_be_picked_but_a_supervisor_may_assign_it(
    world: World, routed: Routed
) -> None:
    offered_to = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    other = await world.add_agent()
    code = await refused(world, by_hand.pick, principal_of(other), conversation_id=conversation)
    assert code == "offered_to_another"
    supervisor = principal_of(uuid4(), scopes=SUPERVISOR)
    await world.run(by_hand.assign, supervisor, conversation_id=conversation, body=AssignBody(agent_id=other))
    assert [offer.state for offer in await world.offers(conversation)] == ["withdrawn"]
    assert await world.owner(conversation) == other
    assert (await world.used_units(offered_to), await world.used_units(other)) == (0, 25)
    await world.assert_sound()


async def test_only_an_override_goes_above_capacity_and_it_is_audited(world: World) -> None:
    agent = await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(5)]
    supervisor = principal_of(uuid4(), scopes=SUPERVISOR)
    for conversation in conversations[:4]:
        await world.run(by_hand.assign, supervisor, conversation_id=conversation, body=AssignBody(agent_id=agent))
    last = conversations[4]
    body = AssignBody(agent_id=agent)
    assert await refused(world, by_hand.assign, supervisor, conversation_id=last, body=body) == "no_capacity"
    body = AssignBody(agent_id=agent, override=True)
    explained = await world.run(by_hand.assign, supervisor, conversation_id=last, body=body, actor="agent:supervisor")
    assert await world.used_units(agent) == 125
    forced = [decision for decision in explained.decisions if decision.outcome == "forced"]
    assert forced[0].trace == {"by": "agent:supervisor"}
    await world.assert_sound()


async def test_a_supervisor_takes_a_conversation_over(world: World, routed: Routed) -> None:
    agent, conversation = await accepted(world, routed)
    supervisor = await world.add_agent()
    await world.run(
        by_hand.assign,
        principal_of(supervisor, scopes=SUPERVISOR),
        conversation_id=conversation,
        body=AssignBody(agent_id=supervisor),
    )
    assert await world.owner(conversation) == supervisor
    assert (await world.used_units(agent), await world.used_units(supervisor)) == (0, 25)
    reasons = await world.execute(
        "SELECT payload ->> 'reason' AS reason FROM event WHERE type = 'conversation.rights_changed' ORDER BY id"
    )
    assert [row.reason for row in reasons] == ["accepted", "taken_over"]
    await world.assert_sound()


async def test_a_transfer_to_a_queue_keeps_the_time_waited_and_closes_the_books_of_the_old_one(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await accepted(world, routed)
    ready_at = (await world.work(conversation)).ready_at
    clock.advance(300)
    queue = await world.add_queue(uuid4())
    body = TransferBody(queue_id=queue, reason="expertise")
    await world.run(by_hand.transfer, principal_of(agent), conversation_id=conversation, body=body)
    old, new = await world.works(conversation)
    assert (old.state, new.state, new.queue_id) == ("moved", "queued", queue)
    assert new.ready_at == ready_at
    assert new.due_at == ready_at + timedelta(seconds=60)
    assert await world.owner(conversation) is None
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_a_transfer_to_a_colleague_needs_one_who_is_there(world: World, routed: Routed) -> None:
    agent, conversation = await accepted(world, routed)
    absent, present = await world.add_agent(ready=False), await world.add_agent()
    owner = principal_of(agent)

    def to(colleague: UUID) -> TransferBody:
        return TransferBody(agent_id=colleague, reason="shift_end")

    code = await refused(world, by_hand.transfer, owner, conversation_id=conversation, body=to(absent))
    assert code == "agent_not_routable"
    code = await refused(world, by_hand.transfer, owner, conversation_id=conversation, body=to(uuid4()))
    assert code == "agent_not_found"
    await world.run(by_hand.transfer, owner, conversation_id=conversation, body=to(present))
    assert await world.owner(conversation) == present
    assert (await world.used_units(agent), await world.used_units(present)) == (0, 25)
    await world.assert_sound()


async def test_what_is_done_by_hand_is_stored_with_who_did_it_from_whom_and_why(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await accepted(world, routed)
    boss, queue = await world.add_agent(), await world.add_queue(uuid4())
    lead = principal_of(boss, scopes=SUPERVISOR | {"conversations:read", "conversations:write"})
    clock.advance(1)
    await world.run(
        by_hand.assign, lead, conversation_id=conversation, body=AssignBody(agent_id=boss), actor=f"agent:{boss}"
    )
    clock.advance(1)
    body = TransferBody(queue_id=queue, reason="wrong_queue", note="Not ours")
    explained = await world.run(by_hand.transfer, lead, conversation_id=conversation, body=body, actor=f"agent:{boss}")
    stored = [(each.outcome, each.agent_id, each.trace) for each in explained.decisions[:2]]
    assert stored == [
        (
            "transferred",
            None,
            {"by": f"agent:{boss}", "taken_from": str(boss), "to_queue": str(queue), "reason": "wrong_queue"},
        ),
        ("taken_over", boss, {"by": f"agent:{boss}", "taken_from": str(agent)}),
    ]
    told = await world.execute(
        "SELECT payload FROM event WHERE key = :key AND type = 'conversation.rights_changed' ORDER BY id",
        key=conversation,
    )
    assert (told[-1].payload["reason"], told[-1].payload["note"]) == ("transferred", "wrong_queue")
    notes = await world.execute(
        "SELECT body, author_id FROM message WHERE conversation_id = :id AND visibility = 'internal'", id=conversation
    )
    assert [(note.body, note.author_id) for note in notes] == [("Not ours", boss)]
    await world.assert_sound()


async def test_only_the_owner_or_a_supervisor_transfers_to_exactly_one_target(world: World, routed: Routed) -> None:
    agent, conversation = await accepted(world, routed)
    stranger = await world.add_agent()
    body = TransferBody(queue_id=world.queue_id, reason="why")
    code = await refused(world, by_hand.transfer, principal_of(stranger), conversation_id=conversation, body=body)
    assert code == "not_the_owner"
    both = TransferBody(queue_id=world.queue_id, agent_id=stranger, reason="why")
    for body in (TransferBody(reason="why"), both):
        code = await refused(world, by_hand.transfer, principal_of(agent), conversation_id=conversation, body=body)
        assert code == "one_target"
    assert await world.owner(conversation) == agent


async def test_what_the_caller_may_not_see_is_not_found(world: World) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    blind = principal_of(agent, visibility="own")
    assert await refused(world, by_hand.pick, blind, conversation_id=conversation) == "conversation_not_found"
    assert await refused(world, by_hand.pick, blind, conversation_id=uuid4()) == "conversation_not_found"
    with pytest.raises(NotFound):
        async with world.database.transaction() as session:
            await views.explain(session, blind, conversation_id=conversation)


async def test_a_resolved_conversation_is_not_picked(world: World) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await world.set_status(conversation, "resolved")
    code = await refused(world, by_hand.pick, principal_of(agent), conversation_id=conversation)
    assert code == "conversation_not_open"


async def test_a_pending_conversation_is_assigned_without_units(world: World, routed: Routed) -> None:
    agent, conversation = await accepted(world, routed)
    await world.set_status(conversation, "pending", actor=f"agent:{agent}")
    other = await world.add_agent()
    supervisor = principal_of(uuid4(), scopes=SUPERVISOR)
    await world.run(by_hand.assign, supervisor, conversation_id=conversation, body=AssignBody(agent_id=other))
    assert await world.owner(conversation) == other
    assert await world.used_units(other) == 0
    await world.set_status(conversation, "open")
    assert await world.used_units(other) == 25
    await world.assert_sound()


async def test_who_has_locked_agents_already_waits_for_no_other_holder(world: World) -> None:
    """Locks are taken in one order; a second lot could come before the first, and two such transactions would wait for
    each other."""
    agent, other = await world.add_agent(), await world.add_agent()
    conversation = await world.add_waiting()
    await world.run(by_hand.pick, principal_of(other), conversation_id=conversation)
    work_id = (await world.work(conversation)).id
    async with world.database.transaction() as session:
        with pytest.raises(HolderChanged):
            await lock_work(session, {work_id}, world.clock.now(), agents={agent}, held={agent})
        _, desks = await lock_work(session, {work_id}, world.clock.now(), agents={agent}, held={agent, other})
    assert desks.keys() == {agent, other}
