"""Drops the months of the event log whose time is over: one a transaction, and live traffic hardly ever waits."""

import asyncio
import json
from datetime import datetime

import asyncpg
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import owners
from app.core.clock import Clock
from app.core.database import Database, driver_connection
from app.core.owners import Deposed
from app.core.partitions import month_named
from app.core.retention import EVENTS, POSITIONS, Partition, Pins, Verdict, judge

ROLE = "retention"
LOCK_TIMEOUT_MS = 50
"""Whoever comes after us queues behind us while we wait for a lock: nobody waits longer than this for nothing."""
TRIES = 20
PAUSE_SECONDS = 0.5

log = structlog.get_logger(__name__)
dropped_total = Counter("switchboard_partitions_dropped_total", "Months dropped because their time is over", ["table"])
overdue_gauge = Gauge("switchboard_partitions_overdue", "Months kept though their time is over", ["table"])

_PINS = """
SELECT (SELECT jsonb_object_agg(consumer, position) FROM consumer_cursor)::text,
       (SELECT jsonb_object_agg(consumer, position) FROM
           (SELECT consumer, min(position) AS position FROM parked_event GROUP BY consumer) AS first)::text,
       (SELECT min(created_at) FROM event WHERE xid >= coalesce(
           (SELECT pg_snapshot_xmin(snapshot) FROM event_dispatch ORDER BY batch DESC LIMIT 1), '0'))
"""


async def survey(session: AsyncSession, *, keep_months: int, now: datetime) -> list[Verdict]:
    """What is to become of each month of the log."""
    connection = await driver_connection(session)
    await connection.execute("SET LOCAL enable_seqscan = off")
    return judge(await _list_partitions(connection), await _read_pins(connection), keep_months=keep_months, now=now)


async def drop_what_is_over(database: Database, clock: Clock, *, holder: str, keep_months: int) -> list[Verdict] | None:
    """Drop what may go; the verdicts on what was there, as they came out. None: another process is at it.

    A month whose lock was not got in `TRIES` tries stays until the next time, with that reason.
    """
    async with database.transaction() as session:
        epoch = await owners.acquire(session, ROLE, holder, clock.now())
    if epoch is None:
        return None
    try:
        return await _drop_all(database, clock, epoch, keep_months)
    except Deposed:
        return None
    finally:
        async with database.transaction() as session:
            await owners.release(session, ROLE, epoch, clock.now())


async def _drop_all(database: Database, clock: Clock, epoch: int, keep_months: int) -> list[Verdict]:
    async with database.transaction() as session:
        verdicts = await survey(session, keep_months=keep_months, now=clock.now())
    made = [
        await _drop_patiently(database, clock, epoch, keep_months, verdict) if verdict.stays is None else verdict
        for verdict in verdicts
    ]
    for table in (POSITIONS, EVENTS):
        overdue = [each for each in made if each.partition.table == table and each.is_due and each.stays]
        overdue_gauge.labels(table).set(len(overdue))
        for each in overdue:
            log.warning("partition_overdue", partition=each.partition.name, reason=each.stays)
    return made


async def _drop_patiently(database: Database, clock: Clock, epoch: int, keep_months: int, verdict: Verdict) -> Verdict:
    for _ in range(TRIES):
        try:
            return await _drop(database, clock, epoch, keep_months, verdict.partition)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(PAUSE_SECONDS)
    return Verdict(verdict.partition, verdict.is_due, "its lock was not to be had: somebody reads or writes at length")


async def _drop(database: Database, clock: Clock, epoch: int, keep_months: int, partition: Partition) -> Verdict:
    """Look again and drop, in one transaction. Raises LockNotAvailableError, Deposed."""
    async with database.transaction() as session:
        await owners.fence(session, ROLE, epoch)
        connection = await driver_connection(session)
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        if partition.table == POSITIONS:
            # No cursor moves back, and none is made before this month, between our look and its end.
            await connection.execute("LOCK TABLE consumer_cursor, parked_event IN SHARE MODE")
        now = await survey(session, keep_months=keep_months, now=clock.now())
        verdict = next((each for each in now if each.partition.name == partition.name), None)
        if verdict is None:
            return Verdict(partition, True, None)
        if verdict.stays is None:
            await connection.execute(f"DROP TABLE {partition.name}")
    if verdict.stays is None:
        dropped_total.labels(partition.table).inc()
        log.info("partition_dropped", partition=partition.name, size_bytes=partition.size_bytes)
    return verdict


async def _list_partitions(connection: "asyncpg.Connection[asyncpg.Record]") -> list[Partition]:
    rows = await connection.fetch(
        "SELECT p.relname AS parent, c.relname, pg_total_relation_size(c.oid) AS size FROM pg_inherits"
        " JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent"
        " WHERE inhparent IN ($1::text::regclass, $2::text::regclass)",
        EVENTS,
        POSITIONS,
    )
    found = []
    for parent, name, size in rows:
        month = month_named(parent, name)
        if month is not None:
            last = await connection.fetchval(f"SELECT max(position) FROM {name}") if parent == POSITIONS else None
            found.append(Partition(parent, month, last, size))
    return found


async def _read_pins(connection: "asyncpg.Connection[asyncpg.Record]") -> Pins:
    cursors, parked, undispatched_since = await connection.fetchrow(_PINS)
    return Pins(json.loads(cursors or "{}"), json.loads(parked or "{}"), undispatched_since)
