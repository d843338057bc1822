"""Statements on due times of waiting work."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.models import IN_LINE, Queue

_IS_WAITED_IN = text(f"EXISTS (SELECT FROM work_item WHERE queue_id = queue.id AND {IN_LINE})")
_LIST_LINE = f"""
SELECT id, conversation_id, state, ready_at, due_at FROM work_item
WHERE queue_id = $1 AND {IN_LINE} AND overflow_path = '[]' AND (ready_at, id) > ($2, $3)
ORDER BY ready_at, id LIMIT $4
"""
_LIST_ADVANCED = """
SELECT work_id, min((trace ->> 'after')::timestamptz) AS due_at FROM routing_decision
WHERE conversation_id = ANY ($1::uuid[]) AND outcome = 'due_advanced' GROUP BY work_id
"""


@dataclass(frozen=True, slots=True)
class Stood:
    """One in the line: by when it is to be taken, as stored."""

    id: UUID
    conversation_id: UUID
    state: str
    ready_at: datetime
    due_at: datetime


async def list_waited_in(session: AsyncSession) -> Sequence[Queue]:
    """Queues in whose line anything stands."""
    return (await session.scalars(select(Queue).where(_IS_WAITED_IN).order_by(Queue.id))).all()


async def list_line(session: AsyncSession, queue_id: UUID, after: tuple[datetime, UUID], limit: int) -> list[Stood]:
    """In the order of (ready_at, id), without what came from another queue by overflow."""
    rows = await (await driver_connection(session)).fetch(_LIST_LINE, queue_id, *after, limit)
    return [Stood(**row) for row in rows]


async def list_advanced(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """By work, the soonest due time that SLA gave it."""
    rows = await (await driver_connection(session)).fetch(_LIST_ADVANCED, list(conversation_ids))
    return {row["work_id"]: row["due_at"] for row in rows}
