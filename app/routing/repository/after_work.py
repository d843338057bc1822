"""Statements on work nobody waits for at this moment: chats that are idle, and what is being wrapped up."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.models import Queue, WorkItem

_IDLE = "SELECT conversation_id FROM work_item WHERE conversation_id = ANY($1::uuid[]) AND idle_sequence IS NOT NULL"


async def list_idle_conversations(session: AsyncSession, conversation_ids: Collection[UUID]) -> set[UUID]:
    """Those of them whose chat has given its units back because nobody wrote."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_IDLE, list(conversation_ids))
    return {row["conversation_id"] for row in rows}


async def list_wrapping(session: AsyncSession, agent_ids: Collection[UUID]) -> list[tuple[WorkItem, str]]:
    """What these agents wrap up, with the mode of its queue, the soonest to end first."""
    rows = await session.execute(
        select(WorkItem, Queue.wrap_up)
        .join(Queue, Queue.id == WorkItem.queue_id)
        .where(WorkItem.agent_id.in_(agent_ids), WorkItem.state == "wrapping")
        .order_by(WorkItem.run_at, WorkItem.id)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1]) for row in rows]


async def find_work(session: AsyncSession, work_id: UUID) -> WorkItem | None:
    return await session.get(WorkItem, work_id)
