"""Idle chats in which somebody has written."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.routing.repository import after_work
from app.routing.service.hours import Hours
from app.routing.service.work import Cause, follow_conversations


async def wake(session: AsyncSession, act: Act, written: Mapping[UUID, Cause], *, hours: Hours) -> None:
    """Of the conversations written to, the idle chats hold their units again or go back to their queues.

    Raises HolderChanged as `follow_conversations` does.
    """
    idle = await after_work.list_idle_conversations(session, list(written)) if written else set()
    if idle:
        await follow_conversations(session, act, {key: written[key] for key in idle}, hours=hours)
