"""Due rows on a table of the test's own: batches, leases, order per key, back-off, parking, crashes in between."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import due_rows, tracing
from app.core.act import Act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.due_leases import claim
from app.core.due_outcomes import back_off_seconds
from app.core.due_rows import DueRowRunner, DueTable
from app.core.ids import new_id
from tests.clocks import ManualClock
from tests.collector import Collector
from tests.integration.core.conftest import Switch

WAIT_SECONDS = 30


@pytest.fixture
async def reminders(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "CREATE TABLE reminder (id uuid PRIMARY KEY, line uuid, place int, run_at timestamptz,"
                " leased_until timestamptz, attempts int NOT NULL DEFAULT 0, last_error text,"
                " parked_at timestamptz, done int NOT NULL DEFAULT 0)"
            )
        )


async def add(database: Database, clock: ManualClock, line: UUID | None = None, place: int = 0) -> UUID:
    row_id = new_id(clock.now())
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO reminder (id, line, place, run_at) VALUES (:id, :line, :place, :now)"),
            {"id": row_id, "line": line or row_id, "place": place, "now": clock.now()},
        )
    return row_id


async def store(database: Database, clock: DatabaseClock, run_at: datetime, *, announced: bool = False) -> UUID:
    row_id = new_id(clock.now())
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO reminder (id, run_at) VALUES (:id, :at)"), {"id": row_id, "at": run_at})
        if announced:
            due_rows.announce(session, "reminder", run_at)
    return row_id


async def row(database: Database, row_id: UUID) -> Any:
    async with database.transaction() as session:
        return (await session.execute(text("SELECT * FROM reminder WHERE id = :id"), {"id": row_id})).one()


async def mark_done(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    await session.execute(text("UPDATE reminder SET done = done + 1, run_at = NULL WHERE id = :id"), {"id": row_id})


async def mark_all_done(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
    for row_id in row_ids:
        await mark_done(session, act, row_id, None)


told: dict[UUID, str] = {}


async def tell(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    told[row_id] = tracing.carry(act.request_id)
    await mark_done(session, act, row_id, outcome)


async def tell_all(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
    for row_id in row_ids:
        await tell(session, act, row_id, None)


async def send(database: Database, act: Act, row_id: UUID) -> None:
    """An effect outside the database: what such rows are leased for."""


async def refuse(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    await mark_done(session, act, row_id, outcome)
    raise ValueError("the provider said no")


@pytest.mark.usefixtures("reminders")
class TestDueRows:
    async def test_a_due_row_is_done_once_and_one_in_the_future_waits(
        self, database: Database, clock: ManualClock
    ) -> None:
        table = DueTable("reminder", mark_done)
        runner = DueRowRunner(database, clock, [table])
        now_due = await add(database, clock)
        clock.advance(10)
        later = await add(database, clock)
        clock.advance(-5)
        assert await runner.run_once(table) == 1
        assert await runner.run_once(table) == 0
        assert ((await row(database, now_due)).done, (await row(database, later)).done) == (1, 0)

    @pytest.mark.parametrize(
        "table",
        [
            DueTable("reminder", tell),
            DueTable("reminder", record_batch=tell_all),
            DueTable("reminder", tell, perform=send),
        ],
    )
    async def test_what_a_row_brings_about_is_a_trace_of_its_own(
        self, database: Database, clock: ManualClock, collector: Collector, switch_on: Switch, table: DueTable
    ) -> None:
        await switch_on(collector.url)
        row_id = await add(database, clock)
        assert await DueRowRunner(database, clock, [table]).run_once(table) == 1
        assert await DueRowRunner(database, clock, [table]).run_once(table) == 0
        await tracing.stop()
        (span,) = collector.named("due.reminder")
        mark = tracing.mark_of(told[row_id])
        assert mark == tracing.Mark(span.trace, span.span.span_id.hex())

    async def test_two_claimers_never_get_the_same_row(self, database: Database, clock: ManualClock) -> None:
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
        self, database: Database, clock: ManualClock
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
        self, database: Database, clock: ManualClock
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
        self, database: Database, clock: ManualClock
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
        self, database: Database, clock: ManualClock
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

    async def test_whoever_lost_the_lease_records_nothing(self, database: Database, clock: ManualClock) -> None:
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
        self, database: Database, clock: ManualClock
    ) -> None:
        async def forget(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
            await session.execute(text("UPDATE reminder SET done = 1 WHERE id = :id"), {"id": row_id})

        row_id = await add(database, clock)
        table = DueTable("reminder", forget)
        await DueRowRunner(database, clock, [table]).run_once(table)
        left = await row(database, row_id)
        assert left.done == 0
        assert left.last_error.startswith("RunAtNotMoved")

    async def test_a_worker_that_is_told_to_end_gives_its_leases_back(
        self, database: Database, clock: ManualClock
    ) -> None:
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

    async def test_a_row_that_fails_does_not_fail_its_neighbours(self, database: Database, clock: ManualClock) -> None:
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

    async def test_a_row_that_succeeds_after_failures_forgets_them(
        self, database: Database, clock: ManualClock
    ) -> None:
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
        self, database: Database, clock: ManualClock, *, at_once: bool
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
        self, database: Database, clock: ManualClock, *, at_once: bool
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
        self, database: Database, clock: ManualClock
    ) -> None:
        rows = [await add(database, clock) for _ in range(40)]
        table = DueTable("reminder", record_batch=mark_all_done, batch=7, batches_at_once=3)
        assert await DueRowRunner(database, clock, [table]).drain(table) == 40
        assert [(await row(database, each)).done for each in rows] == [1] * 40

    async def test_while_the_database_is_away_rows_wait_as_they_are(
        self, database: Database, clock: ManualClock
    ) -> None:
        row_id = await add(database, clock)
        away = Database(database.url.replace("test_", "gone_"), application_name="tests")
        table = DueTable("reminder", record_batch=mark_all_done)
        with pytest.raises(DBAPIError, match="does not exist"):
            await DueRowRunner(away, clock, [table]).run_once(table)
        await away.close()
        assert (await row(database, row_id)).attempts == 0
        assert await DueRowRunner(database, clock, [table]).run_once(table) == 1

    async def test_a_runner_wakes_for_a_nearer_row_that_its_own_process_stores(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
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

    async def test_what_another_process_stores_is_found_although_it_lies_before_what_is_known(
        self, database: Database
    ) -> None:
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


@pytest.mark.usefixtures("reminders")
class TestRollingRows:
    async def test_one_that_takes_long_keeps_its_own_place_and_nobody_waiting(
        self, database: Database, clock: ManualClock
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

    async def test_no_more_are_claimed_than_have_a_place(self, database: Database, clock: ManualClock) -> None:
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
