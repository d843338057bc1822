"""Statements that change one conversation and its messages."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation, Delivery, Message, ReadMark
from app.conversations.repository.rights import visible_to
from app.conversations.schemas import Placement
from app.core.database import driver_connection
from app.events.event import Rights

RESEND_WINDOW = 500
"""A resend of a message is looked for among this many last ones: it comes within seconds or hours, not for ever."""
LOWER_STATES = {"sent": ("queued", "failed"), "delivered": ("queued", "sent", "failed"),
                "read": ("queued", "sent", "delivered", "failed")}  # fmt: skip


async def lock(session: AsyncSession, conversation_id: UUID) -> Conversation | None:
    # NO KEY UPDATE: rows that refer to the conversation may be inserted meanwhile.
    return await session.get(Conversation, conversation_id, with_for_update={"key_share": True}, populate_existing=True)


_RAISE_PRIORITIES = """
WITH locked AS (
    SELECT c.id, c.priority AS before, wanted.priority AS after
    FROM conversation c JOIN unnest($1::uuid[], $2::int[]) AS wanted (id, priority) USING (id)
    ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE conversation AS c SET priority = locked.after, version = c.version + 1
FROM locked WHERE c.id = locked.id AND locked.before < locked.after
RETURNING c.id, locked.before, locked.after
"""

_PLACE = """
WITH locked AS (
    SELECT c.id, c.owner_id, c.team_id, c.queue_id, c.priority,
      CASE WHEN wanted.queue_id IS NULL THEN c.team_id ELSE wanted.team_id END AS new_team_id,
      coalesce(wanted.queue_id, c.queue_id) AS new_queue_id, coalesce(wanted.priority, c.priority) AS new_priority
    FROM conversation c
    JOIN unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[]) AS wanted (id, queue_id, team_id, priority) USING (id)
    ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE conversation AS c
SET team_id = new_team_id, queue_id = new_queue_id, priority = new_priority, version = c.version + 1
FROM locked
WHERE c.id = locked.id AND (locked.team_id, locked.queue_id, locked.priority)
  IS DISTINCT FROM (new_team_id, new_queue_id, new_priority)
RETURNING locked.*
"""


async def place(session: AsyncSession, wanted: Sequence[Placement]) -> list[Any]:
    """Rows of those that changed: what each had, and as new_ what it has."""
    columns = zip(*((one.conversation_id, one.queue_id, one.team_id, one.priority) for one in wanted), strict=True)
    rows: list[Any] = await (await driver_connection(session)).fetch(_PLACE, *map(list, columns))
    return rows


_GIVE_OWNERS = """
WITH locked AS (
    SELECT c.id, c.owner_id AS before, wanted.owner_id AS after, c.team_id, c.queue_id
    FROM conversation c JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (id, owner_id) USING (id)
    ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE conversation AS c SET owner_id = locked.after, version = c.version + 1
FROM locked WHERE c.id = locked.id AND locked.before IS DISTINCT FROM locked.after
RETURNING c.id, locked.before, locked.after, locked.team_id, locked.queue_id
"""


async def lock_many(session: AsyncSession, conversation_ids: Collection[UUID]) -> Sequence[Conversation]:
    """In the order of their ids, so that two batches cannot wait for one another."""
    statement = (
        select(Conversation)
        .where(Conversation.id.in_(conversation_ids))
        .order_by(Conversation.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def raise_priorities(session: AsyncSession, wanted: Mapping[UUID, int]) -> list[tuple[UUID, int, int]]:
    """(conversation, before, after) of those that were lower, locked in the order of their ids."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_RAISE_PRIORITIES, list(wanted), list(wanted.values()))
    return [(row["id"], row["before"], row["after"]) for row in rows]


async def give_owners(session: AsyncSession, owners: Mapping[UUID, UUID]) -> list[tuple[UUID, Rights, Rights]]:
    """(conversation, before, after) of those that had another owner or none, locked in the order of their ids."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_GIVE_OWNERS, list(owners), list(owners.values()))
    return [(row["id"], _rights(row, row["before"]), _rights(row, row["after"])) for row in rows]


def _rights(row: Mapping[str, Any], owner_id: UUID | None) -> Rights:
    return Rights(owner_id=owner_id, team_id=row["team_id"], queue_id=row["queue_id"])


async def lock_many_visible(
    session: AsyncSession, principal: Principal, conversation_ids: Collection[UUID]
) -> Sequence[Conversation]:
    """In the order of their ids; those the principal may not see are left out."""
    statement = (
        select(Conversation)
        .where(Conversation.id.in_(conversation_ids), visible_to(principal))
        .order_by(Conversation.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def redirect_merged(session: AsyncSession, *, from_id: UUID, to_id: UUID) -> None:
    """Whatever was merged into the one goes on in the other, so that one step always leads to the end."""
    statement: Any = update(Conversation).where(Conversation.merged_into_id == from_id).values(merged_into_id=to_id)
    await session.execute(statement)


async def lock_visible(session: AsyncSession, principal: Principal, conversation_id: UUID) -> Conversation | None:
    statement = (
        select(Conversation)
        .where(Conversation.id == conversation_id, visible_to(principal))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_sent(
    session: AsyncSession, conversation: Conversation, *, author_id: UUID | None, client_id: str
) -> Message | None:
    """The message that came with this `client_id` from the same author, if it did."""
    statement = select(Message).where(
        Message.conversation_id == conversation.id,
        Message.sequence > conversation.last_sequence - RESEND_WINDOW,
        Message.client_id == client_id,
        Message.author_id == author_id if author_id else Message.author_id.is_(None),
    )
    return (await session.scalars(statement)).first()


async def find_newer_reply(
    session: AsyncSession, conversation_id: UUID, *, after: int, not_by: UUID | None
) -> Message | None:
    """The last reply of somebody else since `after`."""
    statement = (
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.sequence > after,
            Message.message_class == "agent_public",
            Message.author_id.is_distinct_from(not_by),
        )
        .order_by(Message.sequence.desc())
        .limit(1)
    )
    return (await session.scalars(statement)).first()


async def set_read(session: AsyncSession, *, agent_id: UUID, conversation_id: UUID, sequence: int) -> bool:
    """Move the agent's read mark up. False: it stood there or higher already."""
    statement = insert(ReadMark).values(agent_id=agent_id, conversation_id=conversation_id, sequence=sequence)
    upsert = statement.on_conflict_do_update(
        index_elements=["agent_id", "conversation_id"],
        set_={"sequence": sequence},
        where=ReadMark.sequence < sequence,
    ).returning(ReadMark.sequence)
    return (await session.execute(upsert)).first() is not None


async def raise_deliveries(
    session: AsyncSession, conversation_id: UUID, *, up_to_sequence: int, state: str, now: datetime
) -> None:
    """Move the marks of all earlier messages up too; none ever moves down."""
    statement: Any = (
        update(Delivery)
        .where(
            Delivery.conversation_id == conversation_id,
            Delivery.sequence <= up_to_sequence,
            Delivery.state.in_(LOWER_STATES[state]),
        )
        .values(state=state, changed_at=now, error_code=None)
    )
    await session.execute(statement)


async def lock_delivery(session: AsyncSession, message_id: UUID) -> Delivery | None:
    return await session.get(Delivery, message_id, with_for_update=True, populate_existing=True)
