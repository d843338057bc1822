"""Statements on attachments: the references to what the object store holds."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.models import Attachment
from app.core.database import driver_connection

# Only what nothing carries yet: of two messages that name one file, the second finds one row too few.
BIND = """
UPDATE attachment AS a SET message_id = given.message_id, conversation_id = given.conversation_id, visibility = $4
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS given (id, message_id, conversation_id)
WHERE a.id = given.id AND a.message_id IS NULL
RETURNING a.id
"""


async def find(session: AsyncSession, attachment_id: UUID) -> Attachment | None:
    return await session.get(Attachment, attachment_id)


async def list_own(session: AsyncSession, actor: str, ids: Collection[UUID]) -> dict[UUID, Attachment]:
    statement = select(Attachment).where(Attachment.id.in_(ids), Attachment.uploaded_by == actor)
    return {one.id: one for one in await session.scalars(statement)}


async def find_visible(
    session: AsyncSession, attachment_id: UUID, *, actor: str, conversations: Select[UUID], public_only: bool
) -> Attachment | None:
    """An upload of the actor's own that nothing carries yet, or what a message of these conversations carries."""
    shown = Attachment.visibility == "public" if public_only else true()
    carried = Attachment.conversation_id.in_(conversations) & shown
    own = Attachment.message_id.is_(None) & (Attachment.uploaded_by == actor)
    statement = select(Attachment).where(Attachment.id == attachment_id, or_(carried, own))
    return (await session.scalars(statement)).one_or_none()


async def bind(session: AsyncSession, places: Mapping[UUID, tuple[UUID, UUID]], *, visibility: str) -> set[UUID]:
    """Give attachments their (message, conversation). Returns those that were free."""
    ids = sorted(places)
    messages, conversations = [places[one][0] for one in ids], [places[one][1] for one in ids]
    rows = await (await driver_connection(session)).fetch(BIND, ids, messages, conversations, visibility)
    return {row["id"] for row in rows}


async def lock_unattached(session: AsyncSession, *, before: datetime, limit: int) -> Sequence[Attachment]:
    statement = (
        select(Attachment)
        .where(Attachment.message_id.is_(None), Attachment.created_at < before)
        .order_by(Attachment.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(await session.scalars(statement))


async def lock_contents(session: AsyncSession, contents: Collection[bytes]) -> None:
    """Until the transaction ends nobody else adds a reference to these contents, or takes the last one away."""
    for sha256 in sorted(set(contents)):
        key = int.from_bytes(sha256[:8], "big", signed=True)
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


async def remove(session: AsyncSession, ids: Collection[UUID]) -> None:
    await session.execute(delete(Attachment).where(Attachment.id.in_(ids)))


async def list_unreferenced(session: AsyncSession, contents: Collection[bytes]) -> list[bytes]:
    found = await session.scalars(select(Attachment.sha256).where(Attachment.sha256.in_(contents)).distinct())
    return sorted(set(contents) - set(found))
