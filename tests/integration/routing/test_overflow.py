"""Work that waits too long goes on in another queue or has its customer told, each once, by what its queue says."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict, InvalidInput
from app.routing import jobs
from app.routing.models import WorkItem
from app.routing.queue_schemas import QueueBody
from app.routing.repository import checks
from app.routing.repository import live as live_rows
from app.routing.service import offers, queues, views
from app.routing.service.overflowing import list_queues_of, look_at_lines, overflow
from app.sla.calendar_spec import CalendarSpec
from app.sla.service import administration
from app.wiring import HOURS
from tests.integration.routing.test_races import commit, engine_of
from tests.integration.routing.world import Routed, World

Steps = Sequence[dict[str, Any]]
WORDS = {"en": "It takes a little longer.", "zh-CN": "请稍候。"}
TOLD = {"message": WORDS}


async def set_overflow(world: World, queue_id: UUID, *steps: dict[str, Any], **options: Any) -> Any:
    body = QueueBody.model_validate({"name": f"Queue {queue_id}", "overflow": list(steps), **options})
    return await world.run(queues.update_queue, queue_id=queue_id, body=body)


async def second_queue(world: World) -> UUID:
    return await world.add_queue(uuid4())


async def look(world: World) -> None:
    await look_at_lines(world.database, world.clock, hours=HOURS)


async def run_timers(world: World) -> None:
    tables = jobs.due_tables(HOURS)
    runner = DueRowRunner(world.database, world.clock, tables)
    for table in tables:
        await runner.drain(table)


async def said(world: World, conversation_id: UUID) -> list[str]:
    rows = await world.execute(
        "SELECT message.body, delivery.state FROM message JOIN delivery ON delivery.message_id = message.id"
        " WHERE message.conversation_id = :id AND message_class = 'system' ORDER BY message.sequence",
        id=conversation_id,
    )
    assert {row.state for row in rows} <= {"queued"}
    return [row.body for row in rows]


async def outcomes(world: World, conversation_id: UUID) -> list[str]:
    async with world.database.transaction() as session:
        explained = await views.explain_work(session, conversation_id)
    return [decision.outcome for decision in explained.decisions]


async def where(world: World, conversation_id: UUID) -> list[tuple[UUID, str]]:
    works = await world.works(conversation_id)
    return sorted(((work.queue_id, work.state) for work in works), key=lambda each: each[1])


async def let_serve(world: World, queue_id: UUID, agent_id: UUID) -> None:
    await world.run(queues.add_member, queue_id=queue_id, agent_id=agent_id)


async def test_work_of_a_certain_age_goes_on_in_the_other_queue_as_old_as_it_was(world: World, routed: Routed) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"age_over_seconds": 300}, "do": {"queue": str(other)}})
    conversation = await world.add_waiting()
    first = await world.work(conversation)
    world.clock.advance(299)
    await run_timers(world)
    assert await where(world, conversation) == [(world.queue_id, "queued")]
    world.clock.advance(1)
    for _ in range(2):
        await run_timers(world)
        await look(world)
    assert await where(world, conversation) == [(world.queue_id, "moved"), (other, "queued")]
    [second] = [work for work in await world.works(conversation) if work.state == "queued"]
    assert (second.ready_at, second.due_at, second.overflow_path) == (
        first.ready_at,
        first.due_at,
        [str(world.queue_id)],
    )
    assert await outcomes(world, conversation) == ["overflowed"]
    assert (await world.event_types(conversation)).count("work.overflowed") == 1
    agent = await world.add_agent(member=False)
    await let_serve(world, other, agent)
    await routed()
    assert [offer.agent_id for offer in await world.offers(conversation)] == [agent]
    await world.assert_sound()


async def test_whoever_came_last_leaves_a_line_that_is_too_long(world: World) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"longer_than": 2}, "do": {"queue": str(other)}})
    line = []
    for _ in range(4):
        line.append(await world.add_waiting())
        world.clock.advance(1)
    await look(world)
    assert [(await where(world, each))[-1] for each in line] == [
        (world.queue_id, "queued"),
        (world.queue_id, "queued"),
        (other, "queued"),
        (other, "queued"),
    ]
    traces = await world.execute("SELECT trace FROM routing_decision WHERE outcome = 'overflowed'")
    assert sorted(row.trace["place"] for row in traces) == [3, 4]
    await world.assert_sound()


async def test_customers_are_told_once_in_their_language_and_keep_their_place(world: World) -> None:
    await set_overflow(world, world.queue_id, {"when": {"nobody_staffed": True}, "do": TOLD})
    english, chinese = await world.add_waiting(language="en"), await world.add_waiting(language="zh-TW")
    for _ in range(2):
        await look(world)
    assert await said(world, english) == [WORDS["en"]]
    assert await said(world, chinese) == [WORDS["zh-CN"]]
    assert await outcomes(world, english) == ["told"]
    assert (await world.work(english)).state == "queued"
    assert "message.posted" in await world.event_types(english)
    await world.assert_sound()


async def test_nobody_is_told_while_a_member_is_there_though_not_ready(world: World) -> None:
    await set_overflow(world, world.queue_id, {"when": {"nobody_staffed": True}, "do": TOLD})
    await world.add_agent(ready=False)
    conversation = await world.add_waiting()
    await look(world)
    assert await said(world, conversation) == []


async def test_outside_its_hours_a_queue_sends_its_work_on(world: World) -> None:
    other = await second_queue(world)
    now = world.clock.now()
    opens_later = f"{(now + timedelta(hours=2)):%H:%M}-{(now + timedelta(hours=3)):%H:%M}"
    days = {day: [opens_later] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    spec = CalendarSpec.model_validate({"timezone": "UTC", "weekly": days})
    calendar = await world.run(administration.create_calendar, name="Short", spec=spec)
    step = {"when": {"outside_hours": True}, "do": {"queue": str(other)}}
    saved = await set_overflow(world, world.queue_id, step, calendar_id=calendar.id)
    assert saved.calendar_id == calendar.id
    world.clock.advance(2.5 * 3600)
    inside = await world.add_waiting()
    await look(world)
    assert await where(world, inside) == [(world.queue_id, "queued")]
    world.clock.advance(3600)
    await look(world)
    assert await where(world, inside) == [(world.queue_id, "moved"), (other, "queued")]


async def test_an_estimated_wait_above_the_limit_sends_on_those_who_would_wait_so_long(world: World) -> None:
    other = await second_queue(world)
    step = {"when": {"estimated_wait_over_seconds": 120}, "do": {"queue": str(other)}}
    await set_overflow(world, world.queue_id, step)
    await world.add_agent()
    line = []
    for _ in range(6):
        line.append(await world.add_waiting())
        world.clock.advance(1)
    await look(world)
    # Four slots are free; the fifth waits for the first of four that take ten minutes each.
    assert [(await where(world, each))[-1][0] for each in line] == [world.queue_id] * 5 + [other]


async def test_work_that_everybody_let_pass_three_times_goes_on_and_is_not_asked_of_them_there(
    world: World, routed: Routed
) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"tries_exhausted": True}, "do": {"queue": str(other)}})
    agent = await world.add_agent()
    await let_serve(world, other, agent)
    conversation = await world.add_waiting()
    for _ in range(3):
        await look(world)
        assert await where(world, conversation) == [(world.queue_id, "queued")]
        await routed()
        offer = (await world.offers(conversation))[-1]
        await world.run(
            offers.decline_offer, agent_id=agent, offer_id=offer.id, token=offer.token, reason="not my language"
        )
        await world.beat(agent)
        world.clock.advance(61)
        await world.beat(agent)
    await look(world)
    assert await where(world, conversation) == [(world.queue_id, "moved"), (other, "queued")]
    [second] = [work for work in await world.works(conversation) if work.state == "queued"]
    assert second.tries == {str(agent): 3}
    await routed()
    assert len(await world.offers(conversation)) == 3


async def test_a_chain_ends_where_the_work_has_been_already(world: World) -> None:
    """Saved one after the other the chain would be refused; a queue may still send on what came to it otherwise."""
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"nobody_staffed": True}, "do": {"queue": str(other)}})
    back = [{"when": {"nobody_staffed": True}, "do": {"queue": str(world.queue_id)}}]
    with pytest.raises(Conflict) as refusal:
        await set_overflow(world, other, *back)
    assert refusal.value.code == "overflow_cycle"
    assert f"Queue {other} → Queue {world.queue_id} → Queue {other}" in refusal.value.detail
    await world.execute(
        "UPDATE queue SET overflow = jsonb_build_array(jsonb_build_object('when', jsonb_build_object('nobody_staffed',"
        " true), 'do', jsonb_build_object('queue', CAST(:to AS text)))) WHERE id = :id",
        to=str(world.queue_id),
        id=other,
    )
    conversation = await world.add_waiting()
    for _ in range(3):
        await look(world)
    assert await where(world, conversation) == [(world.queue_id, "moved"), (other, "queued")]


async def test_at_most_five_hops_lead_on(world: World) -> None:
    chain = [world.queue_id, *[await second_queue(world) for _ in range(6)]]
    for here, there in pairwise(chain):
        await set_overflow(world, here, {"when": {"nobody_staffed": True}, "do": {"queue": str(there)}})
    conversation = await world.add_waiting()
    for _ in range(8):
        await look(world)
    [last] = [work for work in await world.works(conversation) if work.state == "queued"]
    assert last.queue_id == chain[5]
    assert last.overflow_path == [str(each) for each in chain[:5]]
    assert len(await world.works(conversation)) == 6


async def test_what_does_not_exist_and_what_would_never_be_done_is_refused(world: World) -> None:
    probes = await second_queue(world)
    await world.execute("UPDATE queue SET synthetic = true WHERE id = :id", id=probes)
    for options in (
        {"overflow": [{"when": {"nobody_staffed": True}, "do": {"queue": str(uuid4())}}]},
        {"overflow": [{"when": {"nobody_staffed": True}, "do": {"queue": str(probes)}}]},
        {"calendar_id": uuid4()},
    ):
        body = QueueBody.model_validate({"name": "New", **options})
        with pytest.raises(InvalidInput) as refusal:
            await world.run(queues.create_queue, body)
        assert refusal.value.code == "unknown_reference"
    itself = {"when": {"nobody_staffed": True}, "do": {"queue": str(world.queue_id)}}
    with pytest.raises(Conflict) as circle:
        await set_overflow(world, world.queue_id, itself)
    assert circle.value.code == "overflow_cycle"
    with pytest.raises(ValueError, match="two steps do the same kind of thing"):
        await set_overflow(world, world.queue_id, *[{"when": {"nobody_staffed": True}, "do": TOLD}] * 2)


async def test_two_edits_at_once_do_not_close_a_circle_together(world: World) -> None:
    other = await second_queue(world)

    async def lead(here: UUID, there: UUID) -> str:
        try:
            await set_overflow(world, here, {"when": {"nobody_staffed": True}, "do": {"queue": str(there)}})
        except Conflict as error:
            return error.code
        return "saved"

    results = await asyncio.gather(lead(world.queue_id, other), lead(other, world.queue_id))
    assert sorted(results) == ["overflow_cycle", "saved"]


async def test_several_looks_at_once_do_each_step_once(world: World) -> None:
    other = await second_queue(world)
    steps = [
        {"when": {"nobody_staffed": True}, "do": TOLD},
        {"when": {"nobody_staffed": True}, "do": {"queue": str(other)}},
    ]
    await set_overflow(world, world.queue_id, *steps)
    waiting = [await world.add_waiting() for _ in range(5)]
    await asyncio.gather(*[look(world) for _ in range(4)], *[run_timers(world) for _ in range(2)])
    for conversation in waiting:
        assert await said(world, conversation) == [WORDS["en"]]
        assert await where(world, conversation) == [(world.queue_id, "moved"), (other, "queued")]
        assert sorted(await outcomes(world, conversation)) == ["overflowed", "told"]
    await world.assert_sound()


async def test_an_offer_decided_before_the_work_moved_is_stale(world: World) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"age_over_seconds": 10}, "do": {"queue": str(other)}})
    await world.add_agent()
    conversation = await world.add_waiting()
    epoch = await world.acquire_router()
    decided = (await engine_of(world)).decide(world.clock.now())
    world.clock.advance(10)
    await look(world)
    committed = await commit(world, epoch, decided)
    assert [rule for _, rule in committed.stale] == ["work_changed"]
    assert await world.offers(conversation) == []
    await world.assert_sound()


async def test_offers_and_overflow_that_race_have_one_winner_for_each_work(world: World) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"age_over_seconds": 10}, "do": {"queue": str(other)}})
    for _ in range(3):
        await world.add_agent()
    waiting = [await world.add_waiting() for _ in range(12)]
    epoch = await world.acquire_router()
    decided = (await engine_of(world)).decide(world.clock.now())
    world.clock.advance(10)
    halves = [commit(world, epoch, decided[first : first + 6]) for first in (0, 6)]
    await asyncio.gather(look(world), *halves, run_timers(world))
    for conversation in waiting:
        assert await where(world, conversation) in (
            [(world.queue_id, "offered")],
            [(world.queue_id, "moved"), (other, "queued")],
        )
    await world.assert_sound()


async def test_work_of_a_conversation_that_waits_for_its_customer_stays(world: World) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"nobody_staffed": True}, "do": {"queue": str(other)}})
    conversation = await world.add_waiting()
    await world.execute("UPDATE conversation SET status = 'pending' WHERE id = :id", id=conversation)
    await look(world)
    work: WorkItem = await world.work(conversation)
    assert (work.queue_id, work.state) == (world.queue_id, "queued")


class Crash(Exception):
    pass


async def test_a_crash_amid_a_step_leaves_nothing_and_the_next_look_does_it_once(world: World) -> None:
    other = await second_queue(world)
    steps = [
        {"when": {"nobody_staffed": True}, "do": TOLD},
        {"when": {"nobody_staffed": True}, "do": {"queue": str(other)}},
    ]
    await set_overflow(world, world.queue_id, *steps)
    conversation = await world.add_waiting()
    work_id = (await world.work(conversation)).id

    async def crash() -> None:
        async with world.database.transaction() as session:
            works = (await live_rows.lock_works(session, [work_id])).values()
            queues_of = await list_queues_of(session, works)
            assert await overflow(session, world.act(), works, queues_of, HOURS) == 1
            raise Crash

    with pytest.raises(Crash):
        await crash()
    assert await where(world, conversation) == [(world.queue_id, "queued")]
    assert await said(world, conversation) == []
    for _ in range(2):
        await look(world)
    assert await where(world, conversation) == [(world.queue_id, "moved"), (other, "queued")]
    assert await said(world, conversation) == [WORDS["en"]]


async def test_the_checker_finds_work_that_left_one_queue_and_came_to_none(world: World) -> None:
    other = await second_queue(world)
    await set_overflow(world, world.queue_id, {"when": {"nobody_staffed": True}, "do": {"queue": str(other)}})
    for _ in range(3):
        await world.add_waiting()
    await look(world)
    await world.assert_sound()
    came = [row.id for row in await world.execute("SELECT id FROM work_item WHERE state = 'queued' ORDER BY id")]
    left = await world.execute("SELECT id FROM work_item WHERE state = 'moved' ORDER BY id")
    await world.execute("DELETE FROM work_item WHERE id = :id", id=came[0])
    await world.execute("UPDATE work_item SET ready_at = ready_at - interval '1 second' WHERE id = :id", id=came[1])
    await world.execute("UPDATE work_item SET ended_at = ready_at WHERE id = :id", id=came[2])
    async with world.database.transaction() as session:
        found = await checks.list_unbalanced(session, world.clock.now())
    assert [rule for rule, _ in found] == ["live_but_ended", "moved_in_from_nowhere", "moved_out_to_nowhere"]
    assert found[0][1] == came[2]
    assert found[1][1] == came[1]
    assert found[2][1] in {row.id for row in left}
