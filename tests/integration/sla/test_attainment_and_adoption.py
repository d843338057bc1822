"""Attainment at the edges of its interval, and edits that open conversations adopt page by page."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.act import Act
from app.sla.calendar_spec import CalendarSpec
from app.sla.service import administration, adoption, views
from app.sla.service import book as books
from tests.integration.sla.world import World

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def line(world: World, due_from: datetime, due_to: datetime, by: Any = "metric") -> tuple[int, int]:
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        found = await views.attainment(session, act, due_from=due_from, due_to=due_to, by=by)
    lines = [each for each in found.lines if each.metric == "first_reply"]
    return (lines[0].due, lines[0].met) if lines else (0, 0)


@pytest.mark.parametrize(
    ("begins", "ends", "expected"), [(60, 61, (1, 0)), (59, 60, (0, 0)), (61, 99, (0, 0)), (0, 99, (1, 0))]
)
async def test_an_interval_counts_what_was_due_at_its_begin_and_not_at_its_end(
    world: World, begins: int, ends: int, expected: tuple[int, int]
) -> None:
    await world.open()
    began = world.clock.now()
    await world.follow()
    world.clock.advance(200)
    interval = began + timedelta(seconds=begins), began + timedelta(seconds=ends)
    assert await line(world, *interval) == expected


async def test_a_breach_nobody_has_noticed_yet_is_a_promise_broken(world: World) -> None:
    await world.open()
    began = world.clock.now()
    await world.follow()
    world.clock.advance(59)
    assert await line(world, began, began + timedelta(hours=1)) == (0, 0)
    world.clock.advance(1)
    assert await line(world, began, began + timedelta(hours=1)) == (1, 0)
    await world.ring()
    assert await line(world, began, began + timedelta(hours=1)) == (1, 0)


@pytest.mark.parametrize(("after", "met"), [(10, 1), (60, 1), (61, 0)])
async def test_an_answer_counts_where_it_was_due_whenever_it_came(world: World, after: int, met: int) -> None:
    conversation_id = await world.open()
    began = world.clock.now()
    await world.follow()
    world.clock.advance(after)
    await world.tell(world.we_wrote(conversation_id))
    await world.follow()
    world.clock.advance(3_600)
    due_at = began + timedelta(seconds=60)
    assert await line(world, due_at, due_at + timedelta(seconds=1)) == (1, met)


async def test_a_cancelled_clock_owes_nothing(world: World) -> None:
    merged, into = await world.open(), await world.open()
    began = world.clock.now()
    await world.merge(merged, into)
    await world.follow()
    world.clock.advance(100)
    assert await line(world, began, began + timedelta(hours=1), "queue") == (1, 0)


async def add_calendar(world: World) -> UUID:
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        await books.load(session, act)
        return (await administration.create_calendar(session, act, name="Own", spec=open_until("24:00"))).id


def open_until(end: str) -> CalendarSpec:
    return CalendarSpec.model_validate({"timezone": "UTC", "weekly": {day: [f"00:00-{end}"] for day in DAYS}})


async def adopt(world: World, *, dry_run: bool, after: UUID | None = None, limit: int = 100) -> Any:
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        return await adoption.adopt(session, act, dry_run=dry_run, after=after, limit=limit)


async def test_a_calendar_edit_is_counted_dry_and_moves_only_what_has_not_elapsed(world: World) -> None:
    midnight = world.clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.clock.advance((midnight - world.clock.now()).total_seconds())
    calendar_id = await add_calendar(world)
    await world.use_policy(calendar_id=str(calendar_id), targets=[{"metric": "first_reply", "seconds": 4 * 3600}])
    conversation_id = await world.open()
    await world.follow()
    world.clock.advance(2 * 3600)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        await administration.update_calendar(
            session, act, calendar_id=calendar_id, name="Own", spec=open_until("01:00"), version=None
        )
    dry = await adopt(world, dry_run=True)
    assert (dry.changed, dry.moved, dry.affected) == (0, 1, 1)
    assert (await world.clocks(conversation_id))["first_reply", 1].due_at == midnight + timedelta(hours=4)
    done = await adopt(world, dry_run=False)
    assert (done.changed, done.moved) == (0, 1)
    # Two hours have elapsed; the next two are the first of tomorrow and of the day after.
    due_at = midnight + timedelta(days=2, hours=1)
    assert (await world.clocks(conversation_id))["first_reply", 1].due_at == due_at
    assert (await adopt(world, dry_run=False)).moved == 0


async def test_what_is_still_owed_after_the_end_is_counted_by_the_edited_calendar(world: World) -> None:
    calendar_id = await add_calendar(world)
    await world.use_policy(calendar_id=str(calendar_id), targets=[{"metric": "first_reply", "seconds": 3 * 86_400}])
    conversation_id = await world.open()
    await world.tell(world.status(conversation_id, "open", "resolved"))
    await world.follow()
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        await administration.update_calendar(
            session, act, calendar_id=calendar_id, name="Own", spec=open_until("01:00"), version=None
        )
    assert (await adopt(world, dry_run=False)).moved == 1


async def test_adoption_goes_page_by_page_and_may_begin_anew(world: World) -> None:
    opened = [await world.open() for _ in range(5)]
    await world.follow()
    await world.use_policy(targets=[{"metric": "first_reply", "seconds": 5}])
    first = await adopt(world, dry_run=False, limit=2)
    assert (first.looked_at, first.changed, first.moved, first.affected) == (2, 2, 2, 2)
    again = await adopt(world, dry_run=False, limit=2)
    assert (again.changed, again.moved, again.next_after) == (0, 0, first.next_after)
    page, pages = again, 0
    while page.next_after is not None:
        page, pages = await adopt(world, dry_run=False, after=page.next_after, limit=2), pages + 1
    assert pages == 2
    targets = [(await world.clocks(one))["first_reply", 1].target_seconds for one in opened]
    assert targets == [5] * 5


async def test_edits_of_policies_and_calendars_are_told_by_id_and_version(world: World) -> None:
    policy_id = await world.use_policy(targets=[{"metric": "first_reply", "seconds": 5}])
    calendar_id = await add_calendar(world)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        for _ in range(2):
            await administration.retire_policy(session, act, policy_id=policy_id)
        await administration.update_calendar(
            session, act, calendar_id=calendar_id, name="Own", spec=open_until("02:00"), version=1
        )
    told = await world.events("sla.policy_changed", "sla.calendar_changed")
    assert [(event.key, event.payload["number"], event.payload.get("retired")) for event in told] == [
        (policy_id, 1, False),
        (calendar_id, 1, None),
        (policy_id, 1, True),
        (calendar_id, 2, None),
    ]


async def test_edits_at_one_instant_follow_one_another(world: World) -> None:
    calendar_id = await add_calendar(world)
    for end in ("01:00", "02:00"):
        async with world.database.transaction() as session:
            act = Act(world.clock.now() - timedelta(seconds=5), "a server whose clock is behind")
            await administration.update_calendar(
                session, act, calendar_id=calendar_id, name="Own", spec=open_until(end), version=None
            )
    await world.use_policy(calendar_id=str(calendar_id), targets=[{"metric": "first_reply", "seconds": 3600}])
    conversation_id = await world.open()
    await world.follow()
    assert (await world.clocks(conversation_id))["first_reply", 1].state == "running"
