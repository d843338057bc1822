"""The router's loop: what it hears, what its sweep repairs, what its checker counts."""

import asyncio
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY
from sqlalchemy import event

from app.core.database import Database
from app.core.log_signal import LogSignal
from app.routing.jobs import check_invariants
from app.routing.queue_schemas import QueueBody
from app.routing.service import by_hand, offers, presences, queues, views
from app.routing.service.router import Router
from app.routing.service.sweep import Sweep
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def settled(world: World, router: Router, signal: LogSignal, epoch: int) -> None:
    """Until the router has read every event there is and decided nothing more."""
    async with asyncio.timeout(20):
        while True:
            seen = signal.position
            more = await router.step(epoch)
            rows = await world.execute(
                "SELECT (SELECT count(*) FROM event) - (SELECT count(*) FROM event_position) AS behind"
            )
            if not more and not rows[0].behind and signal.position == seen:
                return
            if not more:
                await signal.wait(seen, 0.2)


async def test_it_follows_every_kind_of_change_without_rebuilding(
    world: World, router: Router, signal: LogSignal
) -> None:
    epoch = await world.acquire_router()
    await router.rebuild()
    rebuilds = metric("switchboard_routing_rebuilds_total")
    agent = await world.add_agent(member=False)
    first = await world.add_waiting()
    await settled(world, router, signal, epoch)
    assert await world.offers() == []

    await world.run(queues.add_member, queue_id=world.queue_id, agent_id=agent)
    await settled(world, router, signal, epoch)
    offer = (await world.offers(first))[0]

    await world.run(offers.decline_offer, agent_id=agent, offer_id=offer.id, token=offer.token, reason="busy")
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="pause")
    second = await world.add_waiting()
    await settled(world, router, signal, epoch)
    assert await world.offers(second) == []

    await world.run(presences.set_presence, agent_id=agent, readiness="ready")
    await settled(world, router, signal, epoch)
    assert [offer.state for offer in await world.offers(second)] == ["pending"]

    created = await world.run(queues.create_queue, QueueBody(name="New"))
    await world.run(queues.add_member, queue_id=created.id, agent_id=agent)
    third = await world.add_waiting(queue_id=created.id)
    await settled(world, router, signal, epoch)
    assert len(await world.offers(third)) == 1
    await world.run(queues.remove_member, queue_id=created.id, agent_id=agent)
    fourth = await world.add_waiting(queue_id=created.id)
    await settled(world, router, signal, epoch)
    assert await world.offers(fourth) == []
    assert metric("switchboard_routing_rebuilds_total") == rebuilds
    await world.assert_sound()


async def test_a_freed_slot_is_filled_at_once(world: World, router: Router, signal: LogSignal) -> None:
    epoch = await world.acquire_router()
    await router.rebuild()
    agent = await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(5)]
    await settled(world, router, signal, epoch)
    offered = await world.offers()
    assert len(offered) == 4
    await world.accept(offered[0])
    await world.set_status(offered[0].conversation_id, "resolved", actor=f"agent:{agent}")
    await settled(world, router, signal, epoch)
    assert {offer.conversation_id for offer in await world.offers()} == set(conversations)
    await world.assert_sound()


async def test_what_it_has_committed_itself_it_does_not_read_again(
    world: World, router: Router, signal: LogSignal, database: Database
) -> None:
    epoch = await world.acquire_router()
    agent = await world.add_agent()
    await router.rebuild()
    await settled(world, router, signal, epoch)
    read: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *seen: read.append(seen[2]))
    conversation = await world.add_waiting()
    await settled(world, router, signal, epoch)
    offer = (await world.offers(conversation))[0]
    assert not [sql for sql in read if "JOIN agent_ledger" in sql]
    await world.run(offers.decline_offer, agent_id=agent, offer_id=offer.id, token=offer.token, reason="busy")
    await settled(world, router, signal, epoch)
    assert [sql for sql in read if "JOIN agent_ledger" in sql]


async def test_a_change_that_was_never_told_is_repaired_by_the_second_sweep_and_counted(
    world: World, router: Router, signal: LogSignal, clock: ManualClock
) -> None:
    epoch = await world.acquire_router()
    await world.add_agent()
    await settled(world, router, signal, epoch)
    await router.rebuild()
    missed = metric("switchboard_routing_missed_total", kind="work")
    conversation = await world.add_conversation()
    await world.execute(
        "INSERT INTO work_item (id, conversation_id, queue_id, channel, state, units, tier, priority, ready_at, due_at,"
        " run_at, created_at) VALUES (gen_random_uuid(), :conversation, :queue, 'chat', 'queued', 25, 2, 5, :now, :now,"
        " :now, :now)",
        conversation=conversation,
        queue=world.queue_id,
        now=clock.now(),
    )
    for _ in range(2):
        assert await world.offers(conversation) == []
        clock.advance(5)
        await router.step(epoch)
    assert len(await world.offers(conversation)) == 1
    assert metric("switchboard_routing_missed_total", kind="work") == missed + 1


