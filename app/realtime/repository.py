"""What the widget's socket must know of a visitor's own conversation. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

VISITOR = "visitor"
SHOWN_AFTER_RESOLVED = timedelta(hours=72)
"""As long as a further message would reopen it."""


@dataclass(frozen=True, slots=True)
class VisitorConversation:
    id: UUID
    number: int
    status: str
    owner_id: UUID | None
    queue_id: UUID | None
    last_public_sequence: int


async def list_visitor_names(session: AsyncSession, contact_point_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Contact point to the visitor's name, of those that are visitors'."""
    rows = await session.execute(
        text("SELECT id, value_normalised FROM contact_point WHERE id = ANY(:ids) AND kind = :kind"),
        {"ids": list(contact_point_ids), "kind": VISITOR},
    )
    return {row.id: row.value_normalised for row in rows}


async def find_visitor_contact(session: AsyncSession, name: str) -> UUID | None:
    found: UUID | None = await session.scalar(
        text(
            "SELECT id FROM contact_point WHERE kind = :kind AND value_normalised = :name AND verified_at IS NOT NULL"
        ),
        {"kind": VISITOR, "name": name},
    )
    return found


async def find_visitor_conversation(
    session: AsyncSession, *, contact_point_id: UUID, channel_account_id: UUID, now: datetime
) -> VisitorConversation | None:
    """The one a message would join, or nothing."""
    row = (
        await session.execute(
            text(
                "SELECT id, number, status, owner_id, queue_id, last_public_sequence FROM conversation"
                " WHERE contact_point_id = :contact AND channel_account_id = :account"
                " AND (resolved_at IS NULL OR resolved_at > :since) AND status <> 'closed'"
                " ORDER BY resolved_at DESC NULLS FIRST LIMIT 1"
            ),
            {"contact": contact_point_id, "account": channel_account_id, "since": now - SHOWN_AFTER_RESOLVED},
        )
    ).one_or_none()
    return VisitorConversation(*row) if row else None


async def list_public_message_ids(session: AsyncSession, conversation_id: UUID, *, limit: int) -> list[UUID]:
    """The last ones, in their order."""
    found = await session.scalars(
        text(
            "SELECT id FROM (SELECT id, sequence FROM message"
            " WHERE conversation_id = :conversation AND visibility = 'public'"
            " ORDER BY sequence DESC LIMIT :limit) AS latest ORDER BY sequence"
        ),
        {"conversation": conversation_id, "limit": limit},
    )
    return list(found)


async def find_place_in_queue(session: AsyncSession, conversation_id: UUID) -> int | None:
    """1 is next. None: it does not wait."""
    place: int | None = await session.scalar(
        text(
            "SELECT 1 + (SELECT count(*) FROM work_item AS other"
            "  WHERE other.queue_id = mine.queue_id AND other.state IN ('queued', 'offered')"
            "  AND (other.ready_at, other.id) < (mine.ready_at, mine.id))"
            " FROM work_item AS mine WHERE mine.conversation_id = :conversation"
            " AND mine.state IN ('queued', 'offered')"
        ),
        {"conversation": conversation_id},
    )
    return place
