"""Statements on overflow: chains of queues, and who in their lines may be due for a step."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.facts import MAX_TRIES_PER_AGENT
from app.routing.models import IN_LINE, Queue
from app.routing.overflow import MAX_HOPS, Step

# Calendars belong to SLA, which neither knows this package nor is known to it.
_HAS_CALENDAR = text("SELECT EXISTS (SELECT FROM business_calendar WHERE id = :id)")
_HAS_STEPS = text("overflow <> '[]'")
_IS_WAITED_IN = text("EXISTS (SELECT FROM work_item WHERE queue_id = queue.id AND state = 'queued')")
_LIST_STAFFED = """
SELECT DISTINCT member.queue_id FROM queue_member AS member JOIN agent_presence AS presence USING (agent_id)
WHERE member.queue_id = ANY ($1::uuid[]) AND presence.session <> 'gone'
"""
_MAY_BE_DONE = f"""
state = 'queued' AND NOT overflow_done @> to_jsonb($2::text) AND ($3::uuid IS NULL
    OR jsonb_array_length(overflow_path) < {MAX_HOPS} AND NOT overflow_path @> to_jsonb($3::text))
"""
# Nobody before the place, and whoever came last first: those stay who would be served soonest.
_LIST_FROM_PLACE = f"""
SELECT id FROM (
    SELECT id, state, overflow_done, overflow_path FROM work_item WHERE queue_id = $1 AND {IN_LINE}
    ORDER BY tier DESC, due_at DESC, priority, ready_at DESC, id DESC
    LIMIT greatest(0, 1 - $5 + (SELECT count(*) FROM work_item WHERE queue_id = $1 AND {IN_LINE}))
) AS line
WHERE {_MAY_BE_DONE} LIMIT $4
"""
_LIST_READY_UNTIL = f"""
SELECT id FROM work_item WHERE queue_id = $1 AND {_MAY_BE_DONE} AND ready_at <= $5 ORDER BY ready_at, id LIMIT $4
"""
_LIST_TRIED = f"""
SELECT id FROM work_item WHERE queue_id = $1 AND {_MAY_BE_DONE} AND tries <> '{{}}'
  AND EXISTS (SELECT FROM jsonb_each_text(tries) AS tried WHERE tried.value::int >= {MAX_TRIES_PER_AGENT})
ORDER BY ready_at, id LIMIT $4
"""
_LIST_PLACES = f"""
SELECT id, place, behind FROM (
    SELECT id, row_number() OVER turn AS place, count(*) FILTER (WHERE state = 'queued') OVER turn AS behind
    FROM work_item WHERE queue_id = ANY ($1::uuid[]) AND {IN_LINE}
    WINDOW turn AS (PARTITION BY queue_id ORDER BY tier, due_at, priority DESC, ready_at, id ROWS UNBOUNDED PRECEDING)
) AS line
WHERE id = ANY ($2::uuid[])
"""


async def has_calendar(session: AsyncSession, calendar_id: UUID) -> bool:
    return bool((await session.execute(_HAS_CALENDAR, {"id": calendar_id})).scalar_one())


async def lock_chained(session: AsyncSession, queue_ids: Collection[UUID]) -> dict[UUID, Queue]:
    """These queues and all that have steps, in the order of their ids: whoever edits a chain waits for the others who
    do, so that two edits cannot close a circle together. Work may come into them meanwhile.
    """
    statement = select(Queue).where(or_(Queue.id.in_(queue_ids), _HAS_STEPS)).order_by(Queue.id)
    locked = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {queue.id: queue for queue in await session.scalars(locked)}


async def list_waited_in(session: AsyncSession) -> Sequence[Queue]:
    """Queues with steps and with work that waits."""
    return (await session.scalars(select(Queue).where(_HAS_STEPS, _IS_WAITED_IN).order_by(Queue.id))).all()


async def list_staffed(session: AsyncSession, queue_ids: Collection[UUID]) -> set[UUID]:
    """Those of which a member is there, or was so a minute ago: a restart of ours makes nobody leave."""
    rows = await (await driver_connection(session)).fetch(_LIST_STAFFED, list(queue_ids))
    return {row["queue_id"] for row in rows}


async def list_from_place(session: AsyncSession, queue_id: UUID, step: Step, place: int, limit: int) -> list[UUID]:
    return await _list_candidates(session, _LIST_FROM_PLACE, queue_id, step, limit, place)


async def list_ready_until(session: AsyncSession, queue_id: UUID, step: Step, at: datetime, limit: int) -> list[UUID]:
    return await _list_candidates(session, _LIST_READY_UNTIL, queue_id, step, limit, at)


async def list_tried(session: AsyncSession, queue_id: UUID, step: Step, limit: int) -> list[UUID]:
    """Whoever was offered to an agent as often as may be."""
    return await _list_candidates(session, _LIST_TRIED, queue_id, step, limit)


async def _list_candidates(
    session: AsyncSession, statement: str, queue_id: UUID, step: Step, limit: int, *further: int | datetime
) -> list[UUID]:
    connection = await driver_connection(session)
    rows = await connection.fetch(statement, queue_id, step.key, step.to, limit, *further)
    return [row["id"] for row in rows]


async def list_places(
    session: AsyncSession, queue_ids: Collection[UUID], work_ids: Collection[UUID]
) -> dict[UUID, tuple[int, int]]:
    """By work in these queues' lines: its place, and its place among those without an offer."""
    rows = await (await driver_connection(session)).fetch(_LIST_PLACES, list(queue_ids), list(work_ids))
    return {row["id"]: (row["place"], row["behind"]) for row in rows}
