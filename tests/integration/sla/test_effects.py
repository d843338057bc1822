"""What a threshold makes happen: who is told, where the work goes, what is left to do; and each of it once."""

from typing import Any
from uuid import UUID

import pytest

from app.core.act import Act
from app.sla.service import notices
from tests.integration.sla.floor import Floor
from tests.integration.sla.world import World

TARGET = {"metric": "first_reply", "seconds": 100}


class Crash(Exception):
    pass


async def use(world: World, *actions: dict[str, Any], percent: int | None = None, **body: Any) -> None:
    when = {"breach": True} if percent is None else {"percent": percent}
    await world.use_policy(targets=[TARGET], thresholds=[{**when, "actions": list(actions)}], **body)


async def test_a_notice_names_the_owner_the_lead_and_the_team(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    owner, lead = await floor.add_agent(team_id=team_id), await floor.add_agent(team_id=team_id)
    await world.execute("UPDATE team SET lead_id = :lead WHERE id = :id", id=team_id, lead=lead)
    await use(world, *({"do": "notify", "to": to} for to in ("owner", "lead", "team")), percent=50)
    await floor.open_owned(owner, team_id=team_id)
    await floor.advance(60)
    [warned] = await world.events("sla.warned")
    assert warned.payload["to_agent_ids"] == [str(owner), str(lead)]
    assert warned.payload["to_team_ids"] == [str(team_id)]


async def test_a_team_without_a_serving_lead_is_led_by_its_supervisors(world: World, floor: Floor) -> None:
    team_id = await floor.add_team()
    owner = await floor.add_agent(team_id=team_id)
    supervisors = [await floor.add_agent(team_id=team_id, role="supervisor") for _ in range(2)]
    gone = await floor.add_agent(team_id=team_id, disabled=True)
    await world.execute("UPDATE team SET lead_id = :lead WHERE id = :id", id=team_id, lead=gone)
    await use(world, {"do": "notify", "to": "lead"}, percent=50)
    await floor.open_owned(owner, team_id=team_id)
    await floor.advance(60)
    [warned] = await world.events("sla.warned")
    assert sorted(warned.payload["to_agent_ids"]) == sorted(map(str, supervisors))


async def test_the_event_carries_the_endpoint_for_whoever_delivers_webhooks(world: World, floor: Floor) -> None:
    await use(world, {"do": "webhook", "endpoint": "crm"}, {"do": "webhook", "endpoint": "pager"})
    await world.open()
    await floor.settle()
    await floor.advance(100)
    [breached] = await world.events("sla.breached")
    assert breached.payload["endpoints"] == ["crm", "pager"]


async def test_a_task_is_for_whom_it_names_or_else_for_the_owner(world: World, floor: Floor) -> None:
    team_id, owner = await floor.add_team(), await floor.add_agent()
    named = {"do": "create_task", "title": "call_back", "team_id": str(team_id)}
    await use(world, {"do": "create_task", "title": "explain"}, named)
    conversation_id = await floor.open_owned(owner)
    await floor.advance(100)
    rows = await world.execute("SELECT title, agent_id, team_id, conversation_id FROM sla_task ORDER BY title")
    assert [tuple(row) for row in rows] == [
        ("call_back", None, team_id, conversation_id),
        ("explain", owner, None, conversation_id),
    ]
    assert len(await world.events("task.created")) == 2


async def test_what_was_begun_and_rolled_back_is_done_once_by_who_comes_next(world: World, floor: Floor) -> None:
    owner, lead = await floor.add_agent(), await floor.add_agent()
    await use(
        world,
        {"do": "create_task", "title": "explain"},
        {"do": "raise_priority", "to": 9},
        ladders={"functional": [{"after_seconds": 0, "agent_id": str(lead)}]},
    )
    conversation_id = await floor.open_owned(owner)
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    world.clock.advance(100)
    with pytest.raises(Crash):
        await ring_and_crash(world, clock.id)
    assert await world.told("sla.breached") == 0
    await world.ring()
    assert await world.ring() == 0
    for table in ("sla_task", "sla_escalation", "sla_breach_cause"):
        assert len(await world.execute(f"SELECT 1 FROM {table}")) == 1, table
    for type_ in ("sla.breached", "sla.escalated", "task.created", "conversation.priority_changed"):
        assert await world.told(type_) == 1, type_


async def test_a_breach_gives_the_conversation_to_the_agent_the_policy_names(world: World, floor: Floor) -> None:
    owner, named = await floor.add_agent(), await floor.add_agent()
    await use(world, {"do": "reassign", "agent_id": str(named)})
    conversation_id = await floor.open_owned(owner)
    assert await floor.used_units(owner) > 0
    await floor.advance(100)
    assert await floor.owner(conversation_id) == named
    assert (await floor.used_units(owner), await floor.used_units(named) > 0) == (0, True)
    await floor.assert_sound()


@pytest.mark.parametrize("why", ["no_capacity", "agent_disabled"])
async def test_who_cannot_take_it_leaves_it_to_its_queue_and_an_event_says_so(
    world: World, floor: Floor, why: str
) -> None:
    owner, named = await floor.add_agent(), await floor.add_agent()
    await use(world, {"do": "reassign", "agent_id": str(named)})
    conversation_id = await floor.open_owned(owner)
    if why == "no_capacity":
        await world.execute("UPDATE agent_ledger SET capacity_units = 0 WHERE agent_id = :id", id=named)
    else:
        await world.execute("UPDATE account SET disabled_at = created_at WHERE id = :id", id=named)
    await floor.advance(100)
    work = await floor.work(conversation_id)
    assert (await floor.owner(conversation_id), work.state, work.sticky_agent_id) == (None, "queued", None)
    [refused] = await world.events("work.reassign_refused")
    assert (refused.payload["reason"], refused.payload["to_agent_id"]) == (why, str(named))
    assert await floor.used_units(owner) == 0


async def test_a_breach_moves_the_conversation_to_another_queue_and_keeps_its_age(world: World, floor: Floor) -> None:
    owner, queue_id = await floor.add_agent(), await add_queue(world)
    await use(world, {"do": "reassign", "queue_id": str(queue_id)})
    conversation_id = await floor.open_owned(owner)
    before = await floor.work(conversation_id)
    await floor.advance(100)
    works = await world.execute("SELECT * FROM work_item WHERE conversation_id = :id", id=conversation_id)
    assert {(work.queue_id, work.state) for work in works} == {(world.queue_id, "moved"), (queue_id, "queued")}
    assert {work.ready_at for work in works} == {before.ready_at}
    assert await floor.owner(conversation_id) is None
    await floor.assert_sound()


async def test_what_waits_for_the_customer_stays_with_its_owner(world: World, floor: Floor) -> None:
    owner = await floor.add_agent()
    await use(world, {"do": "requeue"})
    conversation_id = await floor.open_owned(owner)
    await world.execute("UPDATE conversation SET status = 'pending' WHERE id = :id", id=conversation_id)
    await world.tell(world.status(conversation_id, "open", "pending"))
    await floor.settle()
    await floor.advance(100)
    assert await world.told("sla.breached") == 1
    assert await floor.owner(conversation_id) == owner


@pytest.mark.parametrize(("ring", "opened"), [(None, 1), (2, 2)])
async def test_a_warning_opens_a_ring_of_waiting_work_before_its_time(
    world: World, floor: Floor, ring: int | None, opened: int
) -> None:
    await world.execute(
        'UPDATE queue SET rings = \'[{"enter_after_seconds": 600}, {"enter_after_seconds": 900}]\' WHERE id = :id',
        id=world.queue_id,
    )
    await use(world, {"do": "open_ring", "ring": ring}, percent=50)
    conversation_id = await world.open()
    await floor.settle()
    assert (await floor.work(conversation_id)).least_ring == 0
    version = (await floor.work(conversation_id)).version
    await floor.advance(50)
    work = await floor.work(conversation_id)
    assert (work.least_ring, work.version) == (opened, version + 1)
    [decision] = await world.execute("SELECT trace FROM routing_decision WHERE outcome = 'ring_opened'")
    assert decision.trace == {"by": "sla", "before": 0, "after": opened}


async def test_the_breach_that_was_none_asks_nobody_for_its_cause(world: World, floor: Floor) -> None:
    owner, lead = await floor.add_agent(), await floor.add_agent()
    await use(world, ladders={"functional": [{"after_seconds": 0, "agent_id": str(lead)}]})
    conversation_id = await floor.open_owned(owner)
    began = world.clock.now()
    await floor.advance(110)
    assert await asked(world) == [(conversation_id, owner)]
    await world.tell(world.we_wrote(conversation_id, at=began))
    await floor.settle()
    await floor.settle()
    assert await asked(world) == []
    assert [each.end_reason for each in await floor.escalations()] == ["corrected"]


async def ring_and_crash(world: World, clock_id: UUID) -> None:
    async with world.database.transaction() as session:
        await notices.ring(session, Act(world.clock.now(), "tests"), [clock_id])
        raise Crash


async def asked(world: World) -> list[tuple[UUID, UUID]]:
    return [tuple(row) for row in await world.execute("SELECT conversation_id, asked_of FROM sla_breach_cause")]


async def add_queue(world: World) -> UUID:
    [row] = await world.execute(
        "INSERT INTO queue (id, name, tier, priority, target_seconds, offer_timeout_seconds, created_at)"
        " VALUES (gen_random_uuid(), 'Rescue', 2, 3, 60, 30, :now) RETURNING id",
        now=world.clock.now(),
    )
    return UUID(str(row.id))
