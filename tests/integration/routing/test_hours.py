"""By when work is to be taken: the target counts the opening hours of its queue, also after they were edited."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.core.clock import Clock
from app.core.database import Database, driver_connection
from app.core.errors import InvalidInput
from app.routing import api as routing_api
from app.routing import jobs
from app.routing.planning.schemas import QueueLookIn
from app.routing.queue_schemas import QueueBody
from app.routing.service import by_hand, offers, queue_looks, queues
from app.routing.service.overflowing import look_at_lines
from app.routing.service.recounting import CLEAN_LOOKS
from app.routing.service.work import Cause, follow_conversations
from app.routing.transfer_schemas import TransferBody
from app.sla.calendar_spec import CalendarSpec
from app.sla.service import administration
from app.wiring import HOURS
from app.workspace.service import get_wallboard
from tests.access_apps import app_of
from tests.clocks import ManualClock
from tests.integration.routing.test_by_hand import principal_of
from tests.integration.routing.test_deadlines import clock_due, hear
from tests.integration.routing.test_explain import tell
from tests.integration.routing.test_routing_api import ORIGIN, bearer
from tests.integration.routing.world import Routed, World

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
TARGET = timedelta(seconds=600)
Look = Callable[[Database, Clock], Awaitable[None]]


def office(*days: str, spans: str = "09:00-17:00") -> CalendarSpec:
    return CalendarSpec.model_validate({"timezone": "UTC", "weekly": {day: [spans] for day in days}})


@pytest.fixture
def monday(clock: ManualClock) -> datetime:
    """Of the coming week, 9 o'clock. Now it is noon of the Saturday before."""
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    saturday = noon + timedelta(days=(5 - noon.weekday()) % 7 or 7)
    clock.advance((saturday - clock.now()).total_seconds())
    return saturday + timedelta(days=1, hours=21)


async def make_calendar(world: World, spec: CalendarSpec | None = None) -> UUID:
    made = await world.run(administration.create_calendar, name="Office", spec=spec or office(*WORKDAYS))
    return made.id


async def edit(world: World, calendar_id: UUID, spec: CalendarSpec) -> None:
    await world.run(administration.update_calendar, calendar_id=calendar_id, name="Office", spec=spec, version=None)


async def save(world: World, queue_id: UUID, **settings: Any) -> None:
    body = QueueBody.model_validate({"name": f"Queue {queue_id}", "target_seconds": 600, **settings})
    await world.run(queues.update_queue, queue_id=queue_id, body=body)


async def due_at(world: World, conversation_id: UUID) -> datetime:
    return (await world.work(conversation_id)).due_at


async def counted(world: World, conversation_id: UUID) -> list[tuple[str, str | None, datetime]]:
    """(how, calendar, due time) of each trace of a due time, the oldest first."""
    rows = await world.execute(
        "SELECT trace FROM routing_decision WHERE conversation_id = :id AND outcome = 'due_counted'"
        " ORDER BY decided_at, id",
        id=conversation_id,
    )
    traces = [row.trace for row in rows]
    return [
        (one["counted"], (one["calendar"] or {}).get("name"), datetime.fromisoformat(one["after"])) for one in traces
    ]


def new_worker() -> Look:
    """As a worker that was just started looks."""
    return next(job.run for job in jobs.periodic(HOURS) if job.name == "due_times")


async def recount(world: World, looks: int = 1) -> None:
    recounting = new_worker()
    for _ in range(looks):
        await recounting(world.database, world.clock)


async def test_work_that_comes_while_it_is_closed_is_due_after_it_opens_and_says_why(
    world: World, monday: datetime
) -> None:
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    conversation = await world.add_waiting()
    assert await due_at(world, conversation) == monday + TARGET
    assert await counted(world, conversation) == [("opening_hours", "Office", monday + TARGET)]


