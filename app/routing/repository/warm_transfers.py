"""Statements on colleagues who are asked in."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.models import Offer, WorkItem

_BRING_FORWARD = """
UPDATE offer SET run_at = least(offer.run_at, $2) FROM work_item AS work
WHERE work.conversation_id = ANY ($1::uuid[]) AND work.state = 'consulted' AND offer.work_id = work.id
  AND offer.state = 'pending'
RETURNING offer.id
"""


async def find_consulted(session: AsyncSession, conversation_id: UUID) -> UUID | None:
    """The work item that stands for the colleague being asked about the conversation."""
    return (
        await session.scalars(
            select(WorkItem.id).where(WorkItem.conversation_id == conversation_id, WorkItem.state == "consulted")
        )
    ).one_or_none()


async def find_pending(session: AsyncSession, conversation_id: UUID) -> Offer | None:
    return (
        await session.scalars(
            select(Offer)
            .join(WorkItem, WorkItem.id == Offer.work_id)
            .where(WorkItem.conversation_id == conversation_id, WorkItem.state == "consulted", Offer.state == "pending")
        )
    ).one_or_none()


async def bring_forward(session: AsyncSession, conversation_ids: Collection[UUID], at: datetime) -> bool:
    """The questions about these conversations are due for a look; False: there are none."""
    connection = await driver_connection(session)
    return bool(await connection.fetch(_BRING_FORWARD, list(conversation_ids), at))


async def add(session: AsyncSession, consulted: WorkItem, offer: Offer) -> None:
    session.add(consulted)
    await session.flush()
    session.add(offer)
