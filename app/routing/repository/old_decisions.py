"""The end of routing's traces."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.models import LIVE_WORK

_DELETE = f"""
DELETE FROM routing_decision WHERE id IN (
    SELECT id FROM routing_decision AS old WHERE decided_at < $1
      AND NOT EXISTS (SELECT FROM work_item WHERE work_item.conversation_id = old.conversation_id AND {LIVE_WORK})
    ORDER BY decided_at LIMIT $2)
"""


async def delete_decisions(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Those made before that time, at most `limit`, but none of a conversation that has work. Returns how many."""
    status = await (await driver_connection(session)).execute(_DELETE, before, limit)
    return int(status.rpartition(" ")[2])
