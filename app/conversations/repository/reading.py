"""Statements that read conversations and messages as others see them.

Names of customers, agents and queues are joined by their tables' names, as foreign keys are; nothing is written there.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation
from app.conversations.repository.rights import visible_to
from app.conversations.schemas import (
    AuthorRef,
    ConversationFacts,
    CustomerRef,
    MessageOut,
    OutgoingMessage,
    OwnerRef,
    QueueRef,
    Sort,
    Summary,
    Unowned,
    View,
)
from app.conversations.status import UNRESOLVED
from app.core.database import driver_connection
from app.events.event import Rights

FACTS = """
SELECT id, channel, priority, language, status, owner_id, team_id, queue_id, synthetic, customer_id, contact_point_id,
  channel_account_id, merged_into_id
FROM conversation WHERE id = ANY($1::uuid[])
"""

SUMMARIES = """
SELECT c.id, c.number, c.channel, c.channel_account_id, c.status, c.team_id, c.priority, c.language, c.last_sequence,
  c.last_public_sequence, c.preview, c.preview_class, c.last_message_at, c.unanswered_since,
  c.customer_delivered_sequence, c.customer_read_sequence, c.opened_at, c.resolved_at, c.snoozed_until, c.disposition,
  c.category, c.follows_id, c.merged_into_id, c.version,
  c.customer_id, customer.name AS customer_name, customer.language AS customer_language, customer.segments,
  c.owner_id, agent.name AS owner_name, c.queue_id, queue.name AS queue_name, queue.names::text AS queue_names,
  coalesce(read_mark.sequence, 0) AS my_read_sequence
FROM conversation AS c
JOIN customer ON customer.id = c.customer_id
LEFT JOIN agent ON agent.id = c.owner_id
LEFT JOIN queue ON queue.id = c.queue_id
LEFT JOIN read_mark ON read_mark.conversation_id = c.id AND read_mark.agent_id = $2
WHERE c.id = ANY($1::uuid[])
"""

MESSAGES = """
SELECT m.id, m.conversation_id, m.sequence, m.message_class, m.direction, m.visibility, m.author_id,
  agent.name AS author_name, m.body, m.attachments::text, m.client_id, m.provider_at, m.arrived_at,
  CASE WHEN delivery.parked_at IS NOT NULL THEN 'failed' ELSE delivery.state END AS delivery_state
FROM message AS m
LEFT JOIN agent ON agent.id = m.author_id
LEFT JOIN delivery ON delivery.message_id = m.id
"""
MESSAGE_COLUMNS = (
    *("id", "conversation_id", "sequence", "message_class", "direction", "visibility", "author_id", "author_name"),
    *("body", "attachments", "client_id", "provider_at", "arrived_at", "delivery_state"),
)
# A message's id tells when it arrived, so that only its own month is searched.
MESSAGES_BY_ID = MESSAGES + "WHERE m.id = ANY($1::uuid[]) AND m.arrived_at >= $2 AND m.arrived_at < $3"
# Two answers in one round trip: what does not fit together is not joined.
FACTS_AND_MESSAGES = f"""
SELECT fact.*, message.*
FROM ({FACTS.replace("SELECT id", "SELECT id AS about_id")}) AS fact
FULL JOIN ({MESSAGES}
  WHERE m.id = ANY($2::uuid[]) AND m.arrived_at >= $3 AND m.arrived_at < $4
) AS message ON false
"""
MESSAGES_BEFORE = MESSAGES + (
    "WHERE m.conversation_id = $1 AND m.sequence < $2 AND (m.visibility = 'public' OR NOT $4)"
    " ORDER BY m.sequence DESC LIMIT $3"
)
MESSAGES_AFTER = MESSAGES + (
    "WHERE m.conversation_id = $1 AND m.sequence > $2 AND (m.visibility = 'public' OR NOT $4)"
    " ORDER BY m.sequence LIMIT $3"
)

OUTGOING = """
SELECT delivery.message_id, delivery.conversation_id, delivery.sequence, c.channel, delivery.channel_account_id,
  point.kind AS contact_kind, point.value_normalised AS contact_value, m.body, m.attachments::text, delivery.state,
  delivery.attempts AS try_number
