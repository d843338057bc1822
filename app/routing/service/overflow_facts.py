"""What overflow is decided by: each queue's line and hours, and where a work stands in it; only what steps ask for."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.events.routing import OverflowTrigger
from app.routing.models import Queue, WorkItem
from app.routing.overflow import Line, Step, Waiting, first_place, is_exhausted, parse_steps
from app.routing.repository import overflow as overflow_rows
from app.routing.service.desk import past_of
from app.routing.service.hours import Hours, hours_of
from app.routing.service.loading import load_agents, load_waiting, queue_facts
from app.routing.service.waits import list_paces
from app.routing.waits import estimate


async def load_lines(session: AsyncSession, now: datetime, queues: Collection[Queue], hours: Hours) -> dict[UUID, Line]:
    by_staff = _asking(queues, "nobody_staffed")
    staffed = await overflow_rows.list_staffed(session, by_staff) if by_staff else set()
    by_hours = _asking(queues, "outside_hours")
    opening = await hours_of(session, [queue for queue in queues if queue.id in by_hours], hours)
    paces = await list_paces(session, now) if _asking(queues, "estimated_wait_over_seconds") else {}
    return {
        queue.id: Line(
            is_staffed=queue.id not in by_staff or queue.id in staffed,
            is_open=queue.id not in opening or opening[queue.id].is_open(now),
            pace=paces.get(queue.id),
        )
        for queue in queues
    }


async def load_facts(
    session: AsyncSession, now: datetime, works: Collection[WorkItem], queues: Mapping[UUID, Queue], hours: Hours
) -> dict[UUID, Waiting]:
    """By work, all of it queued."""
    known = list(queues.values())
    lines = await load_lines(session, now, known, hours)
    placed = _asking(known, "longer_than") | _asking(known, "estimated_wait_over_seconds")
    places = await overflow_rows.list_places(session, placed, [work.id for work in works]) if placed else {}
    exhausted = await _list_exhausted(session, now, works, queues)
    return {work.id: _facts(work, lines[work.queue_id], places.get(work.id), exhausted) for work in works}


def _facts(work: WorkItem, line: Line, place: tuple[int, int] | None, exhausted: Collection[UUID]) -> Waiting:
    """Work that nobody could take does not come nearer, however fast the line moves."""
    moves = place is not None and line.pace is not None and work.unroutable_reason is None
    told = estimate(place[1], line.pace) if moves and place is not None and line.pace is not None else None
    return Waiting(
        ready_at=work.ready_at,
        past=past_of(work),
        place=place[0] if place is not None else 1,
        p50_seconds=told.p50_seconds if told is not None else None,
        is_staffed=line.is_staffed,
        is_open=line.is_open,
        is_exhausted=work.id in exhausted,
    )


async def _list_exhausted(
    session: AsyncSession, now: datetime, works: Collection[WorkItem], queues: Mapping[UUID, Queue]
) -> set[UUID]:
    """Few works are let pass so often: only for these are the agents looked at."""
    asking = _asking(queues.values(), "tries_exhausted")
    tried = [work.id for work in works if work.tries and work.queue_id in asking]
    if not tried:
        return set()
    waiting = await load_waiting(session, tried)
    agents = [loaded.facts for loaded in await load_agents(session, None)]
    return {work.id for work in waiting if is_exhausted(work, queue_facts(queues[work.queue_id]), agents, now)}


def _asking(queues: Collection[Queue], trigger: OverflowTrigger) -> set[UUID]:
    return {queue.id for queue in queues if any(step.trigger == trigger for step in parse_steps(queue.overflow))}


async def list_candidates(
    session: AsyncSession, now: datetime, queue_id: UUID, step: Step, line: Line, limit: int
) -> list[UUID]:
    """Work of the queue with which the step may have to be done now."""
    if step.trigger == "age_over_seconds":
        return await overflow_rows.list_ready_until(session, queue_id, step, step.ready_until(now), limit)
    if step.trigger == "tries_exhausted":
        return await overflow_rows.list_tried(session, queue_id, step, limit)
    place = first_place(step, line)
    return await overflow_rows.list_from_place(session, queue_id, step, place, limit) if place is not None else []
