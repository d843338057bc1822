"""The dispatcher: gives each committed event its position in the one total order of the log."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import time_ns
from typing import Any

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from app.core import tracing
from app.core.clock import Clock
from app.core.driver import Backoff, connect_to_log, raise_if_cancelled
from app.core.event_log import LONGEST_TRANSACTION, StoredEvent, created_since
from app.core.partitions import month_named
from app.core.recent_events import RecentEvents
from app.core.retention import CLOCKS_APART, POSITIONS
from app.core.traced_events import list_carried

ADVISORY_LOCK = (0x5377, 0x6C67)
"""Any constant: the two words name the election within the database."""
STANDBY_POLL_SECONDS = 0.1
# A blocking wait for the lock would take over sooner, but holds a snapshot all the while and so stops vacuum.
LOOK_AT_LEADER_SECONDS = 1.0
FROZEN_AFTER_SECONDS = 3.0
"""A leader asks at least each NET_SECONDS. One that has asked nothing for so long is frozen, and its lock with it."""
NET_SECONDS = 0.25
"""How long a committed event waits for its position at most when no wake-up came through."""
TELL_AGAIN_SECONDS = 1.0
"""Of a head that does not move: a bus forgets, and who came back to it after the last word would hear nothing."""
HOUSEKEEPING_SECONDS = 3600.0
DISPATCH_ROWS_KEPT = timedelta(days=1)
RECOVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)
batch_events = Histogram(
    "switchboard_dispatcher_batch_events", "Events positioned in one batch", buckets=(1, 2, 5, 10, 50, 200, 1000, 10000)
)
leading_gauge = Gauge("switchboard_dispatcher_leading", "1 while this process gives the positions")
head_gauge = Gauge("switchboard_log_head", "The last position this process has given")
missed_gauge = Gauge("switchboard_log_missed_events", "Events the hourly audit found without a position: must be 0")
failures = Counter("switchboard_dispatcher_failures_total", "Times the dispatcher had to begin again")

_TOLD = "id, created_at, event_uuid, key, type, version, occurred_at, actor, request_id"

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
_POSITION_SINCE = f"""
WITH fresh AS (
    SELECT {_TOLD}, payload FROM event e
    WHERE e.xid >= pg_snapshot_xmax($1::text::pg_snapshot) AND {{bound}}
    UNION ALL
    SELECT {_TOLD}, payload FROM event e
    WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) AND {{bound}}
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
_TELL = "SELECT * FROM stored"
OF_BATCH = 6
"""Columns of `stored`."""
MOST_TOLD = 500
# What it positioned comes along, for the readers in this process; of so much that they will page it, nothing.
_TELL_EVENTS = f"""
SELECT stored.*, position, {_TOLD}, payload::text
FROM stored LEFT JOIN numbered ON last_position - $2::bigint <= {MOST_TOLD} ORDER BY position
"""

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


