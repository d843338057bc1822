"""Due rows whose whole effect lies in the database: taken, worked on and moved on in one transaction.

No lease is left behind by a process that dies: its transaction is rolled back and another takes the rows at once. A
lease of an older release is not asked about; handlers check by themselves whether a row still needs them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import tracing
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database, driver_connection
from app.core.driver import raise_if_cancelled
from app.core.due_outcomes import DONE, LATENESS, RunAtNotMoved, back_off_seconds, count_failure, error_text
from app.core.tasks import gathered

if TYPE_CHECKING:
    from app.core.due_rows import DueTable

log = structlog.get_logger(__name__)

# Index entries of rows that were moved on stay until no transaction can see them any more. Under an old one (a dump, a
# report) a search from the beginning steps over all of them.
_SINCE = "coalesce(${}::timestamptz, '-infinity')"


@dataclass(frozen=True, slots=True)
class Taken:
    id: UUID
    run_at: datetime
    attempts: int


async def work_off(database: Database, clock: Clock, table: "DueTable", since: datetime | None) -> int:
    """Work on up to `table.batch` due rows, none due before `since`. Returns how many were begun here."""
    return await (_work_off_at_once if table.record_batch else _work_off_each)(database, clock, table, since)


async def _work_off_at_once(database: Database, clock: Clock, table: "DueTable", since: datetime | None) -> int:
    """A row that fails fails its batch; then each is worked on alone, as is one that has failed before."""
    act = system_act(clock, f"due:{table.name}", request_id=f"due:{table.name}")
    rows: list[Taken] = []
    try:
        async with database.transaction() as session:
            rows = await take(session, table, act.now, since)
            fresh = [row for row in rows if not row.attempts]
            await _record(session, act, table, fresh)
        _count_done(table, act.now, fresh)
        alone = [row for row in rows if row.attempts]
    except Exception as error:
        raise_if_cancelled()
        if not rows:
            raise
        log.warning("due_batch_failed", table=table.name, rows=len(rows), error=repr(error))
        alone = rows
    for row in alone:
        await _work_alone(database, clock, table, row)
    return len(rows)


async def _work_off_each(database: Database, clock: Clock, table: "DueTable", since: datetime | None) -> int:
    async with database.transaction() as session:
        rows = await look(session, table, clock.now(), since)
    limit = asyncio.Semaphore(table.concurrency)

    async def work(row: Taken) -> bool:
        async with limit:
            return await _work_alone(database, clock, table, row)

    return (await gathered([work(row) for row in rows])).count(True)


async def _work_alone(database: Database, clock: Clock, table: "DueTable", row: Taken) -> bool:
    """False when another process has it."""
    act = system_act(clock, f"due:{table.name}", request_id=f"due:{row.id}")
    try:
        async with database.transaction() as session:
            if not await take_turn(session, table, row):
                return False
            await _record(session, act, table, [row])
    except Exception as error:
        raise_if_cancelled()
        # Where the database is away this raises, too: the row waits as it is.
        async with database.transaction() as session:
            parked = await fail(session, table, row, error, clock.now())
        count_failure(table.name, row.id, attempts=row.attempts + 1, parked=parked, error=error)
    else:
        _count_done(table, act.now, [row])
    return True


async def _record(session: AsyncSession, act: Act, table: "DueTable", rows: Sequence[Taken]) -> None:
    if not rows:
        return
    with tracing.root(f"due.{table.name}"):
        if table.record_batch is not None:
            await table.record_batch(session, act, [row.id for row in rows])
        else:
            await table.record_one(session, act, rows[0].id, None)
        await settle(session, table, rows)


def _count_done(table: "DueTable", now: datetime, rows: Sequence[Taken]) -> None:
    DONE.labels(table.name, "done").inc(len(rows))
    lateness = LATENESS.labels(table.name)
    for row in rows:
        lateness.observe((now - row.run_at).total_seconds())


async def take(session: AsyncSession, table: "DueTable", now: datetime, since: datetime | None = None) -> list[Taken]:
    """Lock up to `table.batch` due rows that nobody else has, oldest first, until the transaction ends."""
    return await _find(session, table, now, since, "FOR UPDATE SKIP LOCKED")


async def look(session: AsyncSession, table: "DueTable", now: datetime, since: datetime | None = None) -> list[Taken]:
    """As `take`, without locks: others may see the same rows."""
    return await _find(session, table, now, since, "")


async def _find(
    session: AsyncSession, table: "DueTable", now: datetime, since: datetime | None, locking: str
) -> list[Taken]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        f"SELECT {table.id_column}, run_at, attempts FROM {table.name} WHERE run_at <= $1"
        f" AND run_at >= {_SINCE.format(2)} AND parked_at IS NULL ORDER BY run_at LIMIT $3 {locking}",
        now,
        since,
        table.batch,
    )
    return [Taken(*row) for row in rows]


async def take_turn(session: AsyncSession, table: "DueTable", row: Taken) -> bool:
    """Hold the row's turn until the transaction ends. False: another holds it, or has worked on it since.

    The row itself stays unlocked, because its handler may have to lock others before it.
    """
    connection = await driver_connection(session)
    found = await connection.fetchval(
        f"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) FROM {table.name}"
        f" WHERE {table.id_column} = $2 AND run_at = $3 AND parked_at IS NULL",
        f"due {table.name} {row.id}",
        row.id,
        row.run_at,
    )
    return bool(found)


async def settle(session: AsyncSession, table: "DueTable", rows: Sequence[Taken]) -> None:
    """After the handler: forget failures. Raises RunAtNotMoved for a row that would come back at once."""
    connection = await driver_connection(session)
    left = await connection.fetchval(
        f"SELECT due.{table.id_column} FROM {table.name} AS due"
        " JOIN unnest($1::uuid[], $2::timestamptz[]) AS taken (id, run_at)"
        f" ON taken.id = due.{table.id_column} AND due.run_at <= taken.run_at LIMIT 1",
        [row.id for row in rows],
        [row.run_at for row in rows],
    )
    if left is not None:
        raise RunAtNotMoved(f"{table.name} {left}")
    tried = [row.id for row in rows if row.attempts]
    if tried:
        await connection.execute(
            f"UPDATE {table.name} SET attempts = 0, last_error = NULL WHERE {table.id_column} = ANY($1::uuid[])", tried
        )


async def fail(session: AsyncSession, table: "DueTable", row: Taken, error: Exception, now: datetime) -> bool:
    """Try again later, or park after the last try, unless somebody has moved the row on since. True when parked."""
    attempts = row.attempts + 1
    parked = attempts >= table.max_attempts
    connection = await driver_connection(session)
    await connection.execute(
        f"UPDATE {table.name} SET attempts = $3, last_error = $4, parked_at = $5, run_at = $6"
        f" WHERE {table.id_column} = $1 AND run_at = $2 AND parked_at IS NULL",
        row.id,
        row.run_at,
        attempts,
        error_text(error),
        now if parked else None,
        row.run_at if parked else now + timedelta(seconds=back_off_seconds(attempts)),
    )
    return parked


async def next_at(session: AsyncSession, table: "DueTable", since: datetime | None) -> datetime | None:
    """One step down the partial index: what is parked is not in it."""
    connection = await driver_connection(session)
    found: datetime | None = await connection.fetchval(
        f"SELECT min(run_at) FROM {table.name} WHERE run_at >= {_SINCE.format(1)} AND parked_at IS NULL", since
    )
    return found
