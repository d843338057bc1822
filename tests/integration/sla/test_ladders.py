"""Two ladders: who is asked, who accepts, what that changes, and when nobody needs to any more."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.core.act import Act
from app.core.errors import Conflict, Forbidden, NotFound
from app.sla.duties.schemas import EscalationView
from app.sla.duties.service import escalations
from tests.integration.sla.floor import Floor
from tests.integration.sla.world import World

TARGET = {"metric": "first_reply", "seconds": 100}


async def use(world: World, **ladders: list[dict[str, Any]]) -> None:
    await world.use_policy(targets=[TARGET], ladders=ladders)


def step(after_seconds: int, **asked: UUID) -> dict[str, Any]:
    return {"after_seconds": after_seconds, **{name: str(value) for name, value in asked.items()}}


async def accept(world: World, floor: Floor, agent_id: UUID, escalation_id: UUID) -> EscalationView:
    principal = await floor.principal(agent_id)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), f"agent:{agent_id}", "request-1")
        return await escalations.accept(session, act, principal, escalation_id=escalation_id)


async def test_who_accepts_by_expertise_becomes_the_owner_through_the_ledger(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    owner, expert = await floor.add_agent(), await floor.add_agent(team_id=team_id)
    await use(world, functional=[step(10, team_id=team_id), step(20, agent_id=await floor.add_agent())])
    conversation_id = await floor.open_owned(owner)
    await floor.advance(110)
    [escalation] = await floor.escalations()
    assert (escalation.to_team_ids, escalation.step) == ([team_id], 1)
    assert await floor.owner(conversation_id) == owner
    accepted = await accept(world, floor, expert, escalation.id)
    assert (accepted.accepted_by, accepted.accepted_at) == (expert, world.clock.now())
    await floor.settle()
    assert await floor.owner(conversation_id) == expert
    assert (await floor.used_units(owner), await floor.used_units(expert) > 0) == (0, True)
    await floor.advance(3600)
    assert len(await floor.escalations()) == 1
    await floor.assert_sound()


async def test_who_accepts_by_authority_is_responsible_beside_the_owner(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    owner, lead = await floor.add_agent(team_id=team_id), await floor.add_agent(team_id=team_id, role="supervisor")
    await use(world, hierarchical=[{"after_seconds": 0, "lead": True}], functional=[step(60, agent_id=lead)])
    conversation_id = await floor.open_owned(owner, team_id=team_id)
    await floor.advance(100)
    [escalation] = await floor.escalations()
    assert escalation.to_agent_ids == [lead]
    await accept(world, floor, lead, escalation.id)
    await floor.advance(100)
    assert await floor.owner(conversation_id) == owner
    # The other ladder goes on by itself.
    assert [each.ladder for each in await floor.escalations()] == ["hierarchical", "functional"]


async def test_an_expert_with_full_hands_may_still_accept_and_that_is_audited(world: World, floor: Floor) -> None:
    owner, expert = await floor.add_agent(), await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert)])
    conversation_id = await floor.open_owned(owner)
    await world.execute("UPDATE agent_ledger SET capacity_units = 0 WHERE agent_id = :id", id=expert)
    await floor.advance(100)
    [escalation] = await floor.escalations()
    await accept(world, floor, expert, escalation.id)
    await floor.settle()
    assert await floor.owner(conversation_id) == expert
    [forced] = await world.execute("SELECT agent_id, trace FROM routing_decision WHERE outcome = 'forced'")
    assert (forced.agent_id, forced.trace) == (expert, {"by": f"agent:{expert}"})
    await floor.assert_sound()


async def test_of_two_who_accept_at_once_one_has_it_and_the_other_is_told_so(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    first, second = [await floor.add_agent(team_id=team_id) for _ in range(2)]
    await use(world, functional=[step(0, team_id=team_id), step(5, agent_id=second)])
    conversation_id = await floor.open_owned(await floor.add_agent())
    await floor.advance(105)
    one, other = await floor.escalations()
    tries = (accept(world, floor, first, one.id), accept(world, floor, second, other.id))
    results = await asyncio.gather(*tries, return_exceptions=True)
    [won] = [each for each in results if isinstance(each, EscalationView)]
    [lost] = [each for each in results if isinstance(each, Conflict)]
    assert lost.code == "escalation_accepted"
    assert lost.extra["accepted_by"] == str(won.accepted_by)
    await floor.settle()
    assert await floor.owner(conversation_id) == won.accepted_by
    [ended] = [each for each in await floor.escalations() if each.id != won.id]
    assert ended.end_reason == "accepted_elsewhere"
    assert await world.told("sla.escalation_accepted") == 1


@pytest.mark.parametrize("seed", range(3))
async def test_an_acceptance_that_crosses_timers_and_answers_leaves_nothing_open(
    world: World, floor: Floor, seed: int
) -> None:
    """Whoever comes first: afterwards nobody is asked for anything any more."""
    experts = [await floor.add_agent() for _ in range(3)]
    steps = [step(after, agent_id=expert) for after, expert in zip((0, 10, 20), experts, strict=True)]
    await use(world, functional=steps)
    owner = await floor.add_agent()
    opened = [await floor.open_owned(owner) for _ in range(6)]
    await floor.advance(109)
    first = [each for each in await floor.escalations() if each.step == 1]
    world.clock.advance(11)
    answered = opened[seed::3]
    await world.tell(*(world.we_wrote(conversation_id) for conversation_id in answered))
    accepts = [accept(world, floor, experts[0], each.id) for each in first]
    results = await asyncio.gather(*accepts, world.ring(), world.follow(), return_exceptions=True)
    assert [each for each in results if isinstance(each, Exception) and not isinstance(each, Conflict)] == []
    await floor.settle()
    rows = await floor.escalations()
    taken = {each.conversation_id for each in rows if each.accepted_by is not None}
    assert taken | set(answered) == set(opened)
    assert [each for each in rows if each.accepted_at is None and each.ended_at is None] == []
    assert {key for key in taken if await floor.owner(key) == experts[0]} == taken
    before = len(rows)
    await floor.advance(3600)
    assert len(await floor.escalations()) == before
    await floor.assert_sound()


async def test_accepting_again_changes_nothing(world: World, floor: Floor) -> None:
    expert = await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert)])
    await floor.open_owned(await floor.add_agent())
    await floor.advance(100)
    [escalation] = await floor.escalations()
    answers = [await accept(world, floor, expert, escalation.id) for _ in range(2)]
    assert answers[0] == answers[1]
    assert await world.told("sla.escalation_accepted") == 1


async def test_an_answer_ends_what_is_still_asked(world: World, floor: Floor) -> None:
    expert = await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert), step(600, agent_id=await floor.add_agent())])
    conversation_id = await floor.open_owned(await floor.add_agent())
    await floor.advance(101)
    [escalation] = await floor.escalations()
    await world.tell(world.we_wrote(conversation_id))
    await floor.settle()
    await floor.settle()
    with pytest.raises(Conflict, match="Nobody needs") as refused:
        await accept(world, floor, expert, escalation.id)
    assert refused.value.code == "escalation_ended"
    [row] = await floor.escalations()
    assert (row.end_reason, row.accepted_by) == ("met", None)
    await floor.advance(3600)
    assert len(await floor.escalations()) == 1
    [ended] = await world.events("sla.escalation_ended")
    assert (ended.payload["reason"], ended.payload["to_agent_ids"]) == ("met", [str(expert)])


async def test_nobody_accepts_what_was_answered_a_moment_ago(world: World, floor: Floor) -> None:
    """The clock knows before the escalation was told."""
    expert = await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert)])
    conversation_id = await floor.open_owned(await floor.add_agent())
    await floor.advance(101)
    [escalation] = await floor.escalations()
    await world.tell(world.we_wrote(conversation_id))
    await world.follow()
    with pytest.raises(Conflict, match="Nobody needs"):
        await accept(world, floor, expert, escalation.id)


async def test_nobody_becomes_the_owner_of_what_is_resolved(world: World, floor: Floor) -> None:
    """Resolved without an answer: the promise of a first reply is still broken."""
    expert = await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert)])
    conversation_id = await floor.open_owned(await floor.add_agent())
    await floor.advance(101)
    [escalation] = await floor.escalations()
    await world.execute("UPDATE conversation SET status = 'resolved' WHERE id = :id", id=conversation_id)
    with pytest.raises(Conflict) as refused:
        await accept(world, floor, expert, escalation.id)
    assert refused.value.code == "conversation_not_open"


async def test_only_whom_it_names_or_a_supervisor_who_sees_it_may_accept(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    owner, expert = await floor.add_agent(team_id=team_id), await floor.add_agent()
    stranger, far = await floor.add_agent(), await floor.add_agent(role="supervisor", visibility="team")
    near = await floor.add_agent(role="supervisor", visibility="team", team_id=team_id)
    await use(world, functional=[step(0, agent_id=expert)])
    conversation_id = await floor.open_owned(owner, team_id=team_id)
    await floor.advance(100)
    [escalation] = await floor.escalations()
    for agent_id in (stranger, far, owner):
        with pytest.raises(NotFound):
            await accept(world, floor, agent_id, escalation.id)
    await accept(world, floor, near, escalation.id)
    await floor.settle()
    assert await floor.owner(conversation_id) == near


async def test_an_account_that_is_no_agent_accepts_nothing(world: World, floor: Floor) -> None:
    expert, admin = await floor.add_agent(), await floor.add_agent(role="admin", visibility="all")
    await use(world, functional=[step(0, agent_id=expert)])
    await floor.open_owned(await floor.add_agent())
    await floor.advance(100)
    [escalation] = await floor.escalations()
    for table in ("agent_presence WHERE agent_id", "agent_ledger WHERE agent_id", "agent WHERE id"):
        await world.execute(f"DELETE FROM {table} = :id", id=admin)
    with pytest.raises(Forbidden) as refused:
        await accept(world, floor, admin, escalation.id)
    assert refused.value.code == "agent_needed"


async def test_an_acceptance_that_is_rolled_back_leaves_the_ladder_as_it_was(world: World, floor: Floor) -> None:
    expert, next_one = await floor.add_agent(), await floor.add_agent()
    await use(world, functional=[step(0, agent_id=expert), step(60, agent_id=next_one)])
    await floor.open_owned(await floor.add_agent())
    await floor.advance(100)
    [escalation] = await floor.escalations()
    principal = await floor.principal(expert)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        await escalations.accept(session, act, principal, escalation_id=escalation.id)
        await session.rollback()
    await floor.advance(60)
    assert [each.to_agent_ids for each in await floor.escalations()] == [[expert], [next_one]]
    assert await world.told("sla.escalation_accepted") == 0
