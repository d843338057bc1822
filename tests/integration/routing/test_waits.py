"""Estimated waits on real tables: places, what is kept of an estimate, and how good it proved."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event

from app.routing import service as routing
from app.routing.schemas import MeasuredWaits, Place
from app.routing.service import work as works
from app.routing.service.waits import keep_estimates, measure_estimates
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World

KEPT = "SELECT work_id, position, p50_seconds, p90_seconds FROM wait_estimate ORDER BY position"


async def places(world: World, conversations: Sequence[UUID]) -> list[Place | None]:
    async with world.database.transaction() as session:
        found = await routing.list_places(session, world.clock.now(), conversations)
    return [found.get(each) for each in conversations]


async def positions(world: World, *conversations: UUID) -> list[int | None]:
    return [place and place.position for place in await places(world, conversations)]


async def measured(world: World) -> MeasuredWaits:
    async with world.database.transaction() as session:
        return (await routing.list_measured(session, world.clock.now()))[world.queue_id]


async def fill(world: World, routed: Routed, clock: ManualClock, waiting: int) -> tuple[UUID, list[UUID]]:
    """One agent with four chats, who has accepted them, and so many more in line."""
    agent = await world.add_agent()
    for _ in range(4):
        await world.add_waiting()
    await routed()
    for offer in await world.offers():
        await world.accept(offer)
    line = []
    for _ in range(waiting):
        clock.advance(1)
        line.append(await world.add_waiting())
    await routed()
    return agent, line


async def test_the_line_is_in_the_order_of_the_virtual_deadlines(world: World, clock: ManualClock) -> None:
    first = await world.add_waiting()
    clock.advance(1)
    second = await world.add_waiting()
    elsewhere = await world.add_waiting(queue_id=await world.add_queue(UUID(int=9)))
    assert await positions(world, first, second, elsewhere) == [1, 2, 1]
    await world.execute(
        "UPDATE work_item SET due_at = due_at - interval '1 minute' WHERE conversation_id = :id", id=second
    )
    assert await positions(world, first, second) == [2, 1]


async def test_who_is_served_has_no_place_and_the_others_move_up(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, (first, second) = await fill(world, routed, clock, 2)
    assert await positions(world, first, second) == [1, 2]
    served = (await world.offers())[0].conversation_id
    assert await positions(world, served) == [None]
    await world.set_status(served, "resolved", actor=f"agent:{agent}")
    await routed()
    one, two = await places(world, [first, second])
    assert one is not None
    assert (one.position, one.eta_p50_seconds, one.eta_p90_seconds) == (1, 0, 30)  # it rings
    assert two is not None
    assert two.position == 2
    assert (two.eta_p50_seconds or 0) > 30


async def test_nothing_is_said_where_nobody_is_ready(world: World, clock: ManualClock) -> None:
    await world.add_agent(ready=False)
    conversation = await world.add_waiting()
    (place,) = await places(world, [conversation])
    assert place is not None
    assert (place.queue.id, place.position) == (world.queue_id, 1)
    assert (place.eta_p50_seconds, place.eta_p90_seconds) == (None, None)
    await keep_estimates(world.database, clock)
    assert await world.execute("SELECT work_id FROM wait_estimate") == []


async def test_nothing_is_said_of_work_that_nobody_could_take(world: World, clock: ManualClock) -> None:
    await world.add_agent()
    able, unable = await world.add_waiting(), await world.add_waiting()
    await world.execute("UPDATE work_item SET unroutable_reason = 'no_skills' WHERE conversation_id = :id", id=unable)
    found = await places(world, [able, unable])
    assert [place and place.eta_p90_seconds for place in found] == [30, None]
    await keep_estimates(world.database, clock)
    kept = await world.execute(KEPT)
    assert [row.work_id for row in kept] == [(await world.work(able)).id]


async def test_what_the_latest_took_moves_the_estimate(world: World, routed: Routed, clock: ManualClock) -> None:
    agent, (first,) = await fill(world, routed, clock, 1)
    (before,) = await places(world, [first])
    assert before is not None
    assert before.eta_p50_seconds == pytest.approx(600 / 4 * 0.69, rel=0.05)  # nothing was handled yet: the prior
    clock.advance(60)
    served = (await world.offers())[0].conversation_id
    await world.set_status(served, "pending", actor=f"agent:{agent}")
    work = await world.work(served)
    assert work.answered_at is not None
    assert work.freed_at == clock.now()
    clock.advance(10)
    await world.set_status(served, "resolved", actor=f"agent:{agent}")
    assert (await world.work(served)).freed_at == clock.now() - timedelta(seconds=10)
    async with world.database.transaction() as session:
        pace = (await routing.list_paces(session, clock.now()))[world.queue_id]
    assert pace.rate == pytest.approx(4 / (0.97 * 600 + 0.03 * 61))


async def test_an_estimate_is_kept_once_and_compared_with_the_wait(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, (first, second) = await fill(world, routed, clock, 2)
    assert await measured(world) == MeasuredWaits(answered=0, within_p90=0, median_error_seconds=None)
    await keep_estimates(world.database, clock)
    rows = await world.execute(
        "SELECT work_id, position, p50_seconds, p90_seconds FROM wait_estimate ORDER BY position"
    )
    assert [row.work_id for row in rows] == [(await world.work(each)).id for each in (first, second)]
    clock.advance(5)
    await keep_estimates(world.database, clock)
    again = await world.execute(
        "SELECT work_id, position, p50_seconds, p90_seconds FROM wait_estimate ORDER BY position"
    )
    assert again == rows
    clock.advance(95)
    for conversation in (first, second):
        served = (await world.offers())[0 if conversation == first else 1].conversation_id
        await world.set_status(served, "resolved", actor=f"agent:{agent}")
        await routed()
        await world.accept((await world.offers(conversation))[-1])
        clock.advance(3_000)
    found = await measured(world)
    errors = [abs(100 - rows[0].p50_seconds), abs(3_100 - rows[1].p50_seconds)]
    assert (found.answered, found.within_p90) == (2, 1)
    assert found.median_error_seconds == pytest.approx(min(errors))
    await measure_estimates(world.database, clock)
    clock.advance(31 * 86_400)
    await measure_estimates(world.database, clock)
    assert await world.execute("SELECT work_id FROM wait_estimate") == []


async def test_a_handed_on_conversation_was_answered_when_it_was_first_taken(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    agent, _ = await fill(world, routed, clock, 0)
    served = (await world.offers())[0].conversation_id
    answered_at = (await world.work(served)).answered_at
    clock.advance(60)
    async with world.database.transaction() as session:
        item, desks = await works.lock_work(session, {(await world.work(served)).id}, clock.now(), agents={agent})
        await works.requeue(session, world.act(), desks[agent], next(iter(item.values())), reason="agent_gone")
    work = await world.work(served)
    assert (work.state, work.answered_at, work.freed_at) == ("queued", answered_at, None)


async def test_the_cost_of_a_look_does_not_grow_with_those_who_ask(world: World, clock: ManualClock) -> None:
    await world.add_agent()
    conversations = [await world.add_waiting() for _ in range(12)]
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    engine = world.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await places(world, conversations)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len([each for each in asked if "SELECT" in each]) == 3
