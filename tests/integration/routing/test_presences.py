"""Presence in the tables: silence, penalties, wishes to stop, and what becomes of the work meanwhile."""

from typing import Any
from uuid import UUID

import pytest

from app.core.due_rows import DueRowRunner
from app.core.errors import InvalidInput
from app.routing import jobs
from app.routing.service import presences
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World


@pytest.fixture
def due(world: World, clock: ManualClock) -> Any:
    runner = DueRowRunner(world.database, clock, jobs.due_tables(HOURS))

    async def run() -> None:
        """Everything that is due now, in every table."""
        for table in jobs.due_tables(HOURS):
            while await runner.run_once(table):
                pass

    return run


async def test_a_silent_agent_is_suspect_then_gone_and_offers_go_back_at_once(
    world: World, routed: Routed, clock: ManualClock, due: Any
) -> None:
    await world.execute("UPDATE queue SET offer_timeout_seconds = 900")
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    clock.advance(29.9)
    await due()
    assert (await world.presence(agent)).session == "connected"
    clock.advance(0.1)
    await due()
    assert (await world.presence(agent)).session == "suspect"
    assert [offer.state for offer in await world.offers(conversation)] == ["withdrawn"]
    assert (await world.work(conversation)).state == "queued"
    assert await world.used_units(agent) == 0
    clock.advance(30)
    await due()
    assert (await world.presence(agent)).session == "gone"
    await world.beat(agent)
    assert (await world.presence(agent)).routable
    await world.assert_sound()


async def test_the_work_of_a_gone_agent_goes_back_after_two_minutes_sticky(
    world: World, routed: Routed, clock: ManualClock, due: Any
) -> None:
    agent = await world.add_agent()
    conversation, waiting = await world.add_waiting(), await world.add_waiting()
    await routed()
    for offer in await world.offers():
        await world.accept(offer)
    await world.set_status(waiting, "pending", actor=f"agent:{agent}")
    clock.advance(30)
    await due()
    clock.advance(30)
    await due()
    clock.advance(119)
    await due()
    assert await world.owner(conversation) == agent
    clock.advance(1)
    await due()
    work = await world.work(conversation)
    assert (work.state, work.sticky_agent_id) == ("queued", agent)
    assert (work.sticky_until - clock.now()).total_seconds() == 300
    assert await world.owner(conversation) is None
    assert await world.owner(waiting) == agent
    await world.assert_sound()


async def test_beats_keep_an_agent_connected_and_a_closed_socket_shortens_the_silence(
    world: World, clock: ManualClock, due: Any
) -> None:
    agent = await world.add_agent()
    for _ in range(4):
        clock.advance(15)
        await world.beat(agent)
        await due()
    assert (await world.presence(agent)).session == "connected"
    await world.close_socket(agent)
    clock.advance(15)
    await world.beat(agent)
    clock.advance(10)
    await due()
    assert (await world.presence(agent)).session == "connected"
    await world.close_socket(agent)
    clock.advance(20)
    await due()
    assert (await world.presence(agent)).session == "suspect"


async def test_not_ready_during_work_is_remembered_and_applies_after_it(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    first, second = await world.add_waiting(), await world.add_waiting()
    await routed()
    await world.accept((await world.offers(first))[0])
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="lunch")
    presence = await world.presence(agent)
    assert (presence.readiness, presence.pending_reason, presence.routable) == ("ready", "lunch", False)
    assert [offer.state for offer in await world.offers(second)] == ["withdrawn"]
    await routed()
    assert len(await world.offers(second)) == 1
    await world.set_status(first, "resolved", actor=f"agent:{agent}")
    presence = await world.presence(agent)
    assert (presence.readiness, presence.reason, presence.pending_reason) == ("not_ready", "lunch", None)
    await world.assert_sound()


async def test_a_penalty_stays_until_it_is_cleared(world: World, routed: Routed, clock: ManualClock, due: Any) -> None:
    agent = await world.add_agent()
    call = await world.add_waiting(channel="voice")
    await routed()
    clock.advance(15)
    await world.beat(agent)
    clock.advance(15)
    await due()
    assert [offer.state for offer in await world.offers(call)] == ["expired"]
    assert (await world.presence(agent)).penalty == "not_responding"
    await world.run(presences.set_presence, agent_id=agent, readiness="ready")
    assert not (await world.presence(agent)).routable
    await world.run(presences.clear_penalty, agent_id=agent)
    assert (await world.presence(agent)).routable


async def test_not_ready_needs_a_reason(world: World) -> None:
    agent: UUID = await world.add_agent()
    with pytest.raises(InvalidInput) as refused:
        await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason=" ")
    assert refused.value.code == "reason_required"
    assert (await world.presence(agent)).routable


async def test_a_disabled_agent_leaves_nothing_behind(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    owned, offered = await world.add_waiting(), await world.add_waiting()
    await routed()
    await world.accept((await world.offers(owned))[0])
    await world.run(presences.retire, agent)
    assert await world.used_units(agent) == 0
    assert await world.owner(owned) is None
    assert (await world.work(offered)).state == "queued"
    assert (await world.presence(agent)).session == "gone"
    await world.assert_sound()


async def test_many_beats_in_one_statement_find_those_who_must_be_connected(world: World) -> None:
    here, silent, newcomer = [await world.add_agent(ready=False) for _ in range(3)]
    await world.close_socket(silent)
    await world.execute("UPDATE agent_presence SET session = 'gone' WHERE agent_id = :id", id=silent)
    for table in ("agent_presence", "agent_ledger"):
        await world.execute(f"DELETE FROM {table} WHERE agent_id = :id", id=newcomer)
    async with world.database.transaction() as session:
        assert await presences.beat(session, world.clock.now(), agent_ids=[here, silent, newcomer]) == {here}
    acts = {agent_id: world.act(f"agent:{agent_id}") for agent_id in (silent, newcomer)}
    async with world.database.transaction() as session:
        await presences.connect(session, acts)
    async with world.database.transaction() as session:
        assert await presences.beat(session, world.clock.now(), agent_ids=[here, silent, newcomer]) == {
            *(here, silent, newcomer)
        }
    told = await world.execute("SELECT actor FROM event WHERE type = 'presence.changed' AND key = :id", id=silent)
    assert told[-1].actor == f"agent:{silent}"
