"""Due times of waiting work counted anew, after an edit of its queue's target or of the opening hours it is counted in.

Otherwise whoever came after the edit could be due before those who stand there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database
from app.routing.due_times import DueTime, OpeningHours, count
from app.routing.models import Queue, WorkItem
from app.routing.repository import batches
from app.routing.repository import due_times as due_rows
from app.routing.repository import live as live_rows
from app.routing.repository.due_times import Stood
from app.routing.service.desk import changed, set_timer
from app.routing.service.hours import Hours, due_counted, hours_of

SEEN_AT_ONCE = 1_000
"""The worker counts no longer than some milliseconds in one go: it routes as well."""
WORKS_AT_ONCE = 200
"""Locked by one transaction; offers of these wait for it."""
CLEAN_LOOKS = 2
"""After so many without a difference a line is settled: work may have been made by the old terms while they changed."""
FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the due times of a line follow from."""

    target_seconds: int
    calendar_id: UUID | None
    calendar_version: int


class Recounting:
    """Looks at each line whose terms it has not seen yet: all of them after a start, for a worker may have died between
    an edit and its recount.
    """

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._clean: dict[UUID, tuple[_Terms, int]] = {}

    async def __call__(self, database: Database, clock: Clock) -> None:
        async with database.autocommit() as session:
            queues = await due_rows.list_waited_in(session)
            opening = await hours_of(session, queues, self._hours)
        for queue in queues:
            hours = opening.get(queue.id)
            terms = _Terms(queue.target_seconds, queue.calendar_id, hours.version if hours else 0)
            known, clean = self._clean.get(queue.id, (terms, 0))
            if known != terms:
                clean = 0
            if clean < CLEAN_LOOKS:
                differed = await _recount(database, clock, queue, hours)
                self._clean[queue.id] = terms, 0 if differed else clean + 1


async def _recount(database: Database, clock: Clock, queue: Queue, hours: OpeningHours | None) -> bool:
    """Whether any differed. What is being offered just now is left for the next look."""
    after, differed = FIRST, False
    while True:
        async with database.autocommit() as session:
            page = await due_rows.list_line(session, queue.id, after, SEEN_AT_ONCE)
            stale = await _list_stale(session, page, queue, hours)
        differed = differed or bool(stale)
        waiting = [one.conversation_id for one in stale if one.state == "queued"]
        for start in range(0, len(waiting), WORKS_AT_ONCE):
            act = system_act(clock, "hours", request_id=f"hours:{queue.id}")
            async with database.transaction() as session:
                await _put(session, act, waiting[start : start + WORKS_AT_ONCE], queue, hours)
        if len(page) < SEEN_AT_ONCE:
            return differed
        after = page[-1].ready_at, page[-1].id


async def _list_stale(
    session: AsyncSession, page: Sequence[Stood], queue: Queue, hours: OpeningHours | None
) -> list[Stood]:
    counted = {one.id: count(one.ready_at, queue.target_seconds, hours).at for one in page}
    differing = [one for one in page if one.due_at != counted[one.id]]
    if not differing:
        return []
    advanced = await due_rows.list_advanced(session, [one.conversation_id for one in differing])
    return [one for one in differing if one.due_at != min(counted[one.id], advanced.get(one.id, counted[one.id]))]


async def _put(
    session: AsyncSession, act: Act, conversation_ids: Sequence[UUID], queue: Queue, hours: OpeningHours | None
) -> None:
    """Of those that still wait there. What SLA asked for stays where it is sooner."""
    locked = await live_rows.lock_waiting(session, conversation_ids)
    advanced = await due_rows.list_advanced(session, conversation_ids)
    moved: list[tuple[WorkItem, DueTime, datetime]] = []
    for work in locked:
        due = count(work.ready_at, queue.target_seconds, hours)
        after = min(due.at, advanced.get(work.id, due.at))
        if work.queue_id == queue.id and not work.overflow_path and work.due_at != after:
            moved.append((work, due, work.due_at))
            work.due_at = after
            set_timer(work, queue, act.now)
    decisions = [due_counted(act, work, queue, hours, due, before=before) for work, due, before in moved]
    await live_rows.put_deadlines(session, [work for work, _, _ in moved])
    await batches.insert_decisions(session, decisions)
    told = [(act, changed(work, "queued", "due_counted", agent_id=None)) for work, _, _ in moved]
    await event_log.append_each(session, told)
