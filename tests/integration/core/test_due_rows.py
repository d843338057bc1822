"""Due rows on a table of the test's own: leases, order per key, back-off, parking, crashes in between."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import Database
from app.core.due_leases import claim
from app.core.due_outcomes import back_off_seconds
from app.core.due_rows import DueRowRunner, DueTable
from app.core.ids import new_id
from tests.clocks import ManualClock
from tests.integration.core.reminders import add, mark_all_done, mark_done, refuse, row, send

pytestmark = pytest.mark.usefixtures("reminders")


async def test_a_due_row_is_done_once_and_one_in_the_future_waits(database: Database, clock: ManualClock) -> None:
    table = DueTable("reminder", mark_done)
    runner = DueRowRunner(database, clock, [table])
    now_due = await add(database, clock)
    clock.advance(10)
    later = await add(database, clock)
    clock.advance(-5)
    assert await runner.run_once(table) == 1
    assert await runner.run_once(table) == 0
    assert ((await row(database, now_due)).done, (await row(database, later)).done) == (1, 0)


async def test_two_claimers_never_get_the_same_row(database: Database, clock: ManualClock) -> None:
    for _ in range(20):
        await add(database, clock)
    table = DueTable("reminder", mark_done, perform=send, batch=15)
    async with database.transaction() as first, database.transaction() as second:
        a = await claim(first, table, clock.now())
        b = await claim(second, table, clock.now())
    assert len(a) == 15
    assert len(b) == 5
    assert not {c.id for c in a} & {c.id for c in b}


async def test_rows_of_one_key_are_done_in_their_order_one_after_another(
    database: Database, clock: ManualClock
) -> None:
    line = new_id(clock.now())
    ids = [await add(database, clock, line, place) for place in (2, 0, 1)]
    seen: list[UUID] = []

    async def record(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
        seen.append(row_id)
        await mark_done(session, act, row_id, outcome)

    table = DueTable("reminder", record, perform=send, order=("line", "place"))
    runner = DueRowRunner(database, clock, [table])
    assert [await runner.run_once(table) for _ in range(4)] == [1, 1, 1, 0]
    assert seen == [ids[1], ids[2], ids[0]]


async def test_a_claimed_row_still_holds_its_key_against_another_process(
    database: Database, clock: ManualClock
) -> None:
    line = new_id(clock.now())
    await add(database, clock, line, 0)
    await add(database, clock, line, 1)
    table = DueTable("reminder", mark_done, perform=send, order=("line", "place"))
    async with database.transaction() as session:
        assert len(await claim(session, table, clock.now())) == 1
    async with database.transaction() as session:
        assert await claim(session, table, clock.now()) == []


async def test_a_failure_rolls_back_and_is_tried_again_later_then_parked(
    database: Database, clock: ManualClock
) -> None:
    row_id = await add(database, clock)
    table = DueTable("reminder", refuse, max_attempts=2)
    runner = DueRowRunner(database, clock, [table])
    await runner.run_once(table)
    once = await row(database, row_id)
    assert (once.done, once.attempts, once.parked_at) == (0, 1, None)
    assert once.run_at == clock.now() + timedelta(seconds=back_off_seconds(1))
    clock.advance(back_off_seconds(1))
    await runner.run_once(table)
    twice = await row(database, row_id)
    assert twice.parked_at == clock.now()
    assert twice.last_error == "ValueError: the provider said no"
    clock.advance(3600)
    assert await runner.run_once(table) == 0


async def test_a_crash_after_the_claim_leaves_the_row_for_another_when_the_lease_ends(
    database: Database, clock: ManualClock
) -> None:
    row_id = await add(database, clock)
    table = DueTable("reminder", mark_done, perform=send, lease_seconds=30)
    async with database.transaction() as session:
        await claim(session, table, clock.now())  # and the process dies here
    runner = DueRowRunner(database, clock, [table])
    clock.advance(29)
    assert await runner.run_once(table) == 0
    clock.advance(1)
    assert await runner.run_once(table) == 1
    assert (await row(database, row_id)).done == 1


async def test_whoever_lost_the_lease_records_nothing(database: Database, clock: ManualClock) -> None:
    row_id = await add(database, clock)
    other = DueRowRunner(database, clock, [])
    quick = DueTable("reminder", mark_done, perform=send, lease_seconds=30)

    async def slow(database: Database, act: Act, row_id: UUID) -> None:
        clock.advance(31)
        await other.run_once(quick)

    table = DueTable("reminder", mark_done, perform=slow, lease_seconds=30)
    await DueRowRunner(database, clock, [table]).run_once(table)
    assert (await row(database, row_id)).done == 1


async def test_a_handler_that_leaves_the_row_due_is_a_failure_not_an_endless_loop(
    database: Database, clock: ManualClock
) -> None:
    async def forget(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
        await session.execute(text("UPDATE reminder SET done = 1 WHERE id = :id"), {"id": row_id})

    row_id = await add(database, clock)
    table = DueTable("reminder", forget)
    await DueRowRunner(database, clock, [table]).run_once(table)
    left = await row(database, row_id)
    assert left.done == 0
    assert left.last_error.startswith("RunAtNotMoved")


async def test_a_worker_that_is_told_to_end_gives_its_leases_back(database: Database, clock: ManualClock) -> None:
    begun = asyncio.Event()

    async def never_done(database: Database, act: Act, row_id: UUID) -> None:
        begun.set()
        await asyncio.Event().wait()

    row_id = await add(database, clock)
    table = DueTable("reminder", mark_done, perform=never_done)
    working = asyncio.create_task(DueRowRunner(database, clock, [table]).run_once(table))
    await begun.wait()
    assert (await row(database, row_id)).leased_until is not None
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    left = await row(database, row_id)
    assert (left.leased_until, left.attempts, left.run_at) == (None, 0, clock.now())


def test_a_table_says_one_way_of_recording_and_orders_only_what_has_an_effect_outside() -> None:
    for wrong in (
        lambda: DueTable("reminder"),
        lambda: DueTable("reminder", mark_done, record_batch=mark_all_done),
        lambda: DueTable("reminder", mark_done, order=("line", "place")),
    ):
        with pytest.raises(ValueError, match="reminder"):
            wrong()


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (2, 4), (5, 32), (9, 300), (1000, 300)])
def test_back_off_doubles_up_to_five_minutes(attempts: int, seconds: int) -> None:
    assert back_off_seconds(attempts) == seconds
