"""The door's statements: each works on a whole batch at once."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.arrival import Head, InboundName, NewMessage, Received
from app.core.database import columns, driver_connection
from app.events.event import Rights

# The messages of these names that came in before, and of each contact the unresolved conversation and the last one
# resolved; besides them the threads that are answered. One statement, for its round trip is most of what it costs.
# Ordered by id, so that two batches take their locks in the same order.
LOCK_STANDING = """
WITH known AS (
  SELECT key.channel_account_id, key.provider_id, key.conversation_id, key.message_id, key.sequence, key.arrived_at,
    wanted.is_thread
  FROM unnest($1::uuid[], $2::text[], $3::bool[]) AS wanted (channel_account_id, provider_id, is_thread)
  JOIN inbound_key AS key USING (channel_account_id, provider_id)
), candidate AS (
  SELECT found.id
  FROM unnest($4::uuid[], $5::uuid[]) AS pair (channel_account_id, contact_point_id)
  CROSS JOIN LATERAL (
    (SELECT c.id FROM conversation AS c
     WHERE c.channel_account_id = pair.channel_account_id AND c.contact_point_id = pair.contact_point_id
       AND c.status IN ('open', 'pending', 'on_hold', 'snoozed')
     LIMIT 1)
    UNION ALL
    (SELECT c.id FROM conversation AS c
     WHERE c.contact_point_id = pair.contact_point_id AND c.channel_account_id = pair.channel_account_id
       AND c.resolved_at IS NOT NULL
     ORDER BY c.resolved_at DESC
     LIMIT 1)
  ) AS found
  UNION
  SELECT conversation_id FROM known WHERE is_thread
  UNION
  SELECT unnest($6::uuid[])
), head AS (
  SELECT c.id, c.number, c.customer_id, c.contact_point_id, c.channel, c.channel_account_id, c.status,
    c.owner_id, c.team_id, c.queue_id, c.priority, c.language, c.last_sequence, c.resolved_at, c.unanswered_since,
    c.merged_into_id
  FROM conversation AS c
  WHERE c.id IN (SELECT id FROM candidate)
  ORDER BY c.id
  FOR NO KEY UPDATE OF c
)
SELECT head.*, known.channel_account_id AS known_account_id, known.provider_id, known.conversation_id,
  known.message_id, known.sequence, known.arrived_at
FROM head FULL JOIN known ON false
"""

INSERT_HEADS = """
INSERT INTO conversation (
  id, customer_id, contact_point_id, channel, channel_account_id, status, team_id, queue_id, priority, language,
  last_sequence, last_public_sequence, preview, preview_class, last_message_at, unanswered_since, opened_at,
  follows_id, synthetic
)
SELECT id, customer_id, contact_point_id, channel, channel_account_id, 'open', team_id, queue_id, priority, language,
  last_sequence, last_sequence, preview, 'customer', $14, $14, $14, follows_id, synthetic
FROM unnest(
  $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::int[], $9::text[],
  $10::int[], $11::text[], $12::uuid[], $13::bool[]
) AS new (
  id, customer_id, contact_point_id, channel, channel_account_id, team_id, queue_id, priority, language,
  last_sequence, preview, follows_id, synthetic
)
RETURNING id, number
"""

# One statement for all that a batch changes: a woken or reopened conversation loses its due row (one that was open has
# none), the messages, and the keys by which a redelivery of them is known.
STORE_MESSAGES = """
WITH moved AS (
  UPDATE conversation AS c
  SET status = 'open', last_sequence = new.last_sequence, last_public_sequence = new.last_sequence,
    preview = new.preview, preview_class = 'customer', last_message_at = greatest(c.last_message_at, $5),
    unanswered_since = new.unanswered_since, resolved_at = NULL, snoozed_until = NULL, disposition = NULL,
    run_at = NULL, leased_until = NULL, attempts = 0, last_error = NULL, parked_at = NULL, version = c.version + 1
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[])
    AS new (id, last_sequence, preview, unanswered_since)
  WHERE c.id = new.id
), new AS (
  SELECT * FROM unnest(
    $6::uuid[], $7::uuid[], $8::int[], $9::uuid[], $10::text[], $11::jsonb[], $12::text[], $13::timestamptz[],
    $14::text[], $15::bool[]
  ) AS given (
    id, conversation_id, sequence, channel_account_id, body, attachments, provider_id, provider_at, client_id, automatic
  )
), keyed AS (
  INSERT INTO inbound_key (channel_account_id, provider_id, conversation_id, message_id, sequence, arrived_at)
  SELECT channel_account_id, provider_id, conversation_id, id, sequence, $5 FROM new
)
INSERT INTO message (
  id, arrived_at, conversation_id, sequence, message_class, direction, visibility, channel_account_id, body,
  attachments, provider_id, provider_at, client_id, automatic
)
SELECT id, $5, conversation_id, sequence, 'customer', 'inbound', 'public', channel_account_id, body, attachments,
  provider_id, provider_at, client_id, automatic
