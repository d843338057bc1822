"""Due rows: the one mechanism for everything that happens later (offer deadlines, heartbeats, deliveries, wake-ups).

A row of its own domain's table carries `run_at`. Where the whole effect lies in the database, a row is taken, worked on
and moved on in one transaction (due_locks.py). Where it lies outside, it is claimed under a lease, performed, recorded
(due_leases.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Gauge
from sqlalchemy import DateTime, Integer, Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core import due_leases, due_locks
from app.core.act import Act
from app.core.clock import Clock
from app.core.database import DUE, Database
from app.core.driver import raise_if_cancelled
from app.core.due_outcomes import DONE
from app.core.metrics import at_nought
from app.core.tasks import gathered

log = structlog.get_logger(__name__)
LATE = Gauge(
    "switchboard_due_rows_late_seconds", "How late the oldest row of a table is that nobody works on", ["table"]
)

POLL_SECONDS = 1.0
"""The net under what another process stored; a row that becomes due sooner than that is slept for exactly."""
GATHER_SECONDS = 0.01
"""Between two looks at a table, so that what becomes due one by one is worked on together."""


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

    `record(session, act, row_id, outcome)` takes its own locks, checks that the row still needs it (somebody may have
    been faster), and moves `run_at` on, or sets it to null. `record_batch(session, act, row_ids)` does so for rows that
    are locked already; give one of both.
    `perform(database, act, row_id)` is for effects outside the database (sending a message); it runs before `record`,
    outside its transaction, may happen twice after a crash, and its result is handed to `record`.
    `rolling`, with `perform`: rows are claimed one by one as places (`concurrency`) become free, so that one that takes
    long keeps nobody waiting; otherwise a batch comes to its end before the next.
    `order` = (key column, sequence column), with `perform`: a row waits until every earlier row of its key is done or
    parked.
    """

    name: str
    record: Callable[[AsyncSession, Act, UUID, Any], Awaitable[None]] | None = None
    record_batch: Callable[[AsyncSession, Act, Sequence[UUID]], Awaitable[None]] | None = None
    perform: Callable[[Database, Act, UUID], Awaitable[Any]] | None = None
    id_column: str = "id"
    order: tuple[str, str] | None = None
    lease_seconds: int = 30
    max_attempts: int = 10
    batch: int = 50
    concurrency: int = 4
    """Of the rows of one batch, where they are worked on one by one."""
    rolling: bool = False
    batches_at_once: int = 1
    """While one waits for the database, another decides."""

    def __post_init__(self) -> None:
        if (self.record is None) == (self.record_batch is None):
            raise ValueError(f"{self.name}: give either record or record_batch")
        if self.perform is None and self.order is not None:
            raise ValueError(f"{self.name}: rows without an effect outside are worked on in any order")

    @property
    def is_leased(self) -> bool:
        return self.perform is not None

    async def record_one(self, session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
        assert self.record is not None
        await self.record(session, act, row_id, outcome)


def announce(session: AsyncSession, table: str, run_at: datetime) -> None:
    """Say in the transaction that stores a row when it becomes due: this process's runner wakes in time for it."""
    stored: dict[str, datetime] = session.info.setdefault(DUE, {})
    stored[table] = min(stored.get(table, run_at), run_at)


class _Watch:
    """When a table's loop looks next, and from which instant on; both change with what is stored meanwhile."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nearest: datetime | None = None
        """Announced since the last look."""
        self._nearer = asyncio.Event()
        self._since: datetime | None = None
        self._whole_at = clock.now()

    def bring_forward(self, at: datetime) -> None:
        self._nearest = at if self._nearest is None else min(self._nearest, at)
        self._nearer.set()

    def begin(self) -> datetime | None:
        """What a look must search from: nothing is due before it. None, at least once a second: from the beginning,
        for what other processes stored."""
        now = self._clock.now()
        if self._since is None or (now - self._whole_at).total_seconds() >= POLL_SECONDS:
            self._since, self._whole_at = None, now
        elif self._nearest is not None:
            self._since = min(self._since, self._nearest)
        self._nearest = None
        return self._since

    def forget(self) -> None:
        self._since = None

    async def sleep(self, next_at: datetime | None, now: datetime) -> None:
        """Until the nearest row, at most a second. `next_at`: of what was stored `now`."""
        self._since = next_at or now
        until = now + timedelta(seconds=POLL_SECONDS) if next_at is None else next_at
        until = min(until, now + timedelta(seconds=POLL_SECONDS))
        while True:
            self._nearer.clear()
            seconds = (min(until, self._nearest or until) - self._clock.now()).total_seconds()
            try:
                async with asyncio.timeout(max(seconds, 0)):
                    await self._nearer.wait()
            except TimeoutError:
                return


class DueRowRunner:
    """Works on the due rows of several tables, each in a loop of its own."""

    def __init__(self, database: Database, clock: Clock, tables: Sequence[DueTable]) -> None:
        self._database = database
        self._clock = clock
        self._tables = tables
        self._watches = {table.name: _Watch(clock) for table in tables}
        at_nought(DONE, self._watches, ("done", "retried", "parked"))

    async def run(self) -> None:
        self._database.on_due = self.wake
        async with asyncio.TaskGroup() as group:
            for table in self._tables:
                group.create_task(self._run_table(table), name=f"due:{table.name}")

    def wake(self, stored: Mapping[str, datetime]) -> None:
        """Rows were stored in this process; by table the nearest of them."""
        for table, at in stored.items():
            if table in self._watches:
                self._watches[table].bring_forward(at)

    async def run_once(self, table: DueTable, since: datetime | None = None) -> int:
        """Take one batch and work it off. Returns how many rows were taken."""
        if table.is_leased:
            return await due_leases.work_off(self._database, self._clock, table)
        return await due_locks.work_off(self._database, self._clock, table, since)

    async def drain(self, table: DueTable, since: datetime | None = None) -> int:
        """Work off batch after batch until less than one is due. Returns how many rows were taken."""
        return sum(await gathered([self._drain(table, since) for _ in range(table.batches_at_once)]))

    async def _drain(self, table: DueTable, since: datetime | None) -> int:
        taken = 0
        while (more := await self.run_once(table, since)) == table.batch:
            taken += more
        return taken + more

    async def _run_table(self, table: DueTable) -> None:
        if not table.rolling:
            return await self._keep_looking(table, lambda since: self._work_off(table, since))
        places = due_leases.Places(self._database, self._clock, table)
        try:
            await self._keep_looking(table, lambda _: places.fill())
        finally:
            await places.close()

    async def _work_off(self, table: DueTable, since: datetime | None) -> bool:
        if await self.run_once(table, since) < table.batch:
            return False
        await self.drain(table, since)
        return True

    async def _keep_looking(self, table: DueTable, begin: Callable[[datetime | None], Awaitable[bool]]) -> None:
        """`begin` is given the instant to search from, and says whether there may be more to do at once."""
        watch = self._watches[table.name]
        while True:
            try:
                since = watch.begin()
                if await begin(since):
                    continue
                now = self._clock.now()
                next_at = await self._next_at(table, since, now)
                late = 0.0 if next_at is None else (now - next_at).total_seconds()
                LATE.labels(table.name).set(max(late, 0.0))
                await asyncio.sleep(GATHER_SECONDS)
                await watch.sleep(next_at, now)
            except Exception as error:  # the database is away: the rows wait, so do we
                raise_if_cancelled()
                watch.forget()
                log.warning("due_rows_paused", table=table.name, error=repr(error))
                await asyncio.sleep(POLL_SECONDS)

    async def _next_at(self, table: DueTable, since: datetime | None, now: datetime) -> datetime | None:
        async with self._database.transaction() as session:
            if table.is_leased:
                return await due_leases.next_at(session, table, now)
            return await due_locks.next_at(session, table, since)
