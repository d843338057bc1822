"""Due rows in batches: one that fails, a worker that dies, several workers, a database that is away."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import Database
from app.core.due_outcomes import back_off_seconds
from app.core.due_rows import DueRowRunner, DueTable
from tests.clocks import ManualClock
from tests.integration.core.reminders import add, mark_all_done, mark_done, refuse, row

pytestmark = pytest.mark.usefixtures("reminders")


async def test_a_row_that_fails_does_not_fail_its_neighbours(database: Database, clock: ManualClock) -> None:
    rows = [await add(database, clock) for _ in range(6)]

    async def refuse_one(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
        await mark_all_done(session, act, row_ids)
        if rows[2] in row_ids:
            raise ValueError("not this one")

    table = DueTable("reminder", record_batch=refuse_one, max_attempts=2)
    runner = DueRowRunner(database, clock, [table])
    assert await runner.run_once(table) == 6
    assert [(await row(database, each)).done for each in rows] == [1, 1, 0, 1, 1, 1]
    failed = await row(database, rows[2])
    assert (failed.attempts, failed.last_error) == (1, "ValueError: not this one")
    assert failed.run_at == clock.now() + timedelta(seconds=back_off_seconds(1))
    clock.advance(back_off_seconds(1))
    fresh = await add(database, clock)
    assert await runner.run_once(table) == 2
    assert (await row(database, rows[2])).parked_at == clock.now()
    assert (await row(database, fresh)).done == 1


async def test_a_row_that_succeeds_after_failures_forgets_them(database: Database, clock: ManualClock) -> None:
    row_id = await add(database, clock)
    once = DueTable("reminder", refuse)
    await DueRowRunner(database, clock, [once]).run_once(once)
    clock.advance(back_off_seconds(1))
    table = DueTable("reminder", record_batch=mark_all_done)
    await DueRowRunner(database, clock, [table]).run_once(table)
    left = await row(database, row_id)
    assert (left.done, left.attempts, left.last_error) == (1, 0, None)


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_a_dead_worker_had_taken_is_anothers_at_once(
    database: Database, clock: ManualClock, *, at_once: bool
) -> None:
    rows = [await add(database, clock) for _ in range(3)]
    begun = asyncio.Event()

    async def die(session: AsyncSession) -> None:
        begun.set()
        await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def die_at_one(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
        await mark_done(session, act, row_id, outcome)
        await die(session)

    async def die_at_all(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
        await mark_all_done(session, act, row_ids)
        await die(session)

    dying = DueTable("reminder", record_batch=die_at_all) if at_once else DueTable("reminder", die_at_one)
    alive = DueTable("reminder", record_batch=mark_all_done) if at_once else DueTable("reminder", mark_done)
    doomed = Database(database.url, application_name="doomed")
    dead = asyncio.create_task(DueRowRunner(doomed, clock, [dying]).run_once(dying))
    await begun.wait()
    dead.cancel()
    await asyncio.gather(dead, return_exceptions=True)
    await doomed.close()
    assert await DueRowRunner(database, clock, [alive]).run_once(alive) == 3
    assert [(await row(database, each)).done for each in rows] == [1, 1, 1]


@pytest.mark.parametrize("at_once", [True, False])
async def test_several_workers_share_the_rows_without_doing_one_twice(
    database: Database, clock: ManualClock, *, at_once: bool
) -> None:
    rows = [await add(database, clock) for _ in range(40)]
    table = (
        DueTable("reminder", record_batch=mark_all_done, batch=7)
        if at_once
        else DueTable("reminder", mark_done, batch=7)
    )

    async def drain() -> None:
        runner = DueRowRunner(database, clock, [table])
        while await runner.run_once(table):
            pass

    await asyncio.gather(drain(), drain(), drain())
    await drain()
    assert [(await row(database, each)).done for each in rows] == [1] * 40


async def test_several_batches_at_once_drain_a_table_without_doing_a_row_twice(
    database: Database, clock: ManualClock
) -> None:
    rows = [await add(database, clock) for _ in range(40)]
    table = DueTable("reminder", record_batch=mark_all_done, batch=7, batches_at_once=3)
    assert await DueRowRunner(database, clock, [table]).drain(table) == 40
    assert [(await row(database, each)).done for each in rows] == [1] * 40


async def test_while_the_database_is_away_rows_wait_as_they_are(database: Database, clock: ManualClock) -> None:
    row_id = await add(database, clock)
    away = Database(database.url.replace("test_", "gone_"), application_name="tests")
    table = DueTable("reminder", record_batch=mark_all_done)
    with pytest.raises(DBAPIError, match="does not exist"):
        await DueRowRunner(away, clock, [table]).run_once(table)
    await away.close()
    assert (await row(database, row_id)).attempts == 0
    assert await DueRowRunner(database, clock, [table]).run_once(table) == 1
