"""Due rows: the one mechanism for everything that happens later (offer deadlines, heartbeats, deliveries, wake-ups).

A row of its own domain's table carries `run_at`. A worker claims it in one transaction (a lease), acts, and records in
a second one, so that a crash between the two lines only means that the lease runs out and the row is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import DateTime, Integer, Text, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
"""The net under lost wake-ups; a row that becomes due sooner than that is slept for exactly."""
MAX_BACK_OFF_SECONDS = 300
ERROR_TEXT_LIMIT = 500

DONE = Counter("switchboard_due_rows_total", "Due rows worked on", ["table", "outcome"])
LATENESS = Histogram("switchboard_due_rows_lateness_seconds", "From run_at to claimed", ["table"])


class DueRow:
    """Columns of a table whose rows become due. A row with `run_at` null has nothing to do.

    Each such table adds an index on run_at where run_at is not null and parked_at is null.
    """

    run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    parked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class DueTable:
    """How the due rows of one table are worked on.

    `record(session, act, row_id, outcome)` runs in the second transaction. It takes its own locks, checks that the row
    still needs it (somebody may have been faster), and moves `run_at` on, or sets it to null.
    `perform(database, act, row_id)` is for effects outside the database (sending a message); it runs between the two
    transactions, may happen twice after a crash, and its result is handed to `record`.
    `order` = (key column, sequence column): a row waits until every earlier row of its key is done or parked.
    """

    name: str
    record: Callable[[AsyncSession, Act, UUID, Any], Awaitable[None]]
    perform: Callable[[Database, Act, UUID], Awaitable[Any]] | None = None
    id_column: str = "id"
    order: tuple[str, str] | None = None
    lease_seconds: int = 30
    max_attempts: int = 10
    batch: int = 50
    concurrency: int = 4


@dataclass(frozen=True, slots=True)
class Claim:
    id: UUID
    run_at: datetime
    leased_until: datetime
    attempts: int


class LeaseLost(Exception):
    """The lease ran out and somebody else took the row: whatever was done here is rolled back."""


class RunAtNotMoved(Exception):
    """A handler left `run_at` as it was: the row would come back for ever."""


def back_off_seconds(attempts: int) -> int:
    """2, 4, 8, ... seconds, at most five minutes."""
    return int(min(2 ** min(attempts, 16), MAX_BACK_OFF_SECONDS))


async def claim(session: AsyncSession, table: DueTable, now: datetime) -> list[Claim]:
    """Lease up to `table.batch` due rows, at most one of each key, oldest first."""
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
        {"now": now, "until": now + timedelta(seconds=table.lease_seconds), "batch": table.batch},
    )
    return [Claim(row.id, row.run_at, row.leased_until, row.attempts) for row in rows]


async def finish(session: AsyncSession, table: DueTable, claimed: Claim) -> None:
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


async def fail(session: AsyncSession, table: DueTable, claimed: Claim, error: Exception, now: datetime) -> bool:
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
            "error": f"{type(error).__name__}: {error}"[:ERROR_TEXT_LIMIT],
            "parked": parked,
            "now": now,
            "again": now + timedelta(seconds=back_off_seconds(claimed.attempts)),
        },
    )
    return parked


async def give_back(session: AsyncSession, table: DueTable, claimed: Claim) -> None:
    """End an unfinished lease as if the row had never been claimed; one that is over already stays as it is."""
    await session.execute(
        text(
            f"UPDATE {table.name} SET leased_until = NULL, attempts = attempts - 1"
            f" WHERE {table.id_column} = :id AND leased_until = :until"
        ),
        {"id": claimed.id, "until": claimed.leased_until},
    )


class DueRowRunner:
    """Works on the due rows of several tables, each in a loop of its own."""

    def __init__(self, database: Database, clock: Clock, tables: Sequence[DueTable]) -> None:
        self._database = database
        self._clock = clock
        self._tables = tables

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for table in self._tables:
                group.create_task(self._run_table(table), name=f"due:{table.name}")

    async def run_once(self, table: DueTable) -> int:
        """Claim one batch and work it off. Returns how many rows were claimed."""
        now = self._clock.now()
        async with self._database.transaction() as session:
            claims = await claim(session, table, now)
        limit = asyncio.Semaphore(table.concurrency)

        async def work(claimed: Claim) -> None:
            async with limit:
                await self._work(table, claimed)

        for claimed in claims:
            LATENESS.labels(table.name).observe((now - claimed.run_at).total_seconds())
        try:
            await asyncio.gather(*(work(claimed) for claimed in claims))
        except asyncio.CancelledError:  # we are told to end: others need not wait for the leases to run out
            await self._give_back(table, claims)
            raise
        return len(claims)

    async def _give_back(self, table: DueTable, claims: Sequence[Claim]) -> None:
        try:
            async with self._database.transaction() as session:
                for claimed in claims:
                    await give_back(session, table, claimed)
        except Exception:
            log.warning("due_rows_not_given_back", table=table.name, exc_info=True)

    async def _run_table(self, table: DueTable) -> None:
        while True:
            try:
                if await self.run_once(table) == table.batch:
                    continue
                await self._sleep_until_next(table)
            except Exception as error:  # the database is away: the rows wait, so do we
                raise_if_cancelled()
                log.warning("due_rows_paused", table=table.name, error=repr(error))
                await asyncio.sleep(POLL_SECONDS)

    async def _sleep_until_next(self, table: DueTable) -> None:
        async with self._database.transaction() as session:
            next_at = (
                await session.execute(
                    text(
                        f"SELECT min(run_at) FROM {table.name}"
                        f" WHERE run_at IS NOT NULL AND parked_at IS NULL"
                        f" AND (leased_until IS NULL OR leased_until <= :now)"
                    ),
                    {"now": self._clock.now()},
                )
            ).scalar_one()
        seconds = POLL_SECONDS
        if next_at is not None:
            # A floor, because a row that waits behind an earlier one of its key is due but cannot be claimed yet.
            seconds = min(max((next_at - self._clock.now()).total_seconds(), 0.01), POLL_SECONDS)
        await asyncio.sleep(seconds)

    async def _work(self, table: DueTable, claimed: Claim) -> None:
        act = system_act(self._clock, f"due:{table.name}", request_id=f"due:{claimed.id}")
        try:
            outcome = await table.perform(self._database, act, claimed.id) if table.perform else None
            async with self._database.transaction() as session:
                await table.record(session, system_act(self._clock, act.actor, act.request_id), claimed.id, outcome)
                await finish(session, table, claimed)
            DONE.labels(table.name, "done").inc()
        except LeaseLost:
            DONE.labels(table.name, "lease_lost").inc()
        except Exception as error:
            await self._failed(table, claimed, error)

    async def _failed(self, table: DueTable, claimed: Claim, error: Exception) -> None:
        try:
            async with self._database.transaction() as session:
                parked = await fail(session, table, claimed, error, self._clock.now())
        except Exception:  # the database is away: the lease runs out by itself
            log.warning("due_row_failure_not_recorded", table=table.name, id=str(claimed.id), exc_info=True)
            return
        DONE.labels(table.name, "parked" if parked else "retried").inc()
        log.warning(
            "due_row_failed",
            table=table.name,
            id=str(claimed.id),
            attempts=claimed.attempts,
            parked=parked,
            exc_info=error,
        )
