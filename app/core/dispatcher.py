"""The dispatcher: gives each committed event its position in the one total order of the log."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import time_ns
from typing import Any

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from app.core import tracing
from app.core.clock import Clock
from app.core.driver import Backoff, connect_to_log, raise_if_cancelled
from app.core.event_log import LONGEST_TRANSACTION
from app.core.positions import Batch, count_missed, position_new, resume
from app.core.recent_events import RecentEvents
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

log = structlog.get_logger(__name__)
batch_events = Histogram(
    "switchboard_dispatcher_batch_events", "Events positioned in one batch", buckets=(1, 2, 5, 10, 50, 200, 1000, 10000)
)
leading_gauge = Gauge("switchboard_dispatcher_leading", "1 while this process gives the positions")
head_gauge = Gauge("switchboard_log_head", "The last position this process has given")
missed_gauge = Gauge("switchboard_log_missed_events", "Events the hourly audit found without a position: must be 0")
failures = Counter("switchboard_dispatcher_failures_total", "Times the dispatcher had to begin again")

# The lock is a session's, and the session of a frozen process lives on. Who takes its place needs no care for it: the
# fence of the batches stops it when it wakes.
_IDLE_LEADER = """
SELECT pid, state_change FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted AND state = 'idle'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_END_IDLE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND state_change = $2"


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
        has_caught_up = False
        while True:
            self._woken.clear()
            began_ns = time_ns()
            batch = await position_new(connection, self._clock, last, telling=has_caught_up)
            has_caught_up = True
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
