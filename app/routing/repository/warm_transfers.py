"""Statements on colleagues who are asked in."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.models import Offer, WorkItem


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


async def add(session: AsyncSession, consulted: WorkItem, offer: Offer) -> None:
    session.add(consulted)
    await session.flush()
    session.add(offer)
