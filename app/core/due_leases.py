"""Due rows whose effect lies outside the database: claimed under a lease, performed, recorded.

Between the two transactions nothing is locked, so that a crash there only means that the lease runs out and the row is
tried again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import tracing
from app.core.act import system_act
from app.core.clock import Clock
from app.core.database import Database
from app.core.due_outcomes import DONE, LATENESS, RunAtNotMoved, back_off_seconds, count_failure, error_text

if TYPE_CHECKING:
    from app.core.due_rows import DueTable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    id: UUID
    run_at: datetime
    leased_until: datetime
    attempts: int


class Places:
    """The rows of a rolling table that are worked on now: each holds a place of its own until its work ends."""

    def __init__(self, database: Database, clock: Clock, table: "DueTable") -> None:
        self._database = database
        self._clock = clock
        self._table = table
        self._tasks: set[asyncio.Task[None]] = set()

    async def fill(self) -> bool:
        """Wait for a free place and begin with as many rows as there are places. True when that left none free."""
        if len(self._tasks) == self._table.concurrency:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        now, free = self._clock.now(), self._table.concurrency - len(self._tasks)
        async with self._database.transaction() as session:
            claims = await claim(session, self._table, now, limit=free)
        for claimed in claims:
            LATENESS.labels(self._table.name).observe((now - claimed.run_at).total_seconds())
            task = asyncio.create_task(self._hold(claimed), name=f"due:{self._table.name}:{claimed.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claims) == free

    async def close(self) -> None:
        """End what is worked on; others need not wait for the leases to run out."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hold(self, claimed: Claim) -> None:
        try:
            await _work(self._database, self._clock, self._table, claimed)
        except asyncio.CancelledError:
            await _give_all_back(self._database, self._table, [claimed])
            raise


class LeaseLost(Exception):
    """The lease ran out and somebody else took the row: whatever was done here is rolled back."""


async def work_off(database: Database, clock: Clock, table: "DueTable") -> int:
    """Claim one batch and work on its rows, some at a time. Returns how many rows were claimed."""
    now = clock.now()
    async with database.transaction() as session:
        claims = await claim(session, table, now)
    limit = asyncio.Semaphore(table.concurrency)

    async def work(claimed: Claim) -> None:
        async with limit:
            await _work(database, clock, table, claimed)

    for claimed in claims:
        LATENESS.labels(table.name).observe((now - claimed.run_at).total_seconds())
    try:
        await asyncio.gather(*(work(claimed) for claimed in claims))
    except asyncio.CancelledError:  # we are told to end: others need not wait for the leases to run out
        await _give_all_back(database, table, claims)
        raise
    return len(claims)


async def claim(session: AsyncSession, table: "DueTable", now: datetime, *, limit: int | None = None) -> list[Claim]:
    """Lease up to `limit` due rows, else `table.batch`, at most one of each key, oldest first."""
    earlier = ""
    if table.order is not None:
        key, sequence = table.order
        # An earlier row keeps its run_at until it is recorded, so a row claimed but unfinished still holds its key.
        earlier = (
            f" AND NOT EXISTS (SELECT 1 FROM {table.name} AS earlier WHERE earlier.{key} = due.{key}"
            f" AND earlier.{sequence} < due.{sequence} AND earlier.run_at IS NOT NULL AND earlier.parked_at IS NULL)"
        )
    rows = await session.execute(
        text(
            f"UPDATE {table.name} SET leased_until = :until, attempts = attempts + 1"
            f" WHERE {table.id_column} IN (SELECT due.{table.id_column} FROM {table.name} AS due"
            f" WHERE due.run_at <= :now AND due.parked_at IS NULL"
            f" AND (due.leased_until IS NULL OR due.leased_until <= :now){earlier}"
            f" ORDER BY due.run_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
            f" RETURNING {table.id_column} AS id, run_at, leased_until, attempts"
        ),
        {"now": now, "until": now + timedelta(seconds=table.lease_seconds), "batch": limit or table.batch},
    )
    return [Claim(row.id, row.run_at, row.leased_until, row.attempts) for row in rows]