FROM delivery
JOIN message AS m ON m.id = delivery.message_id AND m.arrived_at = delivery.message_arrived_at
JOIN conversation AS c ON c.id = delivery.conversation_id
JOIN contact_point AS point ON point.id = c.contact_point_id
WHERE delivery.message_id = $1
"""

OF_CONTACT = """
SELECT id FROM conversation
WHERE contact_point_id = $1 AND channel_account_id = $2 AND status <> 'closed'
ORDER BY last_message_at DESC, id DESC LIMIT 1
"""
UNOWNED_OF_CONTACTS = """
SELECT id, contact_point_id, channel_account_id FROM conversation
WHERE contact_point_id = ANY($1::uuid[]) AND owner_id IS NULL AND status = 'open'
"""


def rights_of_row(row: Any) -> Rights:
    return Rights(owner_id=row["owner_id"], team_id=row["team_id"], queue_id=row["queue_id"])


async def list_facts(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, ConversationFacts]:
    rows = await (await driver_connection(session)).fetch(FACTS, list(ids))
    return {row["id"]: _facts(row) for row in rows}


async def list_facts_and_contents(
    session: AsyncSession, ids: Collection[UUID], message_ids: Collection[UUID]
) -> tuple[dict[UUID, ConversationFacts], dict[UUID, MessageOut]]:
    if not message_ids:
        return await list_facts(session, ids), {}
    rows = await (await driver_connection(session)).fetch(
        FACTS_AND_MESSAGES, list(ids), list(message_ids), *_made_between(message_ids)
    )
    return (
        {row["about_id"]: _facts(row) for row in rows if row["about_id"] is not None},
        {row["id"]: _message({name: row[name] for name in MESSAGE_COLUMNS}) for row in rows if row["id"] is not None},
    )


def _facts(row: asyncpg.Record) -> ConversationFacts:
    return ConversationFacts(
        channel=row["channel"],
        priority=row["priority"],
        language=row["language"],
        status=row["status"],
        rights=rights_of_row(row),
        synthetic=row["synthetic"],
        customer_id=row["customer_id"],
        contact_point_id=row["contact_point_id"],
        channel_account_id=row["channel_account_id"],
        merged_into_id=row["merged_into_id"],
    )


async def list_summaries(
    session: AsyncSession, ids: Collection[UUID], *, reader_id: UUID | None
) -> dict[UUID, Summary]:
    rows = await (await driver_connection(session)).fetch(SUMMARIES, list(ids), reader_id)
    return {row["id"]: _summary(dict(row)) for row in rows}


def _summary(row: dict[str, Any]) -> Summary:
    customer = CustomerRef(
        id=row.pop("customer_id"),
        name=row.pop("customer_name"),
        language=row.pop("customer_language"),
        segments=row.pop("segments"),
    )
    owner_id, owner_name = row.pop("owner_id"), row.pop("owner_name")
    queue_id, queue_name, names = row.pop("queue_id"), row.pop("queue_name"), row.pop("queue_names")
    return Summary(
        **row,
        customer=customer,
        owner=OwnerRef(id=owner_id, name=owner_name) if owner_id else None,
        queue=QueueRef(id=queue_id, name=queue_name, names=json.loads(names)) if queue_id else None,
        unread=max(0, row["last_sequence"] - row["my_read_sequence"]),
    )


async def find_visible_id(session: AsyncSession, principal: Principal, conversation_id: UUID) -> UUID | None:
    statement = select(Conversation.id).where(Conversation.id == conversation_id, visible_to(principal))
    return (await session.execute(statement)).scalar_one_or_none()


async def list_page(
    session: AsyncSession,
    principal: Principal,
    *,
    view: View,
    statuses: Sequence[str],
    queue_id: UUID | None,
    channel: str | None,
    customer_id: UUID | None,
    sort: Sort,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[UUID, datetime]]:
    """The ids of one page and the instant each stands by in the order. `after` is that of the last one before."""
    statement = _in_view(select(Conversation.id), principal, view).where(visible_to(principal))
    if statuses:
        statement = statement.where(Conversation.status.in_(statuses))
    if queue_id is not None:
        statement = statement.where(Conversation.queue_id == queue_id)
    if channel is not None:
        statement = statement.where(Conversation.channel == channel)
    if customer_id is not None:
        statement = statement.where(Conversation.customer_id == customer_id)
    rows = (await session.execute(_ordered(statement, sort, after).limit(limit))).all()
    return [(row.id, row.instant) for row in rows]


def _in_view(statement: Select[Any], principal: Principal, view: View) -> Select[Any]:
    match view:
        case "mine":
            return statement.where(Conversation.owner_id == principal.id)
        case "queue":
            return statement.where(Conversation.owner_id.is_(None), Conversation.status.in_(UNRESOLVED))
        case "team":
            return statement.where(Conversation.team_id == principal.team_id)
        case "all":
            return statement


def _ordered(statement: Select[Any], sort: Sort, after: tuple[datetime, UUID] | None) -> Select[Any]:
    if sort == "newest":
        instant: ColumnElement[datetime] = Conversation.last_message_at.expression
        ordered = statement.add_columns(instant.label("instant")).order_by(instant.desc(), Conversation.id.desc())
        return ordered if after is None else ordered.where(tuple_(instant, Conversation.id) < after)
    # Only what waits for an answer has a place in this order.
    waiting: ColumnElement[Any] = Conversation.unanswered_since.expression
    ordered = (
        statement.add_columns(waiting.label("instant")).where(waiting.is_not(None)).order_by(waiting, Conversation.id)
    )
    return ordered if after is None else ordered.where(tuple_(waiting, Conversation.id) > after)


async def list_messages(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    before: int | None = None,
    after: int | None = None,
    public_only: bool = False,
    limit: int,
) -> list[MessageOut]:
    """In the order of their sequence: the last ones before `before`, or the first ones after `after`."""
    connection = await driver_connection(session)
    if after is not None:
        rows = await connection.fetch(MESSAGES_AFTER, conversation_id, after, limit, public_only)
        return [_message(dict(row)) for row in rows]
    rows = await connection.fetch(MESSAGES_BEFORE, conversation_id, before or 2_147_483_647, limit, public_only)
    return [_message(dict(row)) for row in reversed(rows)]


async def list_contents(session: AsyncSession, message_ids: Collection[UUID]) -> dict[UUID, MessageOut]:
    if not message_ids:
        return {}
    rows = await (await driver_connection(session)).fetch(
        MESSAGES_BY_ID, list(message_ids), *_made_between(message_ids)
    )
    return {row["id"]: _message(dict(row)) for row in rows}


def _made_between(message_ids: Collection[UUID]) -> tuple[datetime, datetime]:
    """From the first's `arrived_at` to just after the last's: the millisecond in a UUIDv7 tells it."""
    times = [timedelta(milliseconds=message_id.int >> 80) for message_id in message_ids]
    since = datetime.fromtimestamp(0, UTC)
    return since + min(times), since + max(times) + timedelta(milliseconds=1)


def _message(row: dict[str, Any]) -> MessageOut:
    author_id, author_name = row.pop("author_id"), row.pop("author_name")
    attachments = json.loads(row.pop("attachments"))
    author = AuthorRef(id=author_id, name=author_name or "") if author_id else None
    return MessageOut(**row, author=author, attachments=attachments)


async def find_outgoing(session: AsyncSession, message_id: UUID) -> OutgoingMessage | None:
    row = await (await driver_connection(session)).fetchrow(OUTGOING, message_id)
    if row is None:
        return None
    values = dict(row)
    return OutgoingMessage(**values | {"attachments": tuple(json.loads(values["attachments"]))})


async def find_of_contact(session: AsyncSession, *, contact_point_id: UUID, channel_account_id: UUID) -> UUID | None:
    """The conversation a visitor sees: the contact's latest that is not closed."""
    connection = await driver_connection(session)
    found: UUID | None = await connection.fetchval(OF_CONTACT, contact_point_id, channel_account_id)
    return found


async def list_unowned_of_contacts(session: AsyncSession, contact_point_ids: Collection[UUID]) -> list[Unowned]:
    connection = await driver_connection(session)
    rows = await connection.fetch(UNOWNED_OF_CONTACTS, list(contact_point_ids))
    return [Unowned(**row) for row in rows]
