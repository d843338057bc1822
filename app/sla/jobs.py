"""What SLA does by time: the timers of the clocks."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.due_rows import DueTable
from app.sla.service.notices import ring


async def _ring(session: AsyncSession, act: Act, clock_id: UUID, _: Any) -> None:
    await ring(session, act, clock_id)


CLOCK_TABLE = DueTable("sla_clock", _ring, batch=200)
