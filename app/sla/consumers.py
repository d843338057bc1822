"""SLA follows the log: whatever happens to a conversation moves its clocks."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.consumers import Consumer
from app.core.event_log import StoredEvent
from app.sla import event_facts
from app.sla.service.follow import follow


async def handle(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
    await follow(session, act, events)


SLA = Consumer("sla", event_facts.TYPES | {"customer.updated"}, handle, start="beginning")
