"""Work follows its conversation: made, freed, resumed, requeued, ended, whatever is delivered twice."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.core import event_log
from app.core.consumers import ConsumerRunner
from app.core.log_signal import LogSignal
from app.events import catalogue
from app.events.conversations import ConversationOpened
from app.events.event import Rights
from app.routing.service import list_days, offers, presences
from app.wiring import CONSUMERS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World


async def owned(world: World, routed: Routed) -> tuple[UUID, UUID]:
    """An agent who has accepted a conversation."""
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    return agent, conversation


async def test_an_opened_conversation_makes_one_work_item_however_often_it_is_told(world: World) -> None:
    conversation = await world.add_waiting()
    await world.follow(conversation)
    await world.follow(conversation)
    works = await world.works(conversation)
    assert [work.state for work in works] == ["queued"]
    assert works[0].due_at - works[0].ready_at == timedelta(seconds=60)
    assert works[0].run_at is not None
    assert (await world.event_types(conversation)).count("work.changed") == 1


async def test_the_consumer_reads_the_opened_conversation_from_the_log(
    world: World, signal: LogSignal, clock: ManualClock
) -> None:
    [routing] = [each for each in CONSUMERS if each.name == "routing"]
    conversation = await world.add_conversation()
    event = ConversationOpened(
        conversation_id=conversation, number=1, customer_id=uuid4(), contact_point_id=uuid4(), channel="chat",
        channel_account_id=world.account_id, priority=5, language="", rights=Rights(queue_id=world.queue_id),
    )  # fmt: skip
    await world.run(event_log.append, [event])
    running = asyncio.create_task(
        ConsumerRunner(world.database, clock, signal, [routing], known_events=frozenset(catalogue.BY_NAME)).run()
    )
    async with asyncio.timeout(20):
        while not await world.works(conversation):
            await signal.wait(signal.position)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    rows = await world.execute("SELECT request_id FROM event WHERE type = 'work.changed'")
    assert [row.request_id for row in rows] == ["request-1"]


async def test_waiting_for_the_customer_frees_the_units_and_their_answer_takes_them_again(
    world: World, routed: Routed
) -> None:
    agent, conversation = await owned(world, routed)
    for status in ("pending", "on_hold", "snoozed"):
        await world.set_status(conversation, status, actor=f"agent:{agent}")
        assert await world.used_units(agent) == 0
        assert await world.owner(conversation) == agent
        await world.set_status(conversation, "open")
        assert await world.used_units(agent) == 25
    assert (await world.work(conversation)).state == "assigned"
    await world.assert_sound()


async def test_an_answer_to_an_owner_who_is_away_is_requeued_and_sticky(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, conversation = await owned(world, routed)
    ready_at = (await world.work(conversation)).ready_at
    await world.set_status(conversation, "pending", actor=f"agent:{agent}")
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="lunch")
    clock.advance(600)
    await world.set_status(conversation, "open")
    work = await world.work(conversation)
    assert (work.state, work.agent_id, work.sticky_agent_id) == ("queued", None, agent)
    assert work.ready_at == ready_at
    assert await world.owner(conversation) is None
    await world.assert_sound()


async def test_an_owner_who_reopens_keeps_the_conversation_above_capacity_and_that_is_audited(
    world: World, routed: Routed
) -> None:
    agent, conversation = await owned(world, routed)
    await world.set_status(conversation, "pending", actor=f"agent:{agent}")
    for _ in range(4):
        await world.add_waiting()
    await routed()
    assert await world.used_units(agent) == 100
    await world.set_status(conversation, "open", actor=f"agent:{agent}")
    assert await world.used_units(agent) == 125
    outcomes = await world.execute("SELECT outcome FROM routing_decision WHERE conversation_id = :id", id=conversation)
    assert "forced" in {row.outcome for row in outcomes}
    await world.assert_sound()


async def test_resolving_ends_the_work_and_frees_the_units_once(world: World, routed: Routed) -> None:
    agent, conversation = await owned(world, routed)
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    await world.follow(conversation)
    assert (await world.work(conversation)).state == "done"
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_resolving_while_it_is_offered_withdraws_the_offer(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.set_status(conversation, "resolved", actor="agent:supervisor")
    assert [offer.state for offer in await world.offers(conversation)] == ["withdrawn"]
    assert (await world.work(conversation)).state == "cancelled"
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_reopening_gives_it_back_to_an_owner_who_is_there_else_to_the_queue(world: World, routed: Routed) -> None:
    agent, conversation = await owned(world, routed)
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    await world.set_status(conversation, "open")
    assert [work.state for work in await world.works(conversation)] == ["done", "assigned"]
    assert await world.used_units(agent) == 25
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    await world.run(presences.set_presence, agent_id=agent, readiness="not_ready", reason="lunch")
    await world.set_status(conversation, "open")
    assert [work.state for work in await world.works(conversation)] == ["done", "done", "queued"]
    assert await world.owner(conversation) is None
    await world.assert_sound()


async def test_a_call_interrupts_mail_which_goes_on_afterwards(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    mails = [await world.add_waiting(channel="email") for _ in range(2)]
    await routed()
    for offer in await world.offers():
        await world.accept(offer)
    call = await world.add_waiting(channel="voice")
    await routed()
    offer = (await world.offers(call))[0]
    assert [(await world.work(mail)).state for mail in mails] == ["parked", "parked"]
    assert await world.used_units(agent) == 100
    await world.accept(offer)
    await world.assert_sound()
    await world.set_status(call, "resolved", actor=f"agent:{agent}")
    assert [(await world.work(mail)).state for mail in mails] == ["assigned", "assigned"]
    assert await world.used_units(agent) == 20
    await world.assert_sound()


async def test_a_call_does_not_interrupt_mail_that_is_only_offered_and_routing_goes_on(
    world: World, routed: Routed
) -> None:
    agent = await world.add_agent()
    mail = await world.add_waiting(channel="email")
    await routed()
    call = await world.add_waiting(channel="voice")
    await routed()
    assert (await world.work(mail)).state == "offered"
    assert await world.offers(call) == []
    await world.accept((await world.offers(mail))[0])
    await routed()
    assert (await world.work(mail)).state == "parked"
    assert [offer.agent_id for offer in await world.offers(call)] == [agent]
    await world.assert_sound()


async def test_interrupted_mail_goes_on_before_new_mail_is_offered(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    await world.execute("""UPDATE agent_ledger SET channel_limits = '{"email": 1}'""")
    first = await world.add_waiting(channel="email")
    await routed()
    await world.accept((await world.offers(first))[0])
    call = await world.add_waiting(channel="voice")
    await routed()
    await world.accept((await world.offers(call))[0])
    second = await world.add_waiting(channel="email")
    await world.set_status(call, "resolved", actor=f"agent:{agent}")
    await routed()
    assert ((await world.work(first)).state, (await world.work(second)).state) == ("assigned", "queued")
    await world.assert_sound()


async def test_a_call_goes_to_who_is_free_before_it_interrupts_anybody(world: World, routed: Routed) -> None:
    busy = await world.add_agent()
    mail = await world.add_waiting(channel="email")
    await routed()
    await world.accept((await world.offers(mail))[0])
    free = await world.add_agent()
    offered = []
    for _ in range(2):
        call = await world.add_waiting(channel="voice")
        await routed()
        offered.append(((await world.offers(call))[0].agent_id, (await world.work(mail)).state))
    assert offered == [(free, "assigned"), (busy, "parked")]


@pytest.mark.parametrize("of_whom", ["queue", "agent"])
async def test_auto_accept_of_the_queue_or_the_agent_owns_without_an_answer(
    world: World, routed: Routed, of_whom: str
) -> None:
    agent = await world.add_agent()
    await world.execute(f"UPDATE {of_whom} SET auto_accept = true")
    conversation = await world.add_waiting()
    await routed()
    assert await world.owner(conversation) == agent
    assert [(offer.state, offer.end_reason) for offer in await world.offers()] == [("accepted", "auto")]
    work = await world.work(conversation)
    assert (work.run_at, work.answered_at) == (world.clock.now() + timedelta(seconds=600), world.clock.now())
    await world.assert_sound()


async def test_the_language_is_asked_for_only_where_somebody_speaks_it(world: World, routed: Routed) -> None:
    await world.add_agent(languages=("en",))
    chinese = await world.add_agent(languages=("zh", "en"))
    first = await world.add_waiting(language="zh-CN")
    french = await world.add_waiting(language="fr")
    assert (await world.work(first)).requirements == {"language:zh": 1}
    assert (await world.work(french)).requirements == {}
    await routed()
    assert (await world.offers(first))[0].agent_id == chinese
    assert len(await world.offers(french)) == 1


async def test_work_nobody_could_ever_take_is_told_unroutable_once(world: World, routed: Routed) -> None:
    await world.add_agent()
    await world.execute(
        "UPDATE queue SET requirements = jsonb_build_object(CAST(:skill AS text), 5)", skill=str(uuid4())
    )
    conversation = await world.add_waiting()
    await routed()
    await routed()
    assert (await world.work(conversation)).unroutable_reason == "nobody_qualified"
    assert (await world.event_types(conversation)).count("work.unroutable") == 1


async def test_a_declined_offer_needs_a_reason_and_keeps_the_next_timer(world: World, routed: Routed) -> None:
    await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    offer = (await world.offers(conversation))[0]
    await world.run(
        offers.decline_offer, agent_id=offer.agent_id, offer_id=offer.id, token=offer.token, reason="not_mine"
    )
    work = await world.work(conversation)
    assert work.run_at == world.clock.now() + timedelta(seconds=10)


async def test_a_customer_who_ends_it_before_anybody_took_it_has_abandoned(world: World, routed: Routed) -> None:
    waiting, offered = await world.add_waiting(), await world.add_waiting()
    agent = await world.add_agent()
    await world.run(presences.set_presence, agent_id=agent, readiness="ready")
    await routed()
    left = await world.add_waiting()
    world.clock.advance(10)
    for conversation in (waiting, offered, left):
        for _ in range(2):
            await world.set_status(conversation, "resolved", actor="visitor:1")
        work = await world.work(conversation)
        assert (work.state, work.ended_at, work.agent_id) == ("abandoned", world.clock.now(), None)
    assert [offer.state for offer in await world.offers(waiting)] == ["withdrawn"]
    assert await world.used_units(agent) == 0
    async with world.database.transaction() as session:
        day = (await list_days(session, world.clock.now() - timedelta(hours=1), world.clock.now()))[world.queue_id]
    assert day.abandoned == 3
    await world.set_status(left, "open")
    assert sorted(work.state for work in await world.works(left)) == ["abandoned", "queued"]
    await world.assert_sound()


async def test_a_customer_who_ends_it_while_served_leaves_it_done(world: World, routed: Routed) -> None:
    _, conversation = await owned(world, routed)
    await world.set_status(conversation, "resolved", actor="visitor:1")
    assert (await world.work(conversation)).state == "done"


async def test_what_is_only_offered_is_not_interrupted_and_the_call_comes_after_the_answer(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    mail = await world.add_waiting(channel="email")
    await routed()
    call = await world.add_waiting(channel="voice")
    await routed()
    assert (await world.work(call)).state == "queued"
    await world.accept((await world.offers(mail))[0])
    await routed()
    assert [(await world.work(each)).state for each in (mail, call)] == ["parked", "offered"]
    assert await world.used_units(agent) == 100
    await world.assert_sound()


async def test_unroutable_work_is_so_no_longer_when_somebody_could_take_it_though_busy(
    world: World, routed: Routed
) -> None:
    conversations = [await world.add_waiting(language="zh") for _ in range(2)]
    await world.execute("UPDATE work_item SET requirements = '{\"language:zh\": 1}'")
    await routed()
    assert {(await world.work(one)).unroutable_reason for one in conversations} == {"nobody_qualified"}
    await world.add_agent(languages=("zh",), ready=False)
    await routed()
    assert {(await world.work(one)).unroutable_reason for one in conversations} == {None}
    rows = await world.execute("SELECT outcome FROM routing_decision WHERE outcome = 'routable'")
    assert len(rows) == 2