async def test_what_comes_in_opening_hours_is_due_as_ever_and_needs_no_word(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    clock.advance((monday + timedelta(hours=1) - clock.now()).total_seconds())
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    conversation = await world.add_waiting()
    assert await due_at(world, conversation) == clock.now() + TARGET
    assert await counted(world, conversation) == []


async def test_a_calendar_that_opens_no_more_counts_round_the_clock_and_says_so(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    over = CalendarSpec.model_validate({"timezone": "UTC", "weekly": {}, "open": {"2026-01-02": ["09:00-10:00"]}})
    await save(world, world.queue_id, calendar_id=await make_calendar(world, over))
    conversation = await world.add_waiting()
    assert await counted(world, conversation) == [("never_opens", "Office", clock.now() + TARGET)]


async def test_a_batch_of_new_work_asks_for_its_calendars_once(world: World, monday: datetime) -> None:
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    conversations = [await world.add_conversation() for _ in range(20)]
    asked: list[str] = []
    async with world.database.transaction() as session:
        connection = await driver_connection(session)
        connection.add_query_logger(lambda record: asked.append(record.query))
        causes = {one: Cause("customer", "request-1") for one in conversations}
        await follow_conversations(session, world.act(), causes, hours=HOURS)
    assert sum("business_calendar" in one for one in asked) == 1
    assert {await due_at(world, one) for one in conversations} == {monday + TARGET}


async def test_a_transfer_counts_the_target_in_the_hours_of_the_other_queue(world: World, monday: datetime) -> None:
    other = await world.add_queue(uuid4())
    await save(world, other, calendar_id=await make_calendar(world))
    conversation = await world.add_waiting()
    lead = principal_of(await world.add_agent(), scopes=frozenset({by_hand.OVERRIDE_SCOPE}))
    body = TransferBody(queue_id=other, reason="expertise")
    await world.run(by_hand.transfer, lead, conversation_id=conversation, body=body)
    [second] = [work for work in await world.works(conversation) if work.state == "queued"]
    assert second.due_at == monday + TARGET


async def test_an_edited_calendar_moves_what_waits_before_anybody_new_can_overtake_it(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    calendar = await make_calendar(world)
    await save(world, world.queue_id, calendar_id=calendar)
    first = await world.add_waiting()
    version = (await world.work(first)).version
    clock.advance(60)
    sunday = monday - timedelta(days=1)
    await edit(world, calendar, office(*WORKDAYS, "sun"))
    second = await world.add_waiting()
    assert await due_at(world, first) > await due_at(world, second)
    await recount(world)
    assert await due_at(world, first) == await due_at(world, second) == sunday + TARGET
    assert (await world.work(first)).version == version + 1
    assert [at for _, _, at in await counted(world, first)] == [monday + TARGET, sunday + TARGET]
    assert (await world.event_types(first)).count("work.changed") == 2
    await recount(world)
    assert len(await counted(world, first)) == 2
    await world.assert_sound()


async def test_an_edit_counts_only_for_time_not_yet_elapsed(world: World, clock: ManualClock, monday: datetime) -> None:
    calendar = await make_calendar(world)
    await save(world, world.queue_id, calendar_id=calendar)
    clock.advance((monday + timedelta(hours=8) - timedelta(seconds=300) - clock.now()).total_seconds())
    conversation = await world.add_waiting()
    clock.advance(200)
    await edit(world, calendar, office("wed"))
    await recount(world)
    assert await due_at(world, conversation) == monday + timedelta(days=2, seconds=400)


async def test_a_queue_that_changes_its_calendar_or_its_target_counts_anew(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    conversation = await world.add_waiting()
    recounting = new_worker()

    async def settle() -> None:
        for _ in range(CLEAN_LOOKS + 1):
            await recounting(world.database, clock)

    await settle()
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    await settle()
    assert await due_at(world, conversation) == monday + TARGET
    await save(world, world.queue_id, target_seconds=900)
    await settle()
    assert await due_at(world, conversation) == clock.now() + timedelta(seconds=900)


async def test_a_sooner_due_time_of_sla_stays_where_it_is(world: World, clock: ManualClock, monday: datetime) -> None:
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    conversation = await world.add_waiting()
    soon = clock.now() + timedelta(seconds=30)
    await hear(world, clock_due(conversation, soon))
    await recount(world, 2)
    assert await due_at(world, conversation) == soon


async def test_what_is_being_offered_is_counted_anew_when_it_waits_again(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    await save(world, world.queue_id)
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    came_at = clock.now()
    await routed()
    recounting = new_worker()
    opens = (came_at + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    once = {"timezone": "UTC", "weekly": {}, "open": {f"{opens:%Y-%m-%d}": ["09:00-17:00"]}}
    await save(world, world.queue_id, calendar_id=await make_calendar(world, CalendarSpec.model_validate(once)))
    for _ in range(CLEAN_LOOKS + 1):
        await recounting(world.database, clock)
    assert await due_at(world, conversation) == came_at + TARGET
    [offer] = await world.offers(conversation)
    answer = {"agent_id": agent, "offer_id": offer.id, "token": offer.token, "reason": "lunch"}
    await world.run(offers.decline_offer, **answer)
    await recounting(world.database, clock)
    assert await due_at(world, conversation) == opens + TARGET
    await world.assert_sound()


async def test_what_came_by_overflow_keeps_the_due_time_it_came_with(world: World, monday: datetime) -> None:
    other = await world.add_queue(uuid4())
    step = {"when": {"outside_hours": True}, "do": {"queue": str(other)}}
    await save(world, world.queue_id, calendar_id=await make_calendar(world), overflow=[step])
    conversation = await world.add_waiting()
    await look_at_lines(world.database, world.clock, hours=HOURS)
    await recount(world, 2)
    [second] = [work for work in await world.works(conversation) if work.state == "queued"]
    assert (second.queue_id, second.due_at) == (other, monday + TARGET)


async def test_the_last_agent_is_asked_alone_for_half_the_target_not_for_half_the_weekend(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    agent, customer = await world.add_agent(), None
    earlier = await world.add_conversation(owner_id=agent)
    [row] = await world.execute("SELECT customer_id FROM conversation WHERE id = :id", id=earlier)
    customer = row.customer_id
    conversation = await world.add_waiting(customer_id=customer)
    work = await world.work(conversation)
    assert (work.sticky_agent_id, work.sticky_until) == (agent, clock.now() + TARGET / 2)


async def test_explain_and_the_dry_look_say_in_which_hours_it_was_counted(
    world: World, monday: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    calendar = await make_calendar(world)
    await save(world, world.queue_id, calendar_id=calendar)
    conversation = await world.add_waiting()
    due = monday + TARGET
    told = await tell(world, capsys, conversation)
    assert f"Due {due:%Y-%m-%d %H:%M:%S}: the target of its queue is counted in the opening hours of Office." in told
    assert "营业时间" in await tell(world, capsys, conversation, language="zh-CN")
    settings = {"name": "x", "target_seconds": 600, "calendar_id": str(calendar)}
    look = await world.run(queue_looks.look_at_queue, QueueLookIn.model_validate({"settings": settings}))
    assert (look.due.at, look.due.counted, look.due.calendar) == (due, "opening_hours", "Office")
    unknown = QueueLookIn.model_validate({"settings": settings | {"calendar_id": str(uuid4())}})
    with pytest.raises(InvalidInput, match="no such calendar"):
        await world.run(queue_looks.look_at_queue, unknown)


async def test_the_board_says_that_a_queue_is_closed_and_when_its_next_is_due(
    world: World, clock: ManualClock, monday: datetime
) -> None:
    await save(world, world.queue_id, calendar_id=await make_calendar(world))
    await world.add_waiting()
    boss = principal_of(world.account_id)
    async with world.database.transaction() as session:
        [closed] = (await get_wallboard(session, boss, clock.now())).queues
        [opened] = (await get_wallboard(session, boss, monday)).queues
    assert (closed.is_open, closed.next_due_at, opened.is_open) == (False, monday + TARGET, True)


async def test_over_http_the_hours_count_in_a_transfer_too(world: World, monday: datetime) -> None:
    other = await world.add_queue(uuid4())
    await save(world, other, calendar_id=await make_calendar(world))
    conversation = await world.add_waiting()
    headers = await bearer(world, await world.add_agent(), "supervisor")
    transport = httpx.ASGITransport(app_of(world.database, world.clock, routing_api.router))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        body = {"queue_id": str(other), "reason": "expertise"}
        answer = await client.post(f"/v1/conversations/{conversation}/transfer", json=body, headers=headers)
    told = answer.json()
    assert datetime.fromisoformat(told["work"]["due_at"]) == monday + TARGET
    assert "due_counted" in [one["outcome"] for one in told["decisions"]]
