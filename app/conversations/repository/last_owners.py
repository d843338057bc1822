"""The statement on who served customers last."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.schemas import LastOwner
from app.core.database import driver_connection

# One step into the index of each customer's conversations, however many these are.
LAST_OWNERS = """
SELECT wanted.customer_id, last.owner_id, last.last_message_at
FROM unnest($1::uuid[]) AS wanted (customer_id) CROSS JOIN LATERAL (
    SELECT owner_id, last_message_at FROM conversation
    WHERE conversation.customer_id = wanted.customer_id AND owner_id IS NOT NULL AND last_message_at >= $2
    ORDER BY last_message_at DESC, id DESC LIMIT 1
) AS last
"""


async def list_last_owners(
    session: AsyncSession, customer_ids: Collection[UUID], *, since: datetime
) -> dict[UUID, LastOwner]:
    """By customer, of those served since then. Nobody's permission is asked."""
    rows = await (await driver_connection(session)).fetch(LAST_OWNERS, list(customer_ids), since)
    return {row["customer_id"]: LastOwner(row["owner_id"], row["last_message_at"]) for row in rows}
