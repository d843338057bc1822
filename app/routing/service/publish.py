"""Rows first, then their events, in one transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.events.event import Event


async def publish(session: AsyncSession, act: Act, events: Sequence[Event]) -> list[UUID]:
    await session.flush()
    return await event_log.append(session, act, events) if events else []