async def test_a_quiet_router_finds_nothing_missed(world: World, routed: Routed, router: Router) -> None:
    await world.add_agent()
    await world.add_waiting(language="en")
    for _ in range(6):
        await world.add_waiting()
    await routed()
    sweep: Sweep = router._sweep
    for _ in range(3):
        async with world.database.transaction() as session:
            assert await sweep.find_missed(session) == (set(), set())


async def test_the_checker_counts_drift_and_broken_rules(world: World, routed: Routed, clock: ManualClock) -> None:
    agent = await world.add_agent()
    await world.add_waiting()
    await routed()
    await check_invariants(world.database, clock)
    before = metric("switchboard_routing_violations_total", rule="ledger_drift")
    assert metric("switchboard_routing_ledger_drift_agents") == 0
    await world.execute("UPDATE agent_ledger SET used_units = 30 WHERE agent_id = :id", id=agent)
    await world.execute("UPDATE offer SET state = 'withdrawn'")
    broken = metric("switchboard_routing_violations_total", rule="offered_without_offer")
    await check_invariants(world.database, clock)
    assert metric("switchboard_routing_violations_total", rule="ledger_drift") == before + 1
    assert metric("switchboard_routing_violations_total", rule="offered_without_offer") == broken + 1


async def test_an_offer_is_shown_with_customer_first_words_and_the_rule_that_decided(
    world: World, routed: Routed
) -> None:
    agent = await world.add_agent()
    await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    offered_to = (await world.offers(conversation))[0].agent_id
    async with world.database.transaction() as session:
        shown = await views.list_offers(session, offered_to)
        assert await views.list_offers(session, agent if offered_to != agent else world.account_id) == []
    assert (shown[0].conversation_id, shown[0].first_words, shown[0].channel) == (conversation, "Hello", "chat")
    assert shown[0].why in {"stable_hash", "longest_idle"}


async def test_the_explanation_names_candidates_and_who_was_removed_by_which_rule(world: World, routed: Routed) -> None:
    await world.add_agent()
    await world.add_agent(ready=False)
    conversation = await world.add_waiting()
    await routed()
    async with world.database.transaction() as session:
        explained = await views.explain(session, principal_of(world.account_id), conversation_id=conversation)
    decision: Any = explained.decisions[0]
    assert decision.outcome == "offer"
    assert decision.trace["removed"] == {"not_routable": 1}
    assert decision.trace["ledger_after"]["used_units"] == 25
    assert decision.trace["candidates"][0]["rank"].keys() >= {"sticky", "longest_idle"}
    assert explained.work is not None
    assert explained.work.state == "offered"


async def test_whoever_is_offered_it_may_ask_why_before_it_is_theirs(world: World, routed: Routed) -> None:
    await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    offered_to = (await world.offers(conversation))[0].agent_id
    asks = principal_of(offered_to, visibility="own")
    async with world.database.transaction() as session:
        explained = await views.explain(session, asks, conversation_id=conversation)
    assert explained.decisions[0].agent_id == offered_to


async def test_the_lines_of_the_board_count_what_is_there(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    await world.add_agent(ready=False)
    for _ in range(6):
        await world.add_waiting()
    await routed()
    await world.run(by_hand.pick, principal_of(agent), conversation_id=(await world.offers())[0].conversation_id)
    async with world.database.transaction() as session:
        line = (await views.list_queue_lines(session, world.clock.now()))[0]
    assert (line.waiting, line.offered, line.staffed, line.ready) == (2, 3, 2, 1)
    assert (line.used_units, line.capacity_units) == (100, 200)


async def test_a_second_router_stands_by_and_goes_on_when_the_first_one_stops(
    world: World, router: Router, signal: LogSignal, clock: ManualClock
) -> None:
    second_database = Database(world.database.url, application_name="second-router")
    second = Router(second_database, clock, signal, holder="second")
    tasks = [asyncio.create_task(each.run()) for each in (router, second)]
    try:
        for _ in range(3):
            await world.add_agent()
        before = [await world.add_waiting() for _ in range(6)]
        await until_offered(world, signal, before)
        first_holder = (await world.execute("SELECT holder FROM owner WHERE name = 'router'"))[0].holder
        stopped = tasks[0] if first_holder == "tests" else tasks[1]
        stopped.cancel()
        await asyncio.gather(stopped, return_exceptions=True)
        after = [await world.add_waiting() for _ in range(6)]
        await until_offered(world, signal, after)
        owner = (await world.execute("SELECT holder, epoch FROM owner WHERE name = 'router'"))[0]
        assert (owner.holder != first_holder, owner.epoch) == (True, 2)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await second_database.close()
    offered = [offer.conversation_id for offer in await world.offers()]
    assert sorted(offered) == sorted([*before, *after])
    await world.assert_sound()


async def until_offered(world: World, signal: LogSignal, conversations: list[UUID]) -> None:
    async with asyncio.timeout(30):
        while True:
            seen = signal.position
            if {offer.conversation_id for offer in await world.offers()} >= set(conversations):
                return
            await signal.wait(seen)