async def next_at(session: AsyncSession, table: "DueTable", now: datetime) -> datetime | None:
    """When the first row that nobody holds becomes due."""
    found: datetime | None = (
        await session.execute(
            text(
                f"SELECT min(run_at) FROM {table.name}"
                f" WHERE run_at IS NOT NULL AND parked_at IS NULL"
                f" AND (leased_until IS NULL OR leased_until <= :now)"
            ),
            {"now": now},
        )
    ).scalar_one()
    return found


async def finish(session: AsyncSession, table: "DueTable", claimed: Claim) -> None:
    """Give the lease back. Raises LeaseLost if it is no longer ours, RunAtNotMoved if the handler forgot."""
    row = (
        await session.execute(
            text(
                f"UPDATE {table.name} SET leased_until = NULL, attempts = 0, last_error = NULL"
                f" WHERE {table.id_column} = :id AND leased_until = :until RETURNING run_at"
            ),
            {"id": claimed.id, "until": claimed.leased_until},
        )
    ).one_or_none()
    if row is None:
        raise LeaseLost(f"{table.name} {claimed.id}")
    if row.run_at is not None and row.run_at <= claimed.run_at:
        raise RunAtNotMoved(f"{table.name} {claimed.id}")


async def fail(session: AsyncSession, table: "DueTable", claimed: Claim, error: Exception, now: datetime) -> bool:
    """Try again later, or park after the last try. True when parked."""
    parked = claimed.attempts >= table.max_attempts
    await session.execute(
        text(
            f"UPDATE {table.name} SET leased_until = NULL, last_error = :error,"
            f" parked_at = CASE WHEN :parked THEN CAST(:now AS timestamptz) END,"
            f" run_at = CASE WHEN :parked THEN run_at ELSE CAST(:again AS timestamptz) END"
            f" WHERE {table.id_column} = :id AND leased_until = :until"
        ),
        {
            "id": claimed.id,
            "until": claimed.leased_until,
            "error": error_text(error),
            "parked": parked,
            "now": now,
            "again": now + timedelta(seconds=back_off_seconds(claimed.attempts)),
        },
    )
    return parked


async def give_back(session: AsyncSession, table: "DueTable", claimed: Claim) -> None:
    """End an unfinished lease as if the row had never been claimed; one that is over already stays as it is."""
    await session.execute(
        text(
            f"UPDATE {table.name} SET leased_until = NULL, attempts = attempts - 1"
            f" WHERE {table.id_column} = :id AND leased_until = :until"
        ),
        {"id": claimed.id, "until": claimed.leased_until},
    )


async def _work(database: Database, clock: Clock, table: "DueTable", claimed: Claim) -> None:
    act = system_act(clock, f"due:{table.name}", request_id=f"due:{claimed.id}")
    try:
        with tracing.root(f"due.{table.name}"):
            outcome = await table.perform(database, act, claimed.id) if table.perform else None
            async with database.transaction() as session:
                await table.record_one(session, system_act(clock, act.actor, act.request_id), claimed.id, outcome)
                await finish(session, table, claimed)
        DONE.labels(table.name, "done").inc()
    except LeaseLost:
        DONE.labels(table.name, "lease_lost").inc()
    except Exception as error:
        await _failed(database, clock, table, claimed, error)


async def _failed(database: Database, clock: Clock, table: "DueTable", claimed: Claim, error: Exception) -> None:
    try:
        async with database.transaction() as session:
            parked = await fail(session, table, claimed, error, clock.now())
    except Exception:  # the database is away: the lease runs out by itself
        log.warning("due_row_failure_not_recorded", table=table.name, id=str(claimed.id), exc_info=True)
        return
    count_failure(table.name, claimed.id, attempts=claimed.attempts, parked=parked, error=error)


async def _give_all_back(database: Database, table: "DueTable", claims: Sequence[Claim]) -> None:
    try:
        async with database.transaction() as session:
            for claimed in claims:
                await give_back(session, table, claimed)
    except Exception:
        log.warning("due_rows_not_given_back", table=table.name, exc_info=True)
