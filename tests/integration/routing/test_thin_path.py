"""One conversation from opened to owned, and the answers an agent may give on the way."""

from datetime import timedelta

import pytest

from app.core.errors import Conflict, NotFound
from app.routing.rings import REST_AFTER_TRIES_SECONDS
from app.routing.service import offers
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World


async def test_an_opened_conversation_is_offered_and_the_acceptor_owns_it(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    offer = (await world.offers(conversation))[0]
    assert (offer.agent_id, offer.state) == (agent, "pending")
    assert await world.used_units(agent) == 25
    answered = await world.accept(offer)
    assert answered.state == "accepted"
    assert len(answered.events) == 2
    assert await world.owner(conversation) == agent
    assert (await world.work(conversation)).state == "assigned"
    assert await world.used_units(agent) == 25
    assert await world.event_types(conversation) == [
        "work.changed",
        "work.changed",
        "offer.made",
        "offer.ended",
        "work.changed",
        "conversation.rights_changed",
    ]
    await world.assert_sound()


async def test_a_repeated_accept_answers_the_same_and_changes_nothing(world: World, routed: Routed) -> None:
    await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    offer = (await world.offers(conversation))[0]
    await world.accept(offer)
    events = await world.event_types(conversation)
    again = await world.accept(offer)
    assert (again.state, again.events) == ("accepted", [])
    assert await world.event_types(conversation) == events


async def test_a_foreign_a_stale_and_a_late_answer_change_nothing(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    other = await world.add_agent()
    offer = (await world.offers(conversation))[0]
    for code, answer in {
        "offer_taken": {"agent_id": other},
        "stale_token": {"token": "guessed"},
    }.items():
        with pytest.raises(Conflict) as refused:
            await world.accept(offer, **answer)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        await world.run(offers.accept_offer, agent_id=agent, offer_id=conversation, token="x")
    clock.advance(30)
    with pytest.raises(Conflict) as late:
        await world.accept(offer)
    assert late.value.code == "offer_expired"
    assert await world.owner(conversation) is None
    assert (await world.offers(conversation))[0].state == "pending"


async def test_a_declined_work_goes_back_with_its_times_and_to_somebody_else(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    await world.add_agent()
    await world.add_agent()
    conversation = await world.add_waiting()
    before = await world.work(conversation)
    await routed()
    offer = (await world.offers(conversation))[0]
    await world.run(
        offers.decline_offer, agent_id=offer.agent_id, offer_id=offer.id, token=offer.token, reason="wrong_skill"
    )
    after = await world.work(conversation)
    assert (after.state, after.ready_at, after.due_at) == ("queued", before.ready_at, before.due_at)
    assert after.tries == {str(offer.agent_id): 1}
    assert await world.used_units(offer.agent_id) == 0
    clock.advance(1)
    await routed()
    second = (await world.offers(conversation))[1]
    assert second.agent_id != offer.agent_id
    await world.assert_sound()


async def test_an_offer_without_an_answer_expires_and_the_second_miss_is_a_penalty(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent = await world.add_agent()
    for _ in range(2):
        await world.add_waiting()
    await routed()
    made = await world.offers()
    clock.advance(30)
    await world.run(offers.expire_offer, made[0].id)
    assert (await world.presence(agent)).penalty == "none"
    await world.run(offers.expire_offer, made[1].id)
    assert (await world.presence(agent)).penalty == "not_responding"
    assert {offer.state for offer in await world.offers()} == {"expired"}
    assert await world.used_units(agent) == 0
    await world.assert_sound()


async def test_a_lone_agent_is_asked_three_times_ten_seconds_apart_and_again_after_a_rest(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    await world.add_agent()
    conversation = await world.add_waiting()
    for tries in range(1, 4):
        await routed()
        made = await world.offers(conversation)
        assert len(made) == tries
        offer = made[-1]
        await world.run(
            offers.decline_offer, agent_id=offer.agent_id, offer_id=offer.id, token=offer.token, reason="busy"
        )
        await routed()
        assert len(await world.offers(conversation)) == tries
        clock.advance(10.001)
    await routed()
    assert len(await world.offers(conversation)) == 3
    work = await world.work(conversation)
    assert work.run_at is not None
    assert work.run_at > clock.now() - timedelta(seconds=60)
    clock.advance(REST_AFTER_TRIES_SECONDS)
    await routed()
    assert len(await world.offers(conversation)) == 4
