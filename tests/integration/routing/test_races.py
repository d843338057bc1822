"""Concurrent transactions against one another: whatever the order, one owner, one debit, one credit."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from app.core.act import Act
from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict
from app.core.log_signal import LogSignal
from app.core.owners import Deposed
from app.routing.decisions import Offer
from app.routing.engine import Engine
from app.routing.jobs import due_tables
from app.routing.schemas import AssignBody
from app.routing.service import by_hand, loading, offers, presences
from app.routing.service.desk import lock_desks
from app.routing.service.matching import Committed, commit_decisions
from app.routing.service.router import Router
from app.routing.service.work import Cause, follow_conversations
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of


async def outcomes(*racing: Any) -> list[Any]:
    return await asyncio.gather(*racing, return_exceptions=True)


def codes(results: list[Any]) -> set[str]:
    """The codes of refusals; anything but a Conflict is a failure of the test."""
    refused = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, Conflict) for error in refused), refused
    return {error.code for error in refused}


async def engine_of(world: World) -> Engine:
    engine = Engine()
    async with world.database.transaction() as session:
        for queue in await loading.load_queues(session, None):
            engine.put_queue(queue)
        for agent in await loading.load_agents(session, None):
            engine.put_agent(agent.facts)
        for work in await loading.load_waiting(session, None):
            engine.put_work(work)
    return engine


async def commit(world: World, epoch: int, decided: list[Any]) -> Committed:
    async with world.database.transaction() as session:
        return await commit_decisions(session, world.act("router"), epoch, decided)


async def test_fifty_racing_accepts_make_one_owner(world: World, routed: Routed) -> None:
    agents = [await world.add_agent() for _ in range(3)]
    conversation = await world.add_waiting()
    await routed()
    offer = (await world.offers(conversation))[0]
    strangers = [agent for agent in agents if agent != offer.agent_id]
    results = await outcomes(
        *(world.accept(offer) for _ in range(30)),
        *(world.accept(offer, agent_id=strangers[number % 2]) for number in range(10)),
        *(world.accept(offer, token=f"guess-{number}") for number in range(5)),
        *(
            world.run(by_hand.pick, principal_of(strangers[number % 2]), conversation_id=conversation)
            for number in range(5)
        ),
    )
    assert codes(results) <= {"offer_taken", "stale_token", "offered_to_another", "already_owned"}
    assert len([result for result in results if not isinstance(result, BaseException)]) == 30
    assert len([result for result in results if getattr(result, "events", ())]) == 1
    assert await world.owner(conversation) == offer.agent_id
    assert (await world.event_types(conversation)).count("conversation.rights_changed") == 1
    await world.assert_sound()


async def test_accept_and_expiry_racing_at_the_deadline_have_one_winner(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    for _ in range(4):
        await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(16)]
    await routed()
    made = await world.offers()
    assert len(made) == 16
    before, after = clock.advance(29.999), clock.advance(0.001)

    async def accept(offer: Any) -> None:
        async with world.database.transaction() as session:
            await offers.accept_offer(
                session, Act(before, "tests"), agent_id=offer.agent_id, offer_id=offer.id, token=offer.token
            )

    async def expire(offer: Any) -> None:
        async with world.database.transaction() as session:
            await offers.expire_offer(session, Act(after, "tests"), offer.id)

    racing = [race for offer in made for race in ((accept, offer), (expire, offer))]
    results = await outcomes(*(act(offer) for act, offer in racing))
    assert codes(results) <= {"offer_expired", "offer_withdrawn"}
    ended = await world.offers()
    assert all(offer.state != "pending" for offer in ended)
    accepted = {offer.conversation_id: offer.agent_id for offer in ended if offer.state == "accepted"}
    for conversation in conversations:
        assert await world.owner(conversation) == accepted.get(conversation)
        assert (await world.work(conversation)).state == ("assigned" if conversation in accepted else "queued")
    await world.assert_sound()


async def test_eight_concurrent_deciders_never_exceed_capacity(world: World) -> None:
    agents = [await world.add_agent() for _ in range(3)]
    for _ in range(40):
        await world.add_waiting()
    epoch = await world.acquire_router()
    # Eight memories of the same moment: each thinks that all units are free.
    engines = [await engine_of(world) for _ in range(8)]
    decided = [engine.decide(world.clock.now()) for engine in engines]
    results = await outcomes(*(commit(world, epoch, decisions) for decisions in decided))
    assert not [result for result in results if isinstance(result, BaseException)]
    assert sum(len(result.made) for result in results) == 12
    assert len(await world.offers()) == 12
    assert [await world.used_units(agent) for agent in agents] == [100, 100, 100]
    await world.assert_sound()


async def test_a_deposed_router_commits_nothing(world: World, clock: ManualClock) -> None:
    await world.add_agent()
    conversation = await world.add_waiting()
    frozen_epoch = await world.acquire_router("frozen")
    decided = (await engine_of(world)).decide(clock.now())
    clock.advance(10)
    epoch = await world.acquire_router("successor")
    with pytest.raises(Deposed):
        await commit(world, frozen_epoch, decided)
    assert await world.offers() == []
    assert len((await commit(world, epoch, (await engine_of(world)).decide(clock.now()))).made) == 1
    with pytest.raises(Deposed):
        await commit(world, frozen_epoch, decided)
    assert len(await world.offers(conversation)) == 1
    await world.assert_sound()


async def test_a_take_over_during_a_commit_waits_for_it_and_nothing_happens_twice(
    world: World, clock: ManualClock
) -> None:
    await world.add_agent()
    for _ in range(6):
        await world.add_waiting()
    epoch = await world.acquire_router("first")
    decided = (await engine_of(world)).decide(clock.now())
    clock.advance(10)
    async with world.database.transaction() as session:
        await commit_decisions(session, world.act("router"), epoch, decided)
        taking_over = asyncio.create_task(world.acquire_router("second"))
        await until_blocked(world)
        assert not taking_over.done()
    second = await taking_over
    assert second == epoch + 1
    assert (await commit(world, second, (await engine_of(world)).decide(clock.now()))).made == []
    with pytest.raises(Deposed):
        await commit(world, epoch, decided)
    assert len(await world.offers()) == 4
    await world.assert_sound()


async def until_blocked(world: World) -> None:
    """Until some statement waits for a lock."""
    async with asyncio.timeout(10):
        while not await world.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)


async def test_decisions_are_checked_again_when_they_are_committed(world: World, clock: ManualClock) -> None:
    """Each rule that may have come to forbid an offer after the engine decided it."""
    epoch = await world.acquire_router()

    async def decided_for(spoil: str, **values: Any) -> str:
        agent = await world.add_agent(languages=("en", "zh"))
        conversation = await world.add_waiting(language="zh-CN")
        decisions = [each for each in (await engine_of(world)).decide(clock.now()) if isinstance(each, Offer)]
        await world.execute(spoil, agent=agent, conversation=conversation, **values)
        committed = await commit(world, epoch, decisions)
        await world.execute("UPDATE agent_presence SET readiness = 'not_ready' WHERE agent_id = :agent", agent=agent)
        await world.set_status(conversation, "resolved")
        assert committed.made == []
        return committed.stale[0][1]

    keep = " AND CAST(:conversation AS uuid) IS NOT NULL AND CAST(:agent AS uuid) IS NOT NULL"
    assert (
        await decided_for(f"UPDATE agent_presence SET readiness = 'not_ready' WHERE agent_id = :agent{keep}")
        == "not_routable"
    )
    assert await decided_for(f"DELETE FROM queue_member WHERE agent_id = :agent{keep}") == "not_member"
    assert await decided_for(f"UPDATE agent SET languages = '{{en}}' WHERE id = :agent{keep}") == "lacks_requirement"
    assert (
        await decided_for(f"UPDATE agent_ledger SET capacity_units = 20 WHERE agent_id = :agent{keep}")
        == "no_free_units"
    )
    assert (
        await decided_for(f"UPDATE work_item SET version = version + 1 WHERE conversation_id = :conversation{keep}")
        == "work_changed"
    )
    assert (
        await decided_for(
            "UPDATE work_item SET cool_downs = jsonb_build_object(CAST(:agent AS text), CAST(:until AS text))"
            f" WHERE conversation_id = :conversation{keep}",
            until=(clock.now() + timedelta(seconds=60)).isoformat(),
        )
        == "cooling_down"
    )
    assert await world.offers() == []


async def test_a_wrap_up_that_began_while_the_consumer_waited_for_its_agent_goes_on(
    world: World, routed: Routed
) -> None:
    """The consumer had seen an open conversation that was nobody's yet."""
    await world.execute("UPDATE queue SET wrap_up = 'timed'")
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    [offer] = await world.offers(conversation)
    act, causes = world.act("customer"), {conversation: Cause("customer", "request-1")}
    async with world.database.transaction() as session:
        await lock_desks(session, [agent], act.now)
        consumer = asyncio.create_task(world.follow(conversation))
        await until_blocked(world)
        await offers.accept_offer(session, act, agent_id=agent, offer_id=offer.id, token=offer.token)
        await session.execute(text("UPDATE conversation SET status = 'resolved'"))
        await follow_conversations(session, act, causes, hours=HOURS)
    assert codes(await outcomes(consumer)) <= {"work_changed"}
    assert [work.state for work in await world.works(conversation)] == ["wrapping"]
    await world.assert_sound()


