"""Statements that tell how long nobody has written in a conversation."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.schemas import Written
from app.core.database import driver_connection

_WRITTEN = """
SELECT id, last_public_sequence, last_message_at, unanswered_since IS NOT NULL AS is_unanswered
FROM conversation WHERE id = ANY($1::uuid[])
"""


async def list_written(session: AsyncSession, ids: Collection[UUID], *, locked: bool = False) -> dict[UUID, Written]:
    """By conversation. `locked`: nothing is written in them until the transaction ends; those that somebody else has
    locked are left out.
    """
    connection = await driver_connection(session)
    rows = await connection.fetch(_WRITTEN + ("FOR SHARE SKIP LOCKED" if locked else ""), list(ids))
    return {
        row["id"]: Written(row["last_public_sequence"], row["last_message_at"], row["is_unanswered"]) for row in rows
    }
