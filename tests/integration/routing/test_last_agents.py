"""New work of a customer is kept for the agent who served them last, for as long as that is bearable."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.core.database import driver_connection
from app.routing.models import Offer
from app.routing.service import by_hand, offers, presences
from app.routing.service.work import Cause, follow_conversations
from app.routing.transfer_schemas import TransferBody
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of


async def served(world: World, routed: Routed) -> tuple[UUID, UUID]:
    """(agent, customer): the agent accepted and resolved a conversation of the customer; then another agent came."""
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await accept_and_resolve(world, routed, agent, conversation)
    return agent, await world.customer(conversation)


async def accept_and_resolve(world: World, routed: Routed, agent: UUID, conversation: UUID) -> None:
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")


async def fill(world: World, routed: Routed, agent: UUID) -> None:
    """The agent has no units left."""
    for _ in range(4):
        conversation = await world.add_waiting()
        await world.run(by_hand.pick, principal_of(agent), conversation_id=conversation)


async def offered(world: World, conversation: UUID) -> list[UUID]:
    return [offer.agent_id for offer in await world.offers(conversation)]


async def test_a_customer_who_comes_back_is_held_for_the_last_agent_for_half_the_time(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, customer = await served(world, routed)
    await fill(world, routed, agent)
    other = await world.add_agent()
    conversation = await world.add_waiting(customer_id=customer)
    work = await world.work(conversation)
    assert (work.sticky_agent_id, work.sticky_until) == (agent, clock.now() + timedelta(seconds=30))
    assert work.run_at == work.sticky_until
    await routed()
    assert await offered(world, conversation) == []
    clock.advance(31)
    await world.beat(agent)
    await world.beat(other)
    await routed()
    assert await offered(world, conversation) == [other]
    await world.assert_sound()


async def test_the_last_agent_is_asked_before_whoever_is_idle_longer(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, customer = await served(world, routed)
    fresh = await world.add_agent()
    clock.advance(1)
    await accept_and_resolve(world, routed, agent, await world.add_waiting(customer_id=customer))
    stranger = await world.add_waiting()
    conversation = await world.add_waiting(customer_id=customer)
    await routed()
    assert await offered(world, stranger) == [fresh]
    assert await offered(world, conversation) == [agent]


async def test_a_last_agent_who_is_not_connected_is_skipped_at_once(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, customer = await served(world, routed)
    clock.advance(61)
    await world.run(presences.check_silence, agent)
    other = await world.add_agent()
    conversation = await world.add_waiting(customer_id=customer)
    await routed()
    assert await offered(world, conversation) == [other]


async def test_a_last_agent_who_does_not_serve_the_queue_is_skipped_at_once(world: World, routed: Routed) -> None:
    agent, customer = await served(world, routed)
    await world.execute("DELETE FROM queue_member WHERE agent_id = :id", id=agent)
    other = await world.add_agent()
    conversation = await world.add_waiting(customer_id=customer)
    await routed()
    assert await offered(world, conversation) == [other]


async def decline(world: World, offer: Offer) -> None:
    await world.run(
        offers.decline_offer, agent_id=offer.agent_id, offer_id=offer.id, token=offer.token, reason="not today"
    )


async def test_who_declines_a_customer_of_theirs_is_no_longer_asked_first(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, customer = await served(world, routed)
    other = await world.add_agent()
    conversation = await world.add_waiting(customer_id=customer)
    await routed()
    [offer] = await world.offers(conversation)
    assert offer.agent_id == agent
    await decline(world, offer)
    work = await world.work(conversation)
    assert (work.sticky_agent_id, work.sticky_until) == (None, None)
    clock.advance(1)
    await routed()
    assert await offered(world, conversation) == [agent, other]
    await world.assert_sound()


async def test_who_misses_a_customer_of_theirs_is_no_longer_asked_first(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, customer = await served(world, routed)
    conversation = await world.add_waiting(customer_id=customer)
    await routed()
    [offer] = await world.offers(conversation)
    clock.advance(30)
    await world.run(offers.expire_offer, offer.id)
    assert (await world.work(conversation)).sticky_agent_id is None
    assert offer.agent_id == agent


async def test_after_72_hours_and_by_phone_nobody_is_the_last_agent(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    _, customer = await served(world, routed)
    call = await world.add_waiting(customer_id=customer, channel="phone")
    assert (await world.work(call)).sticky_agent_id is None
    clock.advance(72 * 3600 + 1)
    conversation = await world.add_waiting(customer_id=customer)
    assert (await world.work(conversation)).sticky_agent_id is None


async def test_a_queue_says_how_long_it_remembers_and_holds(world: World, routed: Routed, clock: ManualClock) -> None:
    agent, customer = await served(world, routed)
    await world.execute("UPDATE queue SET last_agent_hold_seconds = 5")
    work = await world.work(await world.add_waiting(customer_id=customer))
    assert (work.sticky_agent_id, work.sticky_until) == (agent, clock.now() + timedelta(seconds=5))
    await world.execute("UPDATE queue SET last_agent_memory_seconds = 0")
    assert (await world.work(await world.add_waiting(customer_id=customer))).sticky_agent_id is None


@pytest.mark.parametrize("back", [True, False])
async def test_work_of_a_gone_agent_is_theirs_again_if_they_come_back_and_somebody_elses_otherwise(
    world: World, routed: Routed, clock: ManualClock, back: bool
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    for seconds in (31, 30, 120):
        clock.advance(seconds)
        await world.run(presences.check_silence, agent)
    work = await world.work(conversation)
    assert (work.state, work.sticky_agent_id) == ("queued", agent)
    assert work.sticky_until == clock.now() + timedelta(seconds=300)
    other = await world.add_agent()
    if back:
        await world.beat(agent)
    await routed()
    assert (await offered(world, conversation))[1:] == [agent if back else other]
    await world.assert_sound()


async def test_what_is_transferred_to_a_queue_is_not_kept_for_whoever_sent_it_away(
    world: World, routed: Routed
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    body = TransferBody(queue_id=await world.add_queue(UUID(int=7)), reason="wrong_queue")
    await world.run(by_hand.transfer, principal_of(agent), conversation_id=conversation, body=body)
    work = await world.work(conversation)
    assert (work.state, work.sticky_agent_id) == ("queued", None)


async def count_statements(world: World, conversations: list[UUID]) -> int:
    asked: list[str] = []
    async with world.database.transaction() as session:
        connection = await driver_connection(session)
        connection.add_query_logger(lambda record: asked.append(record.query))
        causes = {one: Cause("customer", "request-1") for one in conversations}
        await follow_conversations(session, world.act(), causes, hours=HOURS)
    assert sum("LATERAL" in one for one in asked) == 1
    return len(asked)


async def test_the_last_agents_of_a_whole_batch_are_read_by_one_statement(world: World, routed: Routed) -> None:
    _, customer = await served(world, routed)
    few = [await world.add_conversation()]
    many = [await world.add_conversation(customer_id=customer) for _ in range(3)]
    many += [await world.add_conversation() for _ in range(20)]
    assert await count_statements(world, few) == await count_statements(world, many)
