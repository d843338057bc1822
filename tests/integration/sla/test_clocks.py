"""From what happens to a conversation to what its clocks say and tell."""

from datetime import timedelta

from tests.integration.sla.world import World


async def test_a_chat_nobody_answers_is_breached_at_the_instant_it_was_due(world: World) -> None:
    conversation_id = await world.open()
    began = world.clock.now()
    await world.follow()
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    assert (clock.state, clock.due_at) == ("running", began + timedelta(seconds=60))
    noticed = world.clock.advance(75)
    await world.ring()
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    assert clock.state == "breached"
    assert (clock.breached_at, clock.detected_at) == (began + timedelta(seconds=60), noticed)
    [breach] = await world.events("sla.breached")
    assert breach.payload["actions"] == ["notify_owner", "notify_team", "advance_due"]
    assert [event.payload["threshold"] for event in await world.events("sla.warned")] == ["50%", "75%", "90%"]
    assert await world.ring() == 0


async def test_an_answer_in_time_is_met_and_silences_the_timers(world: World) -> None:
    conversation_id = await world.open()
    await world.follow()
    world.clock.advance(20)
    await world.tell(world.we_wrote(conversation_id, message_class="auto_ack"))
    await world.follow()
    assert (await world.clocks(conversation_id))["first_reply", 1].state == "running"
    await world.tell(world.we_wrote(conversation_id))
    await world.follow()
    world.clock.advance(3600)
    assert await world.ring() == 0
    assert (await world.clocks(conversation_id))["first_reply", 1].state == "met"
    assert await world.events("sla.breached", "sla.warned") == []


async def test_conversations_of_probes_have_no_clocks(world: World) -> None:
    conversation_id = await world.open(synthetic=True)
    await world.tell(world.we_wrote(conversation_id))
    await world.follow()
    assert await world.clocks(conversation_id) == {}
