"""Statements on automatic acknowledgements."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection

_UNACKNOWLEDGED = """
SELECT c.id FROM conversation AS c
JOIN message AS m ON m.conversation_id = c.id AND m.arrived_at >= c.opened_at
WHERE c.id = ANY($1::uuid[])
GROUP BY c.id
HAVING bool_or(m.direction = 'inbound' AND NOT m.automatic) AND NOT bool_or(m.message_class = 'auto_ack')
"""
_CONTACTS = """
SELECT DISTINCT c.contact_point_id FROM conversation AS c
JOIN message AS m ON m.conversation_id = c.id AND m.arrived_at >= $2 AND m.message_class = 'auto_ack'
WHERE c.contact_point_id = ANY($1::uuid[]) AND c.last_message_at >= $2
"""


async def list_unacknowledged(session: AsyncSession, conversation_ids: Sequence[UUID]) -> set[UUID]:
    """Those in which a person has written, as far as the channel can tell, and nothing was acknowledged."""
    rows = await (await driver_connection(session)).fetch(_UNACKNOWLEDGED, list(conversation_ids))
    return {row["id"] for row in rows}


async def list_acknowledged_contacts(
    session: AsyncSession, contact_point_ids: Sequence[UUID], *, since: datetime
) -> set[UUID]:
    rows = await (await driver_connection(session)).fetch(_CONTACTS, list(contact_point_ids), since)
    return {row["contact_point_id"] for row in rows}
