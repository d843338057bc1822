"""Who served a customer last, so that they may be asked first."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.repository import last_owners as repository
from app.conversations.schemas import LastOwner


async def list_last_owners(
    session: AsyncSession, customer_ids: Collection[UUID], *, since: datetime
) -> dict[UUID, LastOwner]:
    """By customer, of those served since then, in one statement. Nobody's permission is asked."""
    return await repository.list_last_owners(session, customer_ids, since)
