"""Statements that tell how long nobody has written in a conversation."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection

_WRITTEN = "SELECT id, last_public_sequence, last_message_at FROM conversation WHERE id = ANY($1::uuid[])"


async def list_written(
    session: AsyncSession, ids: Collection[UUID], *, locked: bool = False
) -> dict[UUID, tuple[int, datetime]]:
    """(last public sequence, when anything was last written) by conversation.

    `locked`: nothing is written to them until the transaction ends; those that somebody has locked are left out.
    """
    connection = await driver_connection(session)
    rows = await connection.fetch(_WRITTEN + (" FOR SHARE SKIP LOCKED" if locked else ""), list(ids))
    return {row["id"]: (row["last_public_sequence"], row["last_message_at"]) for row in rows}
