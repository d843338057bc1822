"""Wrap-up keeps an agent's units until it is ended, by the agent, a supervisor, its time or the customer."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict, InvalidInput, NotFound, SwitchboardError
from app.routing.jobs import due_tables
from app.routing.schemas import AssignBody
from app.routing.service import by_hand, ending, presences
from app.routing.transfer_schemas import TransferBody
from app.routing.wrap_up_schemas import EndWrapUpBody
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of

SUPERVISOR = frozenset({"work", "routing:write", "conversations:write"})
DUE_TABLES = due_tables(HOURS)
[WORK_ITEMS] = [table for table in DUE_TABLES if table.name == "work_item"]


async def wrapping(world: World, routed: Routed, *, mode: str = "timed", channel: str = "chat") -> tuple[UUID, UUID]:
    """An agent who has resolved a conversation of a queue with a wrap-up of a minute."""
    await world.execute("UPDATE queue SET wrap_up = :mode, wrap_up_seconds = 60", mode=mode)
    agent = await world.add_agent()
    conversation = await world.add_waiting(channel=channel)
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    return agent, conversation


async def run_timers(world: World, clock: ManualClock) -> None:
    runner = DueRowRunner(world.database, clock, DUE_TABLES)
    while await runner.run_once(WORK_ITEMS):
        pass


async def test_resolving_keeps_the_units_until_the_agent_ends_the_wrap_up_once(world: World, routed: Routed) -> None:
    agent, conversation = await wrapping(world, routed)
    await world.follow(conversation)
    work = await world.work(conversation)
    assert (work.state, work.agent_id, work.ended_at) == ("wrapping", agent, None)
    assert work.run_at == world.clock.now() + timedelta(seconds=60)
    assert await world.used_units(agent) == 25
    [shown] = (await world.presence(agent)).wrap_ups
    assert (shown.work_id, shown.mode, shown.ends_at) == (work.id, "timed", work.run_at)
    await world.assert_sound()
    body = EndWrapUpBody(outcome="solved")
    first = await world.run(ending.end_wrap_up, principal_of(agent), work_id=work.id, body=body)
    again = await world.run(ending.end_wrap_up, principal_of(agent), work_id=work.id, body=body)
    assert (first.state, len(first.events), again.state, again.events) == ("done", 2, "done", [])
    assert await world.used_units(agent) == 0
    assert (await world.presence(agent)).wrap_ups == []
    told = await world.execute("SELECT type, payload->>'outcome' AS outcome FROM event WHERE type LIKE 'wrap_up%'")
    assert sorted((row.type, row.outcome) for row in told) == [("wrap_up.began", None), ("wrap_up.ended", "solved")]
    await world.assert_sound()


async def test_a_wrap_up_that_runs_goes_on_when_its_queue_has_none_any_more(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await wrapping(world, routed, mode="required")
    await world.execute("UPDATE queue SET wrap_up = 'none'")
    [shown] = (await world.presence(agent)).wrap_ups
    assert (shown.mode, shown.ends_at) == ("timed", clock.now() + timedelta(seconds=60))
    clock.advance(60)
    await run_timers(world, clock)
    assert (await world.work(conversation)).state == "done"
    await world.assert_sound()


async def test_wrap_up_ends_by_its_time_also_of_an_agent_who_is_gone(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await wrapping(world, routed, mode="timed")
    await world.execute("UPDATE agent_presence SET session = 'gone', run_at = NULL")
    clock.advance(59)
    await run_timers(world, clock)
    assert (await world.work(conversation)).state == "wrapping"
    clock.advance(1)
    await run_timers(world, clock)
    work = await world.work(conversation)
    assert (work.state, work.run_at, work.ended_at) == ("done", None, clock.now())
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_nothing_is_offered_during_the_wrap_up_of_a_call(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    await wrapping(world, routed, channel="voice")
    chat = await world.add_waiting()
    await routed()
    assert await world.offers(chat) == []
    clock.advance(60)
    await run_timers(world, clock)
    await routed()
    assert len(await world.offers(chat)) == 1


async def test_a_wish_to_stop_applies_after_the_wrap_up(world: World, routed: Routed, clock: ManualClock) -> None:
    agent, _ = await wrapping(world, routed)
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="lunch")
    during = await world.presence(agent)
    assert (during.readiness, during.pending_reason, during.routable) == ("ready", "lunch", False)
    clock.advance(60)
    await run_timers(world, clock)
    after = await world.presence(agent)
    assert (after.readiness, after.reason, after.pending_reason) == ("not_ready", "lunch", None)


async def test_a_customer_who_writes_during_wrap_up_goes_on_with_the_same_work(world: World, routed: Routed) -> None:
    agent, conversation = await wrapping(world, routed)
    await world.set_status(conversation, "open")
    await world.follow(conversation)
    [work] = await world.works(conversation)
    assert (work.state, work.agent_id, work.units_held) == ("assigned", agent, True)
    assert await world.used_units(agent) == 25
    assert await world.owner(conversation) == agent
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    assert [work.state for work in await world.works(conversation)] == ["wrapping"]
    await world.assert_sound()


async def test_one_who_reopens_and_sets_aside_at_once_gives_the_units_back(world: World, routed: Routed) -> None:
    agent, conversation = await wrapping(world, routed)
    await world.set_status(conversation, "pending", actor=f"agent:{agent}")
    work = await world.work(conversation)
    assert (work.state, work.units_held, work.run_at) == ("assigned", False, None)
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_a_customer_who_writes_while_the_agent_is_away_waits_in_the_queue(world: World, routed: Routed) -> None:
    agent, conversation = await wrapping(world, routed)
    await world.execute("UPDATE agent_presence SET session = 'gone'")
    await world.set_status(conversation, "open")
    works = {work.state: work for work in await world.works(conversation)}
    assert set(works) == {"done", "queued"}
    assert works["queued"].sticky_agent_id == agent
    assert await world.used_units(agent) == 0
    assert await world.owner(conversation) is None
    await world.assert_sound()


async def test_one_reopened_a_moment_ago_can_be_handed_on_before_routing_has_followed(
    world: World, routed: Routed
) -> None:
    agent, conversation = await wrapping(world, routed)
    colleague = await world.add_agent()
    await world.execute("UPDATE conversation SET status = 'open' WHERE id = :id", id=conversation)
    body = TransferBody(agent_id=colleague, reason="shift_end")
    await world.run(by_hand.transfer, principal_of(agent), conversation_id=conversation, body=body)
    assert await world.owner(conversation) == colleague
    assert await world.used_units(colleague) == 25
    await world.assert_sound()


async def test_required_wrap_up_asks_its_agent_for_an_outcome_and_not_a_supervisor(
    world: World, routed: Routed
) -> None:
    agent, conversation = await wrapping(world, routed, mode="required")
    work = await world.work(conversation)
    nothing = EndWrapUpBody()
    with pytest.raises(InvalidInput) as refused:
        await world.run(ending.end_wrap_up, principal_of(agent), work_id=work.id, body=nothing)
    assert refused.value.code == "outcome_required"
    stranger = principal_of(await world.add_agent())
    with pytest.raises(NotFound):
        await world.run(ending.end_wrap_up, stranger, work_id=work.id, body=EndWrapUpBody(outcome="solved"))
    assert await world.used_units(agent) == 25
    lead = principal_of(await world.add_agent(), scopes=SUPERVISOR)
    answer = await world.run(ending.end_wrap_up, lead, work_id=work.id, body=nothing)
    assert answer.state == "done"
    reasons = await world.execute("SELECT payload->>'reason' AS reason FROM event WHERE type = 'wrap_up.ended'")
    assert [row.reason for row in reasons] == ["supervisor"]


async def test_what_is_not_wrapped_up_cannot_be_ended(world: World, routed: Routed) -> None:
    agent, conversation = await wrapping(world, routed)
    await world.set_status(conversation, "open")
    work_id = (await world.work(conversation)).id
    with pytest.raises(Conflict) as refused:
        await world.run(ending.end_wrap_up, principal_of(agent), work_id=work_id, body=EndWrapUpBody())
    assert refused.value.code == "not_wrapping"


async def test_interrupted_mail_goes_on_when_the_wrap_up_of_the_call_ends(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    mail = await world.add_waiting(channel="email")
    await routed()
    await world.accept((await world.offers(mail))[0])
    await world.execute("UPDATE queue SET wrap_up = 'timed', wrap_up_seconds = 60")
    call = await world.add_waiting(channel="voice")
    await routed()
    await world.accept((await world.offers(call))[0])
    await world.set_status(call, "resolved", actor=f"agent:{agent}")
    assert ((await world.work(mail)).state, await world.used_units(agent)) == ("parked", 100)
    clock.advance(60)
    await run_timers(world, clock)
    assert ((await world.work(mail)).state, await world.used_units(agent)) == ("assigned", 10)
    await world.assert_sound()


@pytest.mark.parametrize("to", ["queue", "agent"])
async def test_who_hands_a_conversation_on_wraps_up_while_it_goes_on_elsewhere(
    world: World, routed: Routed, clock: ManualClock, to: str
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.execute("UPDATE queue SET wrap_up = 'timed', wrap_up_seconds = 60")
    colleague, other = await world.add_agent(), await world.add_queue(uuid4())
    body = TransferBody(reason="expertise", **({"queue_id": other} if to == "queue" else {"agent_id": colleague}))
    mine = principal_of(agent)
    await world.run(by_hand.transfer, mine, conversation_id=conversation, body=body, actor=f"agent:{agent}")
    by_state = {work.state: work for work in await world.works(conversation)}
    rest = by_state["wrapping"]
    assert (rest.handed_on, rest.agent_id, rest.units_held) == (True, agent, True)
    assert set(by_state) == {"wrapping", *({"moved", "queued"} if to == "queue" else {"assigned"})}
    assert await world.used_units(agent) == 25
    await world.assert_sound()
    # The conversation ends and comes back elsewhere: nothing of it concerns the former owner.
    for status in ("resolved", "open"):
        await world.set_status(conversation, status)
    await world.assert_sound()
    assert (await world.presence(agent)).wrap_ups[0].work_id == rest.id
    clock.advance(60)
    await run_timers(world, clock)
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_who_was_forced_above_capacity_may_be_so_until_the_wrap_up_of_what_was_handed_on(
    world: World, clock: ManualClock
) -> None:
    await world.execute("UPDATE queue SET wrap_up = 'timed', wrap_up_seconds = 60")
    agent, colleague = await world.add_agent(), await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(5)]
    supervisor, body = principal_of(uuid4(), scopes=SUPERVISOR), AssignBody(agent_id=agent, override=True)
    for conversation in conversations:
        await world.run(by_hand.assign, supervisor, conversation_id=conversation, body=body)
    away = TransferBody(agent_id=colleague, reason="expertise")
    mine = principal_of(agent)
    await world.run(by_hand.transfer, mine, conversation_id=conversations[4], body=away, actor=f"agent:{agent}")
    assert (await world.used_units(agent), await world.used_units(colleague)) == (125, 25)
    await world.assert_sound()
    clock.advance(60)
    await run_timers(world, clock)
    assert await world.used_units(agent) == 100
    await world.assert_sound()


async def test_what_is_wrapped_up_beside_a_chat_that_goes_idle_ends_by_its_own_time(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    """A wrap-up lasts as long as a chat may rest, so that both are due at once."""
    await world.execute("UPDATE queue SET wrap_up = 'timed'")
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    colleague = await world.add_agent()
    body = TransferBody(agent_id=colleague, reason="expertise")
    mine = principal_of(agent)
    await world.run(by_hand.transfer, mine, conversation_id=conversation, body=body, actor=f"agent:{agent}")
    clock.advance(600)
    await run_timers(world, clock)
    states = {work.agent_id: (work.state, work.idle_sequence) for work in await world.works(conversation)}
    assert states == {agent: ("done", None), colleague: ("assigned", 1)}
    assert [await world.used_units(each) for each in (agent, colleague)] == [0, 0]
    await world.assert_sound()


async def test_what_a_supervisor_takes_away_is_not_wrapped_up(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.execute("UPDATE queue SET wrap_up = 'timed'")
    lead = await world.add_agent()
    body = AssignBody(agent_id=lead)
    principal = principal_of(lead, scopes=SUPERVISOR)
    await world.run(by_hand.assign, principal, conversation_id=conversation, body=body, actor=f"agent:{lead}")
    assert await world.used_units(agent) == 0
    assert [work.state for work in await world.works(conversation)] == ["assigned"]


async def test_a_merged_conversation_is_not_wrapped_up(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.execute("UPDATE queue SET wrap_up = 'required'")
    other = await world.add_conversation(owner_id=agent)
    await world.execute("UPDATE conversation SET merged_into_id = :other WHERE id = :id", other=other, id=conversation)
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    assert (await world.work(conversation)).state == "done"
    assert await world.used_units(agent) == 0


async def test_agent_timer_and_customer_at_once_end_a_wrap_up_once(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    runner = DueRowRunner(world.database, clock, DUE_TABLES)
    for _ in range(6):
        agent, conversation = await wrapping(world, routed)
        work_id = (await world.work(conversation)).id
        await world.execute("UPDATE conversation SET status = 'open' WHERE id = :id", id=conversation)
        clock.advance(60)
        outcomes = await asyncio.gather(
            world.run(ending.end_wrap_up, principal_of(agent), work_id=work_id, body=EndWrapUpBody()),
            runner.run_once(WORK_ITEMS),
            world.follow(conversation),
            return_exceptions=True,
        )
        assert all(not isinstance(one, Exception) or isinstance(one, SwitchboardError) for one in outcomes)
        clock.advance(1)
        await run_timers(world, clock)
        await world.follow(conversation)
        assert (await world.work(conversation)).state == "assigned"
        assert await world.used_units(agent) == 25
        ended = await world.execute(
            "SELECT 1 FROM event WHERE type = 'wrap_up.ended' AND payload->>'work_id' = :id", id=str(work_id)
        )
        assert len(ended) == 1
        await world.execute("UPDATE agent_presence SET readiness = 'not_ready'")
        await world.assert_sound()
