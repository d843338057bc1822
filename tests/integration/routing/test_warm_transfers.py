"""A colleague who is asked in gets an offer; the owner keeps everything until it is accepted, and is told otherwise."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound, SwitchboardError
from app.core.log_signal import LogSignal
from app.events.conversations import ConversationRightsChanged, ConversationStatusChanged
from app.events.event import Event, Rights
from app.routing import consumers
from app.routing.jobs import due_tables
from app.routing.models import Offer
from app.routing.schemas import AssignBody
from app.routing.service import answers, by_hand, offers, presences, views, warm_transfers
from app.routing.service.router import Router
from app.routing.transfer_schemas import TransferBody
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.event_logs import stored
from tests.integration.routing.test_router import metric, settled
from tests.integration.routing.world import Routed, World, principal_of

OWNER = frozenset({"work", "conversations:read", "conversations:write"})


async def owned(world: World, **options: Any) -> tuple[UUID, UUID]:
    """(owner, conversation)"""
    owner = await world.add_agent()
    conversation = await world.add_waiting(**options)
    await world.run(by_hand.pick, principal_of(owner), conversation_id=conversation)
    return owner, conversation


async def ask(world: World, owner: UUID, conversation: UUID, colleague: UUID, **more: Any) -> Any:
    body = TransferBody(agent_id=colleague, reason="needs_skill", warm=True, **more)
    return await world.run(
        by_hand.transfer,
        principal_of(owner, scopes=OWNER),
        conversation_id=conversation,
        body=body,
        actor=f"agent:{owner}",
    )


async def pending(world: World, conversation: UUID) -> Offer:
    [offer] = [offer for offer in await world.offers(conversation) if offer.state == "pending"]
    return offer


async def accept(world: World, offer: Offer, **other: Any) -> Any:
    given = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
    return await world.run(answers.accept_offer, **given | other)


async def refused(world: World, use_case: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises((Conflict, Forbidden, InvalidInput, NotFound)) as refusal:
        await use_case(world, *args, **kwargs)
    return refusal.value.code


async def look_after(world: World, offer: Offer) -> None:
    """As the worker does with a due row."""
    await world.run(due_tables(HOURS)[0].record, offer.id, None)


async def units(world: World, *agents: UUID) -> list[int]:
    return [await world.used_units(agent) for agent in agents]


async def last_ended(world: World, conversation: UUID) -> str:
    rows = await world.execute(
        "SELECT payload FROM event WHERE key = :key AND type = 'transfer.ended' ORDER BY id", key=conversation
    )
    return rows[-1].payload["state"]


async def test_the_owner_keeps_everything_until_the_colleague_accepts(world: World, clock: ManualClock) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    clock.advance(1)
    explained = await ask(world, owner, conversation, colleague, note="Wants it by Friday")
    assert (explained.transfer.from_agent_id, explained.transfer.to_agent_id) == (owner, colleague)
    assert await world.owner(conversation) == owner
    assert await units(world, owner, colleague) == [25, 25]
    await world.assert_sound()
    async with world.database.transaction() as session:
        [seen] = await views.list_offers(session, colleague)
    assert (seen.from_agent.id, seen.note, seen.why) == (owner, "Wants it by Friday", "")
    offer = await pending(world, conversation)
    clock.advance(1)
    accepted = await accept(world, offer)
    assert (accepted.state, len(accepted.events)) == ("accepted", 2)
    assert await world.owner(conversation) == colleague
    assert await units(world, owner, colleague) == [0, 25]
    assert await last_ended(world, conversation) == "accepted"
    assert (await accept(world, offer)).events == []
    await world.assert_sound()
    async with world.database.transaction() as session:
        explained = await views.explain_work(session, conversation)
    assert explained.transfer is None
    told = [(each.outcome, each.agent_id, each.trace.get("reason")) for each in explained.decisions[:2]]
    assert told == [("transferred", colleague, "needs_skill"), ("consulted", colleague, "needs_skill")]
    assert explained.decisions[0].trace["taken_from"] == str(owner)


async def test_a_stale_token_and_a_strangers_answer_change_nothing(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    offer = await pending(world, conversation)
    assert await refused(world, accept, offer, token="stale") == "stale_token"
    assert await refused(world, accept, offer, agent_id=owner) == "offer_taken"
    assert await world.owner(conversation) == owner
    await world.assert_sound()


async def test_a_decline_leaves_it_with_the_owner_who_is_told(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    offer = await pending(world, conversation)
    await world.run(offers.decline_offer, agent_id=colleague, offer_id=offer.id, token=offer.token, reason="busy")
    assert await world.owner(conversation) == owner
    assert await units(world, owner, colleague) == [25, 0]
    assert await last_ended(world, conversation) == "declined"
    assert (await world.work(conversation)).state == "assigned"
    await world.assert_sound()
    await ask(world, owner, conversation, colleague)
    assert (await pending(world, conversation)).agent_id == colleague


async def test_an_unanswered_question_expires_and_the_second_one_is_a_penalty(world: World, clock: ManualClock) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    for penalty in ("none", "not_responding"):
        await ask(world, owner, conversation, colleague)
        offer = await pending(world, conversation)
        clock.advance(30)
        await look_after(world, offer)
        assert await last_ended(world, conversation) == "expired"
        assert (await world.presence(colleague)).penalty == penalty
    assert await units(world, owner, colleague) == [25, 0]
    await world.assert_sound()


async def test_a_colleague_who_stops_is_no_longer_asked(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    await world.run(presences.set_presence, agent_id=colleague, readiness="not_ready", reason="lunch")
    assert await last_ended(world, conversation) == "withdrawn"
    assert await units(world, owner, colleague) == [25, 0]
    await world.assert_sound()


async def test_two_at_once_yourself_the_absent_the_busy_and_queues_are_refused(world: World) -> None:
    owner, conversation = await owned(world)
    colleague, absent, busy = await world.add_agent(), await world.add_agent(ready=False), await world.add_agent()
    for _ in range(4):
        await world.run(by_hand.pick, principal_of(busy), conversation_id=await world.add_waiting())
    assert await refused(world, ask, owner, conversation, owner) == "to_yourself"
    assert await refused(world, ask, owner, conversation, absent) == "agent_not_routable"
    assert await refused(world, ask, owner, conversation, busy) == "no_capacity"
    assert await refused(world, ask, owner, conversation, uuid4()) == "agent_not_found"
    assert await refused(world, ask, colleague, conversation, busy) == "not_the_owner"
    queue = TransferBody(queue_id=world.queue_id, reason="why", warm=True)

    async def to_queue(world: World) -> None:
        await world.run(by_hand.transfer, principal_of(owner), conversation_id=conversation, body=queue)

    assert await refused(world, to_queue) == "warm_needs_agent"
    await ask(world, owner, conversation, colleague)
    other = await world.add_agent()
    assert await refused(world, ask, owner, conversation, other) == "transfer_pending"
    assert await units(world, owner, colleague, other) == [25, 25, 0]
    await world.assert_sound()


async def test_a_supervisor_does_not_ask_for_the_owner(world: World) -> None:
    _, conversation = await owned(world)
    colleague = await world.add_agent()
    supervisor = principal_of(uuid4(), scopes=OWNER | {"routing:write"})
    body = TransferBody(agent_id=colleague, reason="why", warm=True)

    async def transfer(world: World) -> None:
        await world.run(by_hand.transfer, supervisor, conversation_id=conversation, body=body)

    assert await refused(world, transfer) == "not_the_owner"


async def test_a_question_is_taken_back_once_or_again(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    offer = await pending(world, conversation)
    for _ in range(2):
        explained = await world.run(
            by_hand.take_back_transfer, principal_of(owner, scopes=OWNER), conversation_id=conversation
        )
        assert explained.transfer is None
    assert await units(world, owner, colleague) == [25, 0]
    assert await refused(world, accept, offer) == "offer_withdrawn"
    await world.assert_sound()


@pytest.mark.parametrize("loss", ["resolved", "taken_over", "to_queue", "agent_gone"])
async def test_once_the_owner_has_lost_it_nobody_can_accept_and_the_units_come_back(
    world: World, clock: ManualClock, loss: str
) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    offer = await pending(world, conversation)
    if loss == "resolved":
        await world.set_status(conversation, "resolved", actor=f"agent:{owner}")
    elif loss == "taken_over":
        boss = await world.add_agent()
        principal = principal_of(boss, scopes=OWNER | {"routing:write"})
        await world.run(by_hand.assign, principal, conversation_id=conversation, body=AssignBody(agent_id=boss))
    elif loss == "to_queue":
        body = TransferBody(queue_id=await world.add_queue(uuid4()), reason="wrong_queue")
        await world.run(by_hand.transfer, principal_of(owner), conversation_id=conversation, body=body)
    else:
        await world.run(presences.retire, owner)
    assert await refused(world, accept, offer) == "offer_withdrawn"
    clock.advance(warm_transfers.WATCH_SECONDS)
    await look_after(world, offer)
    assert await last_ended(world, conversation) == "withdrawn"
    assert await world.used_units(colleague) == 0
    await world.assert_sound()


@pytest.mark.parametrize("loss", ["resolved", "taken_over"])
async def test_the_event_of_the_loss_ends_the_question_without_waiting_for_the_next_look(
    world: World, loss: str
) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    rights = Rights(queue_id=world.queue_id, owner_id=owner)
    told: Event
    if loss == "resolved":
        await world.set_status(conversation, "resolved", actor=f"agent:{owner}")
        told = ConversationStatusChanged(
            conversation_id=conversation, before="open", after="resolved", effective_at=world.clock.now(),
            rights=rights, channel="chat", priority=5,
        )  # fmt: skip
    else:
        boss = await world.add_agent()
        principal = principal_of(boss, scopes=OWNER | {"routing:write"})
        await world.run(by_hand.assign, principal, conversation_id=conversation, body=AssignBody(agent_id=boss))
        after = Rights(queue_id=world.queue_id, owner_id=boss)
        told = ConversationRightsChanged(conversation_id=conversation, before=rights, after=after, reason="taken_over")
    await world.run(consumers.handle, [stored(told, world.clock.now())])
    runner = DueRowRunner(world.database, world.clock, due_tables(HOURS))
    await runner.drain(due_tables(HOURS)[0])
    assert await last_ended(world, conversation) == "withdrawn"
    assert await world.used_units(colleague) == 0
    await world.assert_sound()


async def test_a_first_acceptance_elsewhere_asks_nothing(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    before = (await pending(world, conversation)).run_at
    accepted = ConversationRightsChanged(
        conversation_id=conversation, before=Rights(), after=Rights(owner_id=owner), reason="accepted"
    )
    await world.run(consumers.handle, [stored(accepted, world.clock.now())])
    assert (await pending(world, conversation)).run_at == before


async def test_while_the_owner_has_it_the_question_is_looked_at_again_and_again(
    world: World, clock: ManualClock
) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    for _ in range(2):
        offer = await pending(world, conversation)
        assert (offer.run_at - clock.now()).total_seconds() == warm_transfers.WATCH_SECONDS
        clock.advance(warm_transfers.WATCH_SECONDS)
        await look_after(world, offer)
    assert (await pending(world, conversation)).deadline_at > clock.now()


async def test_a_conversation_that_waits_for_its_customer_changes_hands_without_units(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    await world.set_status(conversation, "pending", actor=f"agent:{owner}")
    await accept(world, await pending(world, conversation))
    assert await world.owner(conversation) == colleague
    assert await units(world, owner, colleague) == [0, 0]
    await world.set_status(conversation, "open")
    assert await world.used_units(colleague) == 25
    await world.assert_sound()


async def test_a_quiet_conversation_that_is_accepted_gives_room_to_what_the_question_interrupted(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    mine = principal_of(colleague)
    for channel in ("email", "chat", "chat", "chat"):
        await world.run(by_hand.pick, mine, conversation_id=await world.add_waiting(channel=channel))
    await ask(world, owner, conversation, colleague)
    assert await units(world, colleague) == [100]
    await world.set_status(conversation, "pending", actor=f"agent:{owner}")
    await accept(world, await pending(world, conversation))
    assert await units(world, colleague) == [85]
    assert await world.execute("SELECT id FROM work_item WHERE state = 'parked'") == []
    assert await world.owner(conversation) == colleague
    await world.assert_sound()


async def test_what_the_question_interrupts_goes_on_when_it_is_declined(world: World) -> None:
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    mails = [await world.add_waiting(channel="email") for _ in range(10)]
    for mail in mails:
        await world.run(by_hand.pick, principal_of(colleague), conversation_id=mail)
    assert await refused(world, ask, owner, conversation, colleague) == "no_capacity"
    await world.set_status(mails[0], "resolved", actor=f"agent:{colleague}")
    await ask(world, owner, conversation, colleague)
    states = [(await world.work(mail)).state for mail in mails[1:]]
    assert states.count("parked") == 2
    offer = await pending(world, conversation)
    await world.run(offers.decline_offer, agent_id=colleague, offer_id=offer.id, token=offer.token, reason="busy")
    assert {(await world.work(mail)).state for mail in mails[1:]} == {"assigned"}
    await world.assert_sound()


async def test_the_router_offers_a_consulted_colleague_no_more_than_still_fits(world: World, routed: Routed) -> None:
    owner, conversation = await owned(world)
    await world.execute("UPDATE agent_presence SET readiness = 'not_ready' WHERE agent_id = :id", id=owner)
    colleague = await world.add_agent()
    await ask(world, owner, conversation, colleague)
    waiting = [await world.add_waiting() for _ in range(5)]
    await routed()
    offered = [offer for one in waiting for offer in await world.offers(one)]
    assert [offer.agent_id for offer in offered] == [colleague] * 3
    await world.assert_sound()


async def test_a_running_router_hears_that_a_colleague_is_asked_and_no_longer_asked(
    world: World, router: Router, signal: LogSignal, clock: ManualClock
) -> None:
    epoch = await world.acquire_router()
    owner, conversation = await owned(world)
    colleague = await world.add_agent()
    await settled(world, router, signal, epoch)
    await router.rebuild()
    missed = metric("switchboard_routing_missed_total", kind="agent")
    await ask(world, owner, conversation, colleague)
    for step in range(4):
        if step == 2:
            await world.run(by_hand.take_back_transfer, principal_of(owner, scopes=OWNER), conversation_id=conversation)
        await settled(world, router, signal, epoch)
        clock.advance(5)
        await router.step(epoch)
    assert metric("switchboard_routing_missed_total", kind="agent") == missed


async def test_of_an_acceptance_and_a_loss_at_once_exactly_one_wins(world: World) -> None:
    for _ in range(6):
        owner, conversation = await owned(world)
        colleague = await world.add_agent()
        await ask(world, owner, conversation, colleague)
        offer = await pending(world, conversation)
        queue = TransferBody(queue_id=await world.add_queue(uuid4()), reason="wrong_queue")
        transfer = world.run(by_hand.transfer, principal_of(owner), conversation_id=conversation, body=queue)
        outcomes = await asyncio.gather(accept(world, offer), transfer, return_exceptions=True)
        assert all(isinstance(one, SwitchboardError) for one in outcomes if isinstance(one, BaseException)), outcomes
        await look_after(world, offer)
        new_owner = await world.owner(conversation)
        assert new_owner in (colleague, None)
        assert await world.used_units(owner) == 0
        assert await world.used_units(colleague) == (25 if new_owner == colleague else 0)
        await world.assert_sound()