async def test_an_offer_whose_work_is_given_away_at_its_deadline_is_looked_at_again(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    """An assignment holds the agent's lock when the deadline's turn comes."""
    retried = ("switchboard_due_rows_total", {"table": "offer", "outcome": "retried"})
    before = REGISTRY.get_sample_value(*retried) or 0
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    other, supervisor = await world.add_agent(), principal_of(uuid4(), scopes=frozenset({"work", "routing:write"}))
    clock.advance(60)
    table = due_tables(HOURS)[0]
    async with world.database.transaction() as session:
        body = AssignBody(agent_id=other)
        await by_hand.assign(
            session, world.act("lead"), supervisor, conversation_id=conversation, body=body, hours=HOURS
        )
        expiring = asyncio.create_task(DueRowRunner(world.database, clock, [table]).run_once(table))
        await until_blocked(world)
    assert await expiring == 1
    [offer] = await world.offers(conversation)
    assert (offer.state, offer.agent_id) == ("withdrawn", agent)
    assert REGISTRY.get_sample_value(*retried) == before
    assert await world.owner(conversation) == other
    await world.assert_sound()


async def test_going_not_ready_races_with_an_offer_and_leaves_none_pending(world: World, clock: ManualClock) -> None:
    agents = [await world.add_agent() for _ in range(4)]
    for _ in range(16):
        await world.add_waiting()
    epoch = await world.acquire_router()
    engines = [await engine_of(world) for _ in range(4)]
    decided = [engine.decide(clock.now()) for engine in engines]
    results = await outcomes(
        *(commit(world, epoch, decisions) for decisions in decided),
        *(world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="break") for agent in agents),
    )
    assert not [result for result in results if isinstance(result, BaseException)]
    assert {offer.state for offer in await world.offers()} <= {"withdrawn"}
    assert [await world.used_units(agent) for agent in agents] == [0, 0, 0, 0]
    await world.assert_sound()


async def test_the_running_router_answers_the_log_without_being_asked(
    world: World, router: Router, signal: LogSignal
) -> None:
    agent = await world.add_agent()
    running = asyncio.create_task(router.run())
    try:
        conversation = await world.add_waiting()
        offer = await first_offer(world, signal, conversation)
        assert offer.agent_id == agent
        await world.accept(offer)
        assert await world.owner(conversation) == agent
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await world.assert_sound()


async def first_offer(world: World, signal: LogSignal, conversation: UUID) -> Any:
    async with asyncio.timeout(20):
        while True:
            seen = signal.position
            found = await world.offers(conversation)
            if found:
                return found[0]
            await signal.wait(seen)
