"""Positions in the log: one statement gives them to all that was committed since the last batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from app.core.clock import Clock
from app.core.event_log import LONGEST_TRANSACTION, StoredEvent, created_since
from app.core.partitions import month_named
from app.core.retention import CLOCKS_APART, POSITIONS

RECOVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)

# WHY this takes each committed event exactly once. Let S0 be the snapshot of the last batch: it divides all
# transactions into those finished before it and the rest. The rest are exactly the ids from xmax(S0) upwards and the
# ids S0 lists as in progress (`pg_snapshot_xip`; the event's xid is the top-level one, as are those). Whatever was
# finished before S0 was visible to the last batch, or to one before it, and has its position, or was rolled back.
# This statement sees of the rest what is committed in its own snapshot S1, positions it, and stores S1 as the next
# S0: what it did not see was unfinished in S1, so it is in the rest of S1. Therefore:
# - `pg_current_snapshot()` must be S1 itself: one statement, READ COMMITTED, nothing split off into a second one.
# - No LIMIT: what is cut off was finished before S1 and would never be looked at again. Readers slice, not we.
# - Batches must follow one another. The primary key on `batch` is compare-and-set on the predecessor: of two
#   dispatchers that start from the same S0, one fails as a whole.
# - A batch that finds nothing writes nothing and keeps S0, so an idle installation writes nothing.
# - The lower bound on created_at only keeps old partitions out of the plan. It is older than the time of S0 by more
#   than any transaction lives, so it excludes nothing of the rest, however long nobody dispatched.
_POSITION_SINCE = """
WITH fresh AS (
    SELECT {columns} FROM event e
    WHERE e.xid >= pg_snapshot_xmax($1::text::pg_snapshot) AND {bound}
    UNION ALL
    SELECT {columns} FROM event e
    WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AND {bound}
), """

# Without a usable S0 (the first start, or a cluster whose transaction ids begin anew) the anti-join tells what is new.
_POSITION_ALL = """
WITH fresh AS (
    SELECT e.id, e.created_at FROM event e
    WHERE $1::text IS NULL AND {bound} AND NOT EXISTS (
        SELECT FROM event_position p WHERE p.event_id = e.id AND p.event_created_at = e.created_at
    )
), """

# Ordered by id: inside one conversation its row lock makes that the order of the changes. The notification is part of
# the statement, so that readers hear of the batch when, and only when, it is committed.
_STORE = """numbered AS (
    SELECT *, $2::bigint + row_number() OVER (ORDER BY id) AS position FROM fresh
), positioned AS (
    INSERT INTO event_position (position, positioned_at, event_id, event_created_at)
    SELECT position, $3, id, created_at FROM numbered
), dispatched AS (
    INSERT INTO event_dispatch (batch, last_position, positioned_at, snapshot, system_identifier)
    SELECT $4, $2::bigint + count(*), $3, pg_current_snapshot(), $5 FROM numbered {having}
    RETURNING batch, last_position, positioned_at, snapshot, system_identifier
), stored AS (
    SELECT batch, last_position, positioned_at, snapshot::text, system_identifier, now() AS taken_at
    FROM dispatched, pg_notify('switchboard_log', json_build_object('position', last_position)::text)
)
"""
_COLUMNS = "id, created_at"
_TELL = "SELECT * FROM stored"
OF_BATCH = 6
"""Columns of `stored`."""
MOST_TOLD = 500
# What it positioned comes along, for the readers in this process; of so much that they will page it, nothing.
_COLUMNS_TOLD = f"{_COLUMNS}, event_uuid, key, type, version, occurred_at, actor, request_id, payload::text"
_TELL_EVENTS = f"SELECT * FROM stored LEFT JOIN numbered ON last_position - $2::bigint <= {MOST_TOLD} ORDER BY position"

_LAST = """
SELECT batch, last_position, positioned_at, snapshot::text, system_identifier, least(positioned_at, now())
FROM event_dispatch ORDER BY batch DESC LIMIT 1
"""

_MISSED = """
SELECT count(*) FROM event e
WHERE e.created_at >= $1 AND e.xid < (
    SELECT pg_snapshot_xmin(snapshot) FROM event_dispatch ORDER BY batch DESC LIMIT 1
) AND NOT EXISTS (SELECT FROM event_position p WHERE p.event_id = e.id AND p.positioned_at >= $1)
"""

# Rows of a restored cluster bear transaction ids of the old one, which the new one has yet to reach: they would be
# taken for new ones. 3 is the first ordinary id, below any snapshot.
_FORGET_FOREIGN_XIDS = "UPDATE event SET xid = '3' WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())"


@dataclass(frozen=True, slots=True)
class Batch:
    """The last batch stored. `taken_at` is the database's time at its snapshot, or earlier; `events` what it
    positioned, if it has just been stored and they are few enough."""

    number: int
    last_position: int
    positioned_at: datetime
    snapshot: str
    system_identifier: int
    taken_at: datetime
    events: Sequence[StoredEvent] = ()


async def resume(connection: "asyncpg.Connection[Any]", clock: Clock) -> Batch:
    """The batch to go on from. After a restore or at the first start it makes one of all events without a position."""
    here = await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
    row = await connection.fetchrow(_LAST)
    last = row and Batch(*row)
    if last is None or last.system_identifier != here:
        return await _recover(connection, clock, last, here)
    return last


async def position_new(
    connection: "asyncpg.Connection[Any]", clock: Clock, last: Batch, *, telling: bool = False
) -> Batch | None:
    """Position what was committed since `last`; None when there is nothing.

    `telling`: the batch has its events, unless they are too many. Not for the first one after `resume`: of a backlog of
    millions they would all be sorted with their payloads. UniqueViolationError: another dispatcher has gone on from
    `last`; resume anew. After a lost connection the outcome is unknown; resume anew.
    """
    statement = _POSITION_SINCE + _STORE + (_TELL_EVENTS if telling else _TELL)
    rows = await connection.fetch(
        statement.format(
            columns=_COLUMNS_TOLD if telling else _COLUMNS,
            bound=created_since(last.taken_at.date() - LONGEST_TRANSACTION),
            having="HAVING count(*) > 0",
        ),
        last.snapshot,
        last.last_position,
        max(clock.now(), last.positioned_at),
        last.number + 1,
        last.system_identifier,
    )
    if not rows:
        return None
    batch = Batch(*rows[0][:OF_BATCH])
    if not telling or rows[0]["position"] is None:
        return batch
    events = [StoredEvent(row["position"], batch.positioned_at, *row[OF_BATCH:-1]) for row in rows]
    return replace(batch, events=events)


async def count_missed(connection: "asyncpg.Connection[Any]", since: datetime) -> int:
    """Events created at `since` or later that every dispatcher has passed by: more than 0 is a bug."""
    missed: int = await connection.fetchval(_MISSED, since)
    return missed


async def _recover(connection: "asyncpg.Connection[Any]", clock: Clock, last: Batch | None, here: int) -> Batch:
    """One batch of every event without a position, and a new incarnation when the log had been dispatched before."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = {int(RECOVERY_SECONDS * 1000)}")
        await connection.execute("SET LOCAL enable_hashjoin = on")
        # Nobody is between writing an event and committing it, so the statements below see every row there is.
        await connection.execute("LOCK TABLE event IN SHARE MODE")
        given = await connection.fetchrow("SELECT coalesce(max(position), 0), max(positioned_at) FROM event_position")
        row = await connection.fetchrow(
            _POSITION_ALL.format(bound=await _not_dropped(connection, last)) + _STORE.format(having="") + _TELL,
            None,
            max(given[0], last.last_position if last else 0),
            max(filter(None, (clock.now(), given[1], last and last.positioned_at))),
            last.number + 1 if last else 1,
            here,
            timeout=RECOVERY_SECONDS,
        )
        await connection.execute(_FORGET_FOREIGN_XIDS, timeout=RECOVERY_SECONDS)
        if last is not None:
            await connection.execute("UPDATE installation SET incarnation = incarnation + 1")
    log.info("log_recovered", last_position=row["last_position"], new_incarnation=last is not None)
    return Batch(*row)


async def _not_dropped(connection: "asyncpg.Connection[Any]", last: Batch | None) -> str:
    """A bound on events: what was made before it had its position, which has been dropped with its month since.

    Events outlive their positions by a month; without the bound they would be taken for new ones.
    """
    first = await connection.fetchval("SELECT min(position) FROM event_position")
    if last is None or first == 1:
        return "true"
    names = await connection.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event_position'::regclass"
    )
    oldest = min(month for (name,) in names if (month := month_named(POSITIONS, name)) is not None)
    return f"e.created_at >= '{oldest.start + CLOCKS_APART:%Y-%m-%dT%H:%M:%SZ}'"
