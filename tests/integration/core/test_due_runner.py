"""The runner that sleeps until something is due, and rows that each keep a place of their own."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import due_rows
from app.core.act import Act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.due_rows import DueRowRunner, DueTable
from tests.clocks import ManualClock
from tests.integration.core.reminders import add, mark_all_done, mark_done, row, store

WAIT_SECONDS = 30

pytestmark = pytest.mark.usefixtures("reminders")


async def test_a_runner_wakes_for_a_nearer_row_that_its_own_process_stores(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_rows, "POLL_SECONDS", 3600.0)
    clock = DatabaseClock()
    told = asyncio.Queue[UUID]()

    async def tell(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
        await mark_all_done(session, act, row_ids)
        told.put_nowait(*row_ids)

    runner = DueRowRunner(database, clock, [DueTable("reminder", record_batch=tell)])
    first = await store(database, clock, clock.now(), announced=True)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            assert await told.get() == first
            second = await store(database, clock, clock.now() + timedelta(seconds=0.1), announced=True)
            assert await told.get() == second
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_another_process_stores_is_found_although_it_lies_before_what_is_known(database: Database) -> None:
    clock = DatabaseClock()
    told = asyncio.Queue[UUID]()

    async def tell(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
        await mark_all_done(session, act, row_ids)
        told.put_nowait(*row_ids)

    await store(database, clock, clock.now() + timedelta(hours=1))
    first = await store(database, clock, clock.now())
    running = asyncio.create_task(DueRowRunner(database, clock, [DueTable("reminder", record_batch=tell)]).run())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            assert await told.get() == first
            elsewhere = await store(database, clock, clock.now() - timedelta(hours=1))
            assert await told.get() == elsewhere
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_that_takes_long_keeps_its_own_place_and_nobody_waiting(
    database: Database, clock: ManualClock
) -> None:
    slow = await add(database, clock)
    started, done, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ended: list[UUID] = []

    async def perform(_: Database, __: Act, row_id: UUID) -> None:
        if row_id == slow:
            started.set()
            await may_end.wait()

    async def record(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
        await mark_done(session, act, row_id, outcome)
        ended.append(row_id)
        if len(ended) == 12:
            done.set()

    table = DueTable("reminder", record=record, perform=perform, concurrency=2, rolling=True)
    running = asyncio.create_task(DueRowRunner(database, clock, [table]).run())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await started.wait()
            others = [await add(database, clock) for _ in range(12)]
            await done.wait()
        assert (sorted(ended), (await row(database, slow)).done) == (sorted(others), 0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    given_back = await row(database, slow)
    assert (given_back.leased_until, given_back.attempts) == (None, 0)


async def test_no_more_are_claimed_than_have_a_place(database: Database, clock: ManualClock) -> None:
    for _ in range(5):
        await add(database, clock)
    full, may_end = asyncio.Event(), asyncio.Event()
    inside: set[UUID] = set()

    async def perform(_: Database, __: Act, row_id: UUID) -> None:
        inside.add(row_id)
        if len(inside) == 3:
            full.set()
        await may_end.wait()

    table = DueTable("reminder", record=mark_done, perform=perform, concurrency=3, rolling=True)
    running = asyncio.create_task(DueRowRunner(database, clock, [table]).run())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await full.wait()
        assert len(await claimed_now(database)) == 3
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await claimed_now(database) == []


async def claimed_now(database: Database) -> list[Any]:
    async with database.transaction() as session:
        return list(await session.execute(text("SELECT id FROM reminder WHERE leased_until IS NOT NULL")))
