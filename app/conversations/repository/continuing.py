"""The door's short way: what goes on with open conversations, in one statement."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.continuing import Continuation
from app.conversations.repository.reading import rights_of_row
from app.conversations.texts import preview
from app.core import event_log, tracing
from app.core.act import Act
from app.core.database import driver_connection
from app.events.conversations import MessageReceived
from app.events.event import Rights

# What only the locked row knows is filled in here.
_TELL = event_log.appending("""(
  SELECT event_uuid AS uuid, conversation_id AS key, $15::text AS type, $16::int AS version, $14 AS occurred_at,
    $17::text AS actor, request_id, ordinal,
    payload::jsonb || jsonb_build_object('conversation_id', conversation_id, 'sequence', sequence) AS payload
  FROM new
) AS told""")

# All that goes on with open conversations, in one statement; it returns where each message went. Nothing is stored of
# a contact of whom something came in before. Locked in the order of the ids, as by LOCK_STANDING. The limits keep the
# planner from reading whole tables.
GO_ON = f"""
WITH given AS (
  SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::text[],
    $10::bool[], $11::uuid[], $12::text[], $13::text[]
  ) WITH ORDINALITY AS given (
    channel_account_id, contact_point_id, channel, provider_id, id, body, preview, provider_at, client_id, automatic,
    event_uuid, request_id, payload, ordinal
  )
), standing AS (
  SELECT c.id, c.channel_account_id, c.contact_point_id, c.last_sequence, c.owner_id, c.team_id, c.queue_id
  FROM (SELECT DISTINCT channel_account_id, contact_point_id, channel FROM given) AS sender
  CROSS JOIN LATERAL (
    SELECT id FROM conversation AS found
    WHERE found.channel_account_id = sender.channel_account_id AND found.contact_point_id = sender.contact_point_id
      AND found.status = 'open'
    LIMIT 1
  ) AS found
  JOIN conversation AS c ON c.id = found.id
  WHERE c.status = 'open' AND c.channel = sender.channel
    AND (SELECT enabled FROM channel_account AS account WHERE account.id = sender.channel_account_id)
    AND NOT (SELECT bool_or(key.provider_id IS NOT NULL)
             FROM given
             LEFT JOIN LATERAL (
               SELECT provider_id FROM inbound_key
               WHERE channel_account_id = given.channel_account_id AND provider_id = given.provider_id
               LIMIT 1
             ) AS key ON true
             WHERE given.channel_account_id = sender.channel_account_id
               AND given.contact_point_id = sender.contact_point_id)
  ORDER BY c.id
  FOR NO KEY UPDATE OF c
), new AS (
  SELECT given.*, standing.id AS conversation_id, owner_id, team_id, queue_id,
    (standing.last_sequence + row_number() OVER (PARTITION BY standing.id ORDER BY ordinal))::int AS sequence
  FROM given JOIN standing USING (channel_account_id, contact_point_id)
), moved AS (
  UPDATE conversation AS c
  SET last_sequence = last.sequence, last_public_sequence = last.sequence, preview = last.preview,
    preview_class = 'customer', last_message_at = greatest(c.last_message_at, $14),
    unanswered_since = coalesce(c.unanswered_since, $14), version = c.version + 1
  FROM (
    SELECT DISTINCT ON (conversation_id) conversation_id, sequence, preview FROM new
    ORDER BY conversation_id, sequence DESC
  ) AS last
  WHERE c.id = last.conversation_id
), keyed AS (
  INSERT INTO inbound_key (channel_account_id, provider_id, conversation_id, message_id, sequence, arrived_at)
  SELECT channel_account_id, provider_id, conversation_id, id, sequence, $14 FROM new
), stored AS (
  INSERT INTO message (
    id, arrived_at, conversation_id, sequence, message_class, direction, visibility, channel_account_id, body,
    attachments, provider_id, provider_at, client_id, automatic
  )
  SELECT id, $14, conversation_id, sequence, 'customer', 'inbound', 'public', channel_account_id, body, '[]',
    provider_id, provider_at, client_id, automatic
  FROM new
), told AS ({_TELL})
SELECT ordinal, conversation_id, sequence, owner_id, team_id, queue_id FROM new
"""


async def store(
    session: AsyncSession,
    act: Act,
    messages: Sequence[Continuation],
    ids: Sequence[UUID],
    told: Sequence[MessageReceived],
) -> list[tuple[UUID, int, Rights] | None]:
    """The (conversation, sequence, rights) of each, None of what is not stored. `told` has the first two yet to be
    filled in."""
    rows = await (await driver_connection(session)).fetch(
        GO_ON,
        [one.channel_account_id for one in messages],
        [one.contact_point_id for one in messages],
        [one.channel for one in messages],
        [one.provider_id for one in messages],
        ids,
        [one.body for one in messages],
        [preview(one.body) for one in messages],
        [one.provider_at for one in messages],
        [one.client_id for one in messages],
        [one.automatic for one in messages],
        [act.new_id() for _ in messages],
        [tracing.carry(one.request_id) for one in messages],
        [event.model_dump_json() for event in told],
        act.now,
        MessageReceived.type,
        MessageReceived.version,
        act.actor,
    )
    event_log.note_appended(session, len(rows))
    places = {row["ordinal"]: (row["conversation_id"], row["sequence"], rights_of_row(row)) for row in rows}
    return [places.get(ordinal) for ordinal in range(1, len(messages) + 1)]