# The lock is a session's, and the session of a frozen process lives on. Who takes its place needs no care for it: the
# fence of the batches stops it when it wakes.
_IDLE_LEADER = """
SELECT pid, state_change FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted AND state = 'idle'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_END_IDLE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND state_change = $2"

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


async def position_new(connection: "asyncpg.Connection[Any]", clock: Clock, last: Batch) -> Batch | None:
    """Position what was committed since `last`; None when there is nothing.

    UniqueViolationError: another dispatcher has gone on from `last`; resume anew. After a lost connection the outcome
    is unknown; resume anew.
    """
    bound = created_since(last.taken_at.date() - LONGEST_TRANSACTION)
    rows = await connection.fetch(
        _POSITION_SINCE.format(bound=bound) + _STORE.format(having="HAVING count(*) > 0") + _TELL_EVENTS,
        last.snapshot,
        last.last_position,
        max(clock.now(), last.positioned_at),
        last.number + 1,
        last.system_identifier,
    )
    if not rows:
        return None
    batch = Batch(*rows[0][:OF_BATCH])
    if rows[0]["position"] is None:
        return batch
    events = [StoredEvent(row["position"], batch.positioned_at, *row[OF_BATCH + 1 :]) for row in rows]
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


class Dispatcher:
    """Runs in every process; the one that holds the advisory lock works, the others stand by.

    The lock lives on the connection that does the work, so whoever has lost the one has lost the other.
    """

    def __init__(
        self,
        database_url: str,
        clock: Clock,
        on_positions: Callable[[int], None],
        positioned: RecentEvents | None = None,
    ) -> None:
        """`positioned`: where the events go while it leads, for the readers of this process."""
        self.leading = False
        self._positioned = positioned if positioned is not None else RecentEvents()
        self._database_url = database_url
        self._clock = clock
        self._on_positions = on_positions
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Events were committed: position them at once. Safe to call as often as there are commits."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. A lost database or a lost race means beginning again, with pauses that grow."""
        backoff = Backoff()
        while True:
            try:
                await self._run_on_one_connection(backoff)
            except Exception as error:
                raise_if_cancelled()
                failures.inc()
                log.warning("dispatcher_begins_again", error=repr(error))
            await backoff.pause()

    async def _run_on_one_connection(self, backoff: Backoff) -> None:
        connection = await connect_to_log(self._database_url, application_name="switchboard-dispatcher")
        # At once, not at the next statement: another server may have given the same positions to other events.
        connection.add_termination_listener(lambda _: self._positioned.clear())
        try:
            await self._stand_by(connection)
            last = await resume(connection, self._clock)
            backoff.reset()
            self._lead(True)
            self._announce(last.last_position)
            await self._dispatch(connection, last)
        finally:
            self._lead(False)
            connection.terminate()

    async def _stand_by(self, connection: "asyncpg.Connection[Any]") -> None:
        """Until the lock is ours."""
        time = asyncio.get_running_loop().time
        idle: asyncpg.Record | None = None
        idle_since = look_at = time()
        # The lock is the server's: there is no event in this process to await.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *ADVISORY_LOCK):
            await asyncio.sleep(STANDBY_POLL_SECONDS)
            if time() < look_at:
                continue
            look_at = time() + LOOK_AT_LEADER_SECONDS
            found = await connection.fetchrow(_IDLE_LEADER, *ADVISORY_LOCK)
            if found is None or found != idle:
                idle, idle_since = found, time()
            elif time() - idle_since >= FROZEN_AFTER_SECONDS:
                log.warning("dispatcher_ends_frozen_leader", pid=found["pid"])
                await connection.execute(_END_IDLE, *found)

    async def _dispatch(self, connection: "asyncpg.Connection[Any]", last: Batch) -> None:
        time = asyncio.get_running_loop().time
        housekeeping_at, tell_at = time() + HOUSEKEEPING_SECONDS, time() + TELL_AGAIN_SECONDS
        while True:
            self._woken.clear()
            began_ns = time_ns()
            batch = await position_new(connection, self._clock, last)
            if batch is not None:
                batch_events.observe(batch.last_position - last.last_position)
                self._positioned.add(batch.events)
                self._announce(batch.last_position)
                tell_at = time() + TELL_AGAIN_SECONDS
                if tracing.is_on():
                    await self._tell_traces(connection, last, batch, began_ns)
                last = batch
            elif time() >= tell_at:
                self._announce(last.last_position)
                tell_at = time() + TELL_AGAIN_SECONDS
            if time() >= housekeeping_at:
                housekeeping_at = time() + HOUSEKEEPING_SECONDS
                await self._keep_house(connection, last)
            await self._wait_for_wake()

    async def _tell_traces(
        self, connection: "asyncpg.Connection[Any]", last: Batch, batch: Batch, began_ns: int
    ) -> None:
        ended_ns = time_ns()
        carried = await list_carried(
            connection,
            after=last.last_position,
            up_to=batch.last_position,
            positioned_at=batch.positioned_at,
            created_from=last.taken_at.date() - LONGEST_TRANSACTION,
        )
        tracing.tell("log.position", carried, began_ns=began_ns, ended_ns=ended_ns)

    async def _wait_for_wake(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(NET_SECONDS):
                await self._woken.wait()

    async def _keep_house(self, connection: "asyncpg.Connection[Any]", last: Batch) -> None:
        """Drop old dispatch rows, never the last, and look for what should be impossible."""
        await connection.execute(
            "DELETE FROM event_dispatch WHERE positioned_at < $1 AND batch < $2",
            last.positioned_at - DISPATCH_ROWS_KEPT,
            last.number,
        )
        missed = await count_missed(connection, last.taken_at - LONGEST_TRANSACTION)
        missed_gauge.set(missed)
        if missed:
            log.error("log_missed_events", events=missed)

    def _announce(self, position: int) -> None:
        head_gauge.set(position)
        self._on_positions(position)

    def _lead(self, leading: bool) -> None:
        if leading != self.leading:
            log.info("dispatcher_leads" if leading else "dispatcher_steps_down")
        self.leading = leading
        leading_gauge.set(leading)
