"""Promises with their own date and conversations that merge, from the verbs to the rows and what is told."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.access.schemas import Principal
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput
from app.sla.service import promises
from tests.integration.sla.world import World


def principal(*scopes: str) -> Principal:
    return Principal(kind="agent", id=uuid4(), role="agent", scopes=frozenset(scopes), visibility="all")


async def cancel(world: World, conversation_id: UUID, promise_id: UUID, *scopes: str) -> None:
    async with world.database.transaction() as session:
        await promises.cancel_promise(
            session,
            Act(world.clock.now(), "tests"),
            principal(*scopes),
            conversation_id=conversation_id,
            promise_id=promise_id,
            reason="customer_withdrew",
        )


async def test_a_promise_no_policy_speaks_of_is_breached_at_its_own_date(world: World) -> None:
    conversation_id = await world.open()
    due_at = world.clock.now() + timedelta(hours=2)
    promise_id = await world.promise(conversation_id, "callback_promise", due_at)
    await world.follow()
    clock = (await world.clocks(conversation_id))["callback_promise", 1]
    assert (clock.id, clock.state, clock.due_at, clock.policy_version_id) == (promise_id, "running", due_at, None)
    world.clock.advance(7_201)
    await world.ring()
    clock = (await world.clocks(conversation_id))["callback_promise", 1]
    assert (clock.state, clock.breached_at, clock.detected_at) == ("breached", due_at, world.clock.now())
    told = [event.payload for event in await world.events("sla.breached")]
    assert [each["actions"] for each in told if each["metric"] == "callback_promise"] == [[]]
    await world.keep(conversation_id, promise_id)
    await world.follow()
    assert (await world.clocks(conversation_id))["callback_promise", 1].state == "met_late"


async def test_a_policy_that_names_the_metric_warns_of_the_date(world: World) -> None:
    await world.use_policy(
        dates=["followup_due"], thresholds=[{"percent": 50, "actions": [{"do": "notify", "to": "owner"}]}]
    )
    conversation_id = await world.open()
    await world.promise(conversation_id, "followup_due", world.clock.now() + timedelta(seconds=100))
    await world.follow()
    world.clock.advance(50)
    await world.ring()
    warned = [event.payload for event in await world.events("sla.warned")]
    assert [(each["threshold"], each["actions"]) for each in warned if each["metric"] == "followup_due"] == [
        ("50%", ["notify_owner"])
    ]


async def test_two_promises_of_one_metric_run_beside_each_other(world: World) -> None:
    conversation_id = await world.open()
    first, second = [
        await world.promise(conversation_id, "approval_step", world.clock.now() + timedelta(hours=hours))
        for hours in (4, 2)
    ]
    await world.keep(conversation_id, second)
    await world.follow()
    clocks = await world.clocks(conversation_id)
    found = {key: (row.id, row.state) for key, row in clocks.items() if key[0] == "approval_step"}
    assert found == {("approval_step", 1): (first, "running"), ("approval_step", 2): (second, "met")}


async def test_a_statutory_promise_never_pauses_and_only_a_named_role_cancels_it_with_a_reason(world: World) -> None:
    conversation_id = await world.open()
    due_at = world.clock.now() + timedelta(days=5)
    promise_id = await world.promise(conversation_id, "complaint_ack", due_at)
    await world.tell(world.status(conversation_id, "open", "pending"))
    await world.follow()
    clock = (await world.clocks(conversation_id))["complaint_ack", 1]
    assert (clock.state, clock.due_at) == ("running", due_at)
    with pytest.raises(Forbidden, match="sla:statutory"):
        await cancel(world, conversation_id, promise_id, "conversations:write", "routing:write")
    await cancel(world, conversation_id, promise_id, "sla:statutory")
    await world.follow()
    assert (await world.clocks(conversation_id))["complaint_ack", 1].state == "cancelled"
    [told] = await world.events("sla.promise_cancelled")
    assert told.payload["reason"] == "customer_withdrew"
    with pytest.raises(Conflict, match="cancelled"):
        await world.keep(conversation_id, promise_id)


async def test_a_date_that_has_passed_cannot_be_promised(world: World) -> None:
    conversation_id = await world.open()
    with pytest.raises(InvalidInput, match="ahead of now"):
        await world.promise(conversation_id, "callback_promise", world.clock.now())


async def test_a_conversation_has_only_so_many_open_promises(world: World) -> None:
    conversation_id = await world.open()
    due_at = world.clock.now() + timedelta(hours=1)
    for _ in range(promises.OPEN_LIMIT):
        await world.promise(conversation_id, "callback_promise", due_at)
    with pytest.raises(Conflict, match="open promises"):
        await world.promise(conversation_id, "followup_due", due_at)


async def test_a_merge_keeps_the_earliest_open_start_and_cancels_the_merged_clocks(world: World) -> None:
    merged = await world.open()
    began = world.clock.now()
    world.clock.advance(20)
    into = await world.open()
    await world.follow()
    world.clock.advance(10)
    await world.merge(merged, into)
    await world.follow()
    theirs, ours = await world.clocks(merged), await world.clocks(into)
    assert theirs["first_reply", 1].state == "cancelled"
    clock = ours["first_reply", 1]
    assert (clock.state, clock.started_at, clock.due_at) == ("running", began, began + timedelta(seconds=60))
    world.clock.advance(600)
    await world.ring()
    breaches = [(event.key, event.payload["breached_at"]) for event in await world.events("sla.breached")]
    assert [key for key, _ in breaches] == [into]


async def test_a_merge_that_moves_a_breach_already_told_says_so_once(world: World) -> None:
    merged = await world.open()
    began = world.clock.now()
    world.clock.advance(20)
    into = await world.open()
    await world.follow()
    world.clock.advance(100)
    await world.ring()
    await world.merge(merged, into)
    await world.follow()
    await world.ring()
    [corrected] = await world.events("sla.corrected")
    assert corrected.key == into
    assert corrected.payload["breached_at"] == (began + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")


async def test_what_was_promised_in_a_merged_conversation_is_owed_in_the_other_one(world: World) -> None:
    merged, into = await world.open(), await world.open()
    made_at, due_at = world.clock.now(), world.clock.now() + timedelta(hours=1)
    await world.promise(merged, "complaint_decision", due_at)
    await world.promise(into, "complaint_decision", due_at + timedelta(hours=1))
    world.clock.advance(60)
    await world.merge(merged, into)
    await world.follow()
    await world.follow()
    assert (await world.clocks(merged))["complaint_decision", 1].state == "cancelled"
    clock = (await world.clocks(into))["complaint_decision", 2]
    assert (clock.state, clock.started_at, clock.due_at) == ("running", made_at, due_at)
    with pytest.raises(Conflict, match="merged"):
        await world.promise(merged, "complaint_decision", due_at)


async def test_a_category_chooses_another_policy(world: World) -> None:
    await world.use_policy(conditions={"categories": ["legal"]}, targets=[{"metric": "first_reply", "seconds": 5}])
    next_reply = {"metric": "next_reply", "seconds": 7}
    await world.use_policy(position=2, conditions={"brands": ["Lotus"]}, targets=[next_reply])
    conversation_id = await world.open()
    await world.follow()
    assert (await world.clocks(conversation_id)) == {}
    await world.categorise(conversation_id, "legal")
    await world.follow()
    assert (await world.clocks(conversation_id))["first_reply", 1].target_seconds == 5