FROM new
"""

Pair = tuple[UUID, UUID]
"""(channel account, contact point)"""


async def lock_standing(
    session: AsyncSession, names: Sequence[InboundName], answered: Sequence[InboundName], pairs: Sequence[Pair]
) -> tuple[dict[InboundName, Received], list[Head]]:
    """The messages of these names that have come in already, and every conversation, locked, that messages of these
    pairs, or in answer to the answered ones, may join."""
    asked = [(*name, False) for name in names] + [(*name, True) for name in answered]
    rows = await (await driver_connection(session)).fetch(LOCK_STANDING, *columns(asked), *_apart(pairs), [])
    known = {
        (row["known_account_id"], row["provider_id"]): Received(
            row["conversation_id"], row["message_id"], row["sequence"], row["arrived_at"], duplicate=True
        )
        for row in rows
        if row["known_account_id"] is not None
    }
    return known, [_head(row) for row in rows if row["id"] is not None]


async def lock_heads(session: AsyncSession, ids: Sequence[UUID]) -> list[Head]:
    rows = await (await driver_connection(session)).fetch(LOCK_STANDING, [], [], [], [], [], ids)
    return [_head(row) for row in rows]


def _apart(pairs: Sequence[Pair]) -> tuple[list[UUID], list[UUID]]:
    return [account for account, _ in pairs], [contact for _, contact in pairs]


def _head(row: asyncpg.Record) -> Head:
    return Head(
        id=row["id"],
        number=row["number"],
        customer_id=row["customer_id"],
        contact_point_id=row["contact_point_id"],
        channel=row["channel"],
        channel_account_id=row["channel_account_id"],
        status=row["status"],
        rights=Rights(owner_id=row["owner_id"], team_id=row["team_id"], queue_id=row["queue_id"]),
        priority=row["priority"],
        language=row["language"],
        last_sequence=row["last_sequence"],
        resolved_at=row["resolved_at"],
        unanswered_since=row["unanswered_since"],
        merged_into_id=row["merged_into_id"],
    )


async def add_heads(session: AsyncSession, heads: Sequence[Head], now: datetime) -> None:
    """Store new conversations; each learns its number."""
    rows = await (await driver_connection(session)).fetch(
        INSERT_HEADS,
        [head.id for head in heads],
        [head.customer_id for head in heads],
        [head.contact_point_id for head in heads],
        [head.channel for head in heads],
        [head.channel_account_id for head in heads],
        [head.rights.team_id for head in heads],
        [head.rights.queue_id for head in heads],
        [head.priority for head in heads],
        [head.language for head in heads],
        [head.last_sequence for head in heads],
        [head.preview for head in heads],
        [head.follows_id for head in heads],
        [head.synthetic for head in heads],
        now,
    )
    numbers = {row["id"]: row["number"] for row in rows}
    for head in heads:
        head.number = numbers[head.id]


async def store_messages(
    session: AsyncSession, heads: Sequence[Head], messages: Sequence[NewMessage], now: datetime
) -> None:
    """The messages, and the conversations known before that they change."""
    await (await driver_connection(session)).execute(
        STORE_MESSAGES,
        [head.id for head in heads],
        [head.last_sequence for head in heads],
        [head.preview for head in heads],
        [head.unanswered_since for head in heads],
        now,
        [message.id for message in messages],
        [message.head.id for message in messages],
        [message.sequence for message in messages],
        [message.arrival.channel_account_id for message in messages],
        [message.arrival.body for message in messages],
        [json.dumps(message.arrival.attachments) for message in messages],
        [message.arrival.provider_id for message in messages],
        [message.arrival.provider_at for message in messages],
        [message.arrival.client_id for message in messages],
        [message.arrival.automatic for message in messages],
    )
