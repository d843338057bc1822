"""A live chat in which nobody writes for ten minutes gives its units back, and takes them again without overshoot."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.core import event_log
from app.core.consumers import ConsumerRunner
from app.core.due_rows import DueRowRunner
from app.core.log_signal import LogSignal
from app.events import catalogue
from app.events.conversations import MessageReceived
from app.routing.jobs import due_tables
from app.routing.service import presences
from app.routing.service.desk import lock_desks
from app.wiring import CONSUMERS, HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World

DUE_TABLES = due_tables(HOURS)
[WORK_ITEMS] = [table for table in DUE_TABLES if table.name == "work_item"]


async def pass_time(world: World, clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    await world.execute("UPDATE agent_presence SET last_beat_at = :now", now=clock.now())
    runner = DueRowRunner(world.database, clock, [WORK_ITEMS])
    while await runner.run_once(WORK_ITEMS):
        pass


async def idle(world: World, routed: Routed, clock: ManualClock) -> tuple[UUID, UUID]:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await pass_time(world, clock, 600)
    work = await world.work(conversation)
    assert (work.state, work.agent_id, work.units_held, work.run_at) == ("assigned", agent, False, None)
    assert await world.used_units(agent) == 0
    await world.assert_sound()
    return agent, conversation


async def test_what_is_written_moves_the_timer_only_when_it_fires(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    accepted_at = clock.now()
    assert (await world.work(conversation)).run_at == accepted_at + timedelta(seconds=600)
    clock.advance(400)
    await world.write(conversation)
    assert (await world.work(conversation)).run_at == accepted_at + timedelta(seconds=600)
    await pass_time(world, clock, 200)
    assert (await world.work(conversation)).run_at == accepted_at + timedelta(seconds=1000)
    assert await world.used_units(agent) == 25
    await pass_time(world, clock, 400)
    assert await world.used_units(agent) == 0
    reasons = await world.execute("SELECT payload->>'reason' AS reason FROM event WHERE type = 'work.changed'")
    assert "idle" in {row.reason for row in reasons}


async def test_mail_and_tasks_hold_their_units_however_long_nobody_writes(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    mail = await world.add_waiting(channel="email")
    await routed()
    await world.accept((await world.offers(mail))[0])
    assert (await world.work(mail)).run_at is None
    await pass_time(world, clock, 3600)
    assert await world.used_units(agent) == 10


async def test_the_owner_resumes_when_the_customer_writes_and_nothing_is_doubled(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await idle(world, routed, clock)
    await world.follow(conversation)
    assert await world.used_units(agent) == 0
    await world.write(conversation)
    await world.follow(conversation)
    [work] = await world.works(conversation)
    assert (work.state, work.units_held, work.idle_sequence) == ("assigned", True, None)
    assert work.run_at == clock.now() + timedelta(seconds=600)
    assert await world.used_units(agent) == 25
    assert await world.owner(conversation) == agent
    await world.assert_sound()


async def test_idle_chats_that_wake_up_do_not_overshoot(world: World, routed: Routed, clock: ManualClock) -> None:
    agent, conversation = await idle(world, routed, clock)
    for _ in range(4):
        await world.add_waiting()
    await routed()
    for offer in await world.offers():
        if offer.state == "pending":
            await world.accept(offer)
    assert await world.used_units(agent) == 100
    await world.write(conversation)
    work = await world.work(conversation)
    assert (work.state, work.sticky_agent_id, work.agent_id) == ("queued", agent, None)
    assert await world.used_units(agent) == 100
    assert await world.owner(conversation) is None
    await world.assert_sound()


async def test_an_owner_who_writes_goes_on_above_capacity_and_that_is_audited(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await idle(world, routed, clock)
    for _ in range(4):
        await world.add_waiting()
    await routed()
    await world.write(conversation, actor=f"agent:{agent}")
    assert await world.used_units(agent) == 125
    await world.assert_sound()


@pytest.mark.parametrize("status", ["pending", "resolved"])
async def test_an_idle_chat_can_be_set_aside_and_ended(
    world: World, routed: Routed, clock: ManualClock, status: str
) -> None:
    agent, conversation = await idle(world, routed, clock)
    await world.set_status(conversation, status, actor=f"agent:{agent}")
    assert await world.used_units(agent) == 0
    await world.assert_sound()
    await world.set_status(conversation, "open")
    assert await world.used_units(agent) == 25
    await world.assert_sound()


async def test_an_idle_chat_lets_the_wish_to_stop_apply(world: World, routed: Routed, clock: ManualClock) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="lunch")
    await pass_time(world, clock, 600)
    assert (await world.presence(agent)).reason == "lunch"


@pytest.mark.parametrize("unanswered", [True, False])
async def test_an_idle_chat_of_an_agent_who_is_gone_goes_back_only_if_the_customer_waits(
    world: World, routed: Routed, clock: ManualClock, unanswered: bool
) -> None:
    agent, conversation = await idle(world, routed, clock)
    since = clock.now() - timedelta(seconds=700) if unanswered else None
    await world.execute("UPDATE conversation SET unanswered_since = :since", since=since)
    await world.execute("UPDATE agent_presence SET session = 'gone'")
    clock.advance(300)
    await world.run(presences.check_silence, agent)
    work = await world.work(conversation)
    assert (work.state, work.agent_id) == (("queued", None) if unanswered else ("assigned", agent))
    await world.assert_sound()


async def test_work_whose_agent_is_locked_is_looked_at_again_and_nobody_is_waited_for(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    clock.advance(600)
    runner = DueRowRunner(world.database, clock, [WORK_ITEMS])
    async with world.database.transaction() as session:
        await lock_desks(session, [agent], clock.now())
        await runner.run_once(WORK_ITEMS)
    assert (await world.work(conversation)).run_at == clock.now() + timedelta(seconds=1)
    async with world.database.transaction() as session:
        await session.execute(text("SELECT FROM conversation WHERE id = :id FOR UPDATE"), {"id": conversation})
        clock.advance(1)
        await runner.run_once(WORK_ITEMS)
    assert (await world.work(conversation)).run_at == clock.now() + timedelta(seconds=1)
    await pass_time(world, clock, 1)
    assert await world.used_units(agent) == 0


async def test_the_consumer_wakes_an_idle_chat_from_the_log(
    world: World, routed: Routed, signal: LogSignal, clock: ManualClock
) -> None:
    [waking] = [each for each in CONSUMERS if each.name == "chat_waking"]
    agent, conversation = await idle(world, routed, clock)
    runner = ConsumerRunner(world.database, clock, signal, [waking], known_events=frozenset(catalogue.BY_NAME))
    await runner.prepare()
    await world.execute("UPDATE conversation SET last_public_sequence = 2, last_sequence = 2")
    event = MessageReceived(
        conversation_id=conversation, message_id=uuid4(), sequence=2, channel="chat",
        channel_account_id=world.account_id, message_class="customer", provider_at=None,
        arrived_at=clock.now(), effective_at=clock.now(),
    )  # fmt: skip
    await world.run(event_log.append, [event], actor="visitor:1")
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(20):
        while not await world.used_units(agent):
            await signal.wait(signal.position)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await world.assert_sound()
