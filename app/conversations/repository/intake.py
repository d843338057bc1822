"""The door's statements: each works on a whole batch at once."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.arrival import Head, InboundName, NewMessage, Received
from app.core.database import driver_connection
from app.events.event import Rights

FIND_KNOWN = """
SELECT known.channel_account_id, known.provider_id, known.conversation_id, known.message_id, known.sequence,
  known.arrived_at
FROM unnest($1::uuid[], $2::text[]) AS wanted (channel_account_id, provider_id)
JOIN inbound_key AS known USING (channel_account_id, provider_id)
"""

# Of each contact: the unresolved conversation and the last one resolved; besides them the answered threads.
# Ordered by id, so that two batches take their locks in the same order.
LOCK_HEADS = """
WITH candidate AS (
  SELECT found.id
  FROM unnest($1::uuid[], $2::uuid[]) AS pair (channel_account_id, contact_point_id)
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
  SELECT unnest($3::uuid[])
)
SELECT c.id, c.number, c.customer_id, c.contact_point_id, c.channel, c.channel_account_id, c.status,
  c.owner_id, c.team_id, c.queue_id, c.priority, c.language, c.last_sequence, c.resolved_at, c.unanswered_since,
  c.merged_into_id
FROM conversation AS c
WHERE c.id IN (SELECT id FROM candidate)
ORDER BY c.id
FOR NO KEY UPDATE OF c
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

# A woken or reopened conversation loses its due row; one that was open has none.
UPDATE_HEADS = """
UPDATE conversation AS c
SET status = 'open', last_sequence = new.last_sequence, last_public_sequence = new.last_sequence,
  preview = new.preview, preview_class = 'customer', last_message_at = greatest(c.last_message_at, $5),
  unanswered_since = new.unanswered_since, resolved_at = NULL, snoozed_until = NULL, disposition = NULL,
  run_at = NULL, leased_until = NULL, attempts = 0, last_error = NULL, parked_at = NULL, version = c.version + 1
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[])
  AS new (id, last_sequence, preview, unanswered_since)
WHERE c.id = new.id
"""

# Messages and their keys in one statement: a round trip less for every batch.
INSERT_MESSAGES = """
WITH new AS (
  SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::jsonb[], $7::text[], $8::timestamptz[], $9::text[],
    $11::bool[]
  ) AS given (
    id, conversation_id, sequence, channel_account_id, body, attachments, provider_id, provider_at, client_id, automatic
  )
), keyed AS (
  INSERT INTO inbound_key (channel_account_id, provider_id, conversation_id, message_id, sequence, arrived_at)
  SELECT channel_account_id, provider_id, conversation_id, id, sequence, $10 FROM new
)
INSERT INTO message (
  id, arrived_at, conversation_id, sequence, message_class, direction, visibility, channel_account_id, body,
  attachments, provider_id, provider_at, client_id, automatic
)
SELECT id, $10, conversation_id, sequence, 'customer', 'inbound', 'public', channel_account_id, body, attachments,
  provider_id, provider_at, client_id, automatic
FROM new
"""


async def find_known(session: AsyncSession, names: Sequence[InboundName]) -> dict[InboundName, Received]:
    """The messages of these names that have come in already."""
    accounts, provider_ids = [account for account, _ in names], [provider_id for _, provider_id in names]
    rows = await (await driver_connection(session)).fetch(FIND_KNOWN, accounts, provider_ids)
    return {
        (row["channel_account_id"], row["provider_id"]): Received(
            row["conversation_id"], row["message_id"], row["sequence"], row["arrived_at"], duplicate=True
        )
        for row in rows
    }


async def lock_heads(session: AsyncSession, pairs: Sequence[tuple[UUID, UUID]], threads: Sequence[UUID]) -> list[Head]:
    """Lock every conversation that messages of these (channel account, contact point) may join."""
    accounts, contacts = [account for account, _ in pairs], [contact for _, contact in pairs]
    rows = await (await driver_connection(session)).fetch(LOCK_HEADS, accounts, contacts, threads)
    return [
        Head(
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
        for row in rows
    ]


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


async def update_heads(session: AsyncSession, heads: Sequence[Head], now: datetime) -> None:
    await (await driver_connection(session)).execute(
        UPDATE_HEADS,
        [head.id for head in heads],
        [head.last_sequence for head in heads],
        [head.preview for head in heads],
        [head.unanswered_since for head in heads],
        now,
    )


async def add_messages(session: AsyncSession, messages: Sequence[NewMessage], now: datetime) -> None:
    """Store incoming messages and the keys by which a redelivery of them is known."""
    connection = await driver_connection(session)
    await connection.execute(
        INSERT_MESSAGES,
        [message.id for message in messages],
        [message.head.id for message in messages],
        [message.sequence for message in messages],
        [message.arrival.channel_account_id for message in messages],
        [message.arrival.body for message in messages],
        [json.dumps(message.arrival.attachments) for message in messages],
        [message.arrival.provider_id for message in messages],
        [message.arrival.provider_at for message in messages],
        [message.arrival.client_id for message in messages],
        now,
        [message.arrival.automatic for message in messages],
    )
