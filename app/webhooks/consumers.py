"""Webhooks follow the whole log: whatever happens may be somebody's to hear."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.consumers import Consumer
from app.core.event_log import StoredEvent
from app.webhooks.matching import EVENT_TYPES
from app.webhooks.service.enqueueing import enqueue


async def handle(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
    await enqueue(session, act, events)


WEBHOOKS = Consumer("webhooks", EVENT_TYPES, handle, start="head", looks_a_second=10.0)
