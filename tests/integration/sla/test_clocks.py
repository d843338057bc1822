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
    assert breach.payload["actions"] == ["notify_owner", "notify_lead", "advance_due"]
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


async def test_an_answer_that_arrives_after_the_breach_was_told_but_counts_before_it_is_a_correction(
    world: World,
) -> None:
    conversation_id = await world.open()
    began = world.clock.now()
    await world.follow()
    world.clock.advance(70)
    await world.ring()
    await world.tell(world.we_wrote(conversation_id, at=began + timedelta(seconds=50)))
    await world.follow()
    [corrected] = await world.events("sla.corrected")
    assert corrected.payload["breached_at"] is None
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    assert (clock.state, clock.breached_at, clock.detected_at) == ("met", None, None)
    assert await world.ring() == 0


async def test_pending_pauses_and_the_customers_own_time_resumes(world: World) -> None:
    await world.use_policy(targets=[{"metric": "requester_wait", "seconds": 600}])
    conversation_id = await world.open()
    began = world.clock.now()
    world.clock.advance(100)
    await world.tell(world.status(conversation_id, "open", "pending"))
    await world.follow()
    clock = (await world.clocks(conversation_id))["requester_wait", 1]
    assert (clock.state, clock.due_at, clock.run_at) == ("paused", None, None)
    world.clock.advance(1000)
    wrote_at = world.clock.now() - timedelta(seconds=40)
    await world.tell(world.customer_wrote(conversation_id, at=wrote_at))
    await world.follow()
    clock = (await world.clocks(conversation_id))["requester_wait", 1]
    assert clock.state == "running"
    assert clock.due_at == wrote_at + timedelta(seconds=500)
    assert clock.started_at == began


async def test_another_priority_chooses_another_policy_for_the_whole_life_of_the_conversation(world: World) -> None:
    conversation_id = await world.open(channel="letter", priority=3)
    began = world.clock.now()
    await world.follow()
    assert (await world.clocks(conversation_id))["first_reply", 1].due_at == began + timedelta(hours=4)
    world.clock.advance(1800)
    await world.tell(world.priority(conversation_id, 3, 7))
    await world.follow()
    clocks = await world.clocks(conversation_id)
    assert clocks["first_reply", 1].due_at == began + timedelta(hours=1)
    assert clocks["first_resolution", 1].due_at == began + timedelta(hours=24)


async def test_a_frozen_metric_keeps_its_policy_when_the_priority_changes(world: World) -> None:
    await world.use_policy(
        position=1,
        conditions={"priorities": [3]},
        targets=[{"metric": "first_reply", "seconds": 900}],
        frozen=["first_reply"],
    )
    conversation_id = await world.open(channel="letter", priority=3)
    began = world.clock.now()
    await world.tell(world.priority(conversation_id, 3, 7))
    await world.follow()
    assert (await world.clocks(conversation_id))["first_reply", 1].due_at == began + timedelta(seconds=900)


async def test_each_wait_in_a_queue_is_a_clock_of_its_own(world: World) -> None:
    conversation_id = await world.open(channel="voice")
    await world.tell(world.work(conversation_id, None, "queued"), world.work(conversation_id, "queued", "offered"))
    await world.tell(world.work(conversation_id, "offered", "queued"))
    world.clock.advance(5)
    await world.tell(world.work(conversation_id, "queued", "assigned"))
    world.clock.advance(60)
    await world.tell(world.work(conversation_id, "assigned", "queued"))
    await world.follow()
    clocks = await world.clocks(conversation_id)
    assert clocks["queue_wait", 1].state == "met"
    assert clocks["queue_wait", 2].due_at == world.clock.now() + timedelta(seconds=20)


async def test_the_policy_can_raise_the_priority_and_ask_its_ladder(world: World) -> None:
    team_id = await world.add_team()
    await world.use_policy(
        position=1,
        targets=[{"metric": "first_reply", "seconds": 100}],
        thresholds=[{"rest_seconds": 30, "actions": [{"do": "raise_priority", "to": 7}]}],
        ladders={"hierarchical": [{"after_seconds": 50, "team_id": str(team_id)}]},
    )
    conversation_id = await world.open()
    await world.follow()
    world.clock.advance(70)
    await world.ring()
    [row] = await world.execute("SELECT priority FROM conversation WHERE id = :id", id=conversation_id)
    assert row.priority == 7
    assert await world.events("sla.escalated") == []
    world.clock.advance(80)
    await world.ring()
    [escalated] = await world.events("sla.escalated")
    assert (escalated.payload["to_team_id"], escalated.payload["step"]) == (str(team_id), 1)


async def test_the_longest_pause_ends_by_itself_and_is_told(world: World) -> None:
    await world.use_policy(targets=[{"metric": "requester_wait", "seconds": 600, "longest_pause_seconds": 300}])
    conversation_id = await world.open()
    await world.tell(world.status(conversation_id, "open", "pending"))
    paused_at = world.clock.now()
    await world.follow()
    world.clock.advance(300)
    await world.ring()
    clock = (await world.clocks(conversation_id))["requester_wait", 1]
    assert (clock.state, clock.due_at) == ("running", paused_at + timedelta(seconds=900))
    assert len(await world.events("sla.pause_over")) == 1
    world.clock.advance(600)
    await world.ring()
    assert (await world.clocks(conversation_id))["requester_wait", 1].breached_at == paused_at + timedelta(seconds=900)


async def test_each_pause_that_lasts_too_long_is_told_also_when_it_is_heard_of_late(world: World) -> None:
    await world.use_policy(targets=[{"metric": "requester_wait", "seconds": 600, "longest_pause_seconds": 300}])
    conversation_id = await world.open()
    for told in (1, 2):
        await world.tell(world.status(conversation_id, "open", "pending"))
        world.clock.advance(301)
        await world.follow()
        await world.ring()
        assert len(await world.events("sla.pause_over")) == told
        await world.tell(world.status(conversation_id, "pending", "open"))
    await world.follow()
    assert (await world.clocks(conversation_id))["requester_wait", 1].elapsed_seconds == 2


async def test_a_customer_who_waits_and_writes_again_moves_nothing_but_the_time_of_the_last_fact(world: World) -> None:
    """An answer that counts between two such messages still finds its place: the second one asks again."""
    await world.use_policy(
        targets=[{"metric": "first_reply", "seconds": 600}, {"metric": "next_reply", "seconds": 600}]
    )
    conversation_id = await world.open()
    await world.tell(world.customer_wrote(conversation_id))
    await world.follow()
    [before] = await world.execute("SELECT checkpoint, facts FROM sla_state")
    world.clock.advance(20)
    again_at = world.clock.now()
    await world.tell(world.customer_wrote(conversation_id))
    await world.follow()
    [after] = await world.execute("SELECT checkpoint, facts, last_fact_at FROM sla_state")
    assert (after.checkpoint, after.facts, after.last_fact_at) == (before.checkpoint, before.facts + 1, again_at)
    world.clock.advance(5)
    await world.tell(world.we_wrote(conversation_id, at=again_at - timedelta(seconds=10)))
    await world.follow()
    clocks = await world.clocks(conversation_id)
    assert clocks["first_reply", 1].stopped_at == again_at - timedelta(seconds=10)
    assert clocks["next_reply", 1].started_at == again_at
