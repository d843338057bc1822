"""Statements on conversations as SLA follows them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import columns, driver_connection
from app.events.event import Rights
from app.sla import checkpoint
from app.sla.conversation_state import State
from app.sla.event_facts import Subject
from app.sla.following import Followed
from app.sla.policies import Attributes, Selection

SELECTIONS_KEPT = 256

_STATE_COLUMNS = """
conversation_id, customer_id, channel, channel_account_id, brand, owner_id, team_id, queue_id, priority, category,
segments, language, selection, checkpoint, generation, facts, is_over, last_fact_at
"""

_READ_STATE = _STATE_COLUMNS.replace("selection, checkpoint", "selection::text, checkpoint::text")

_PUT_STATES = f"""
INSERT INTO sla_state ({_STATE_COLUMNS})
SELECT conversation_id, customer_id, channel, channel_account_id, brand, owner_id, team_id, queue_id, priority,
       category, ARRAY(SELECT jsonb_array_elements_text(segments::jsonb)), language, selection::jsonb,
       checkpoint::jsonb, generation, facts, is_over, last_fact_at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[], $9::int[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::int[], $17::bool[],
            $18::timestamptz[])
     AS given ({_STATE_COLUMNS})
ON CONFLICT (conversation_id) DO UPDATE SET
  owner_id = excluded.owner_id, team_id = excluded.team_id, queue_id = excluded.queue_id,
  priority = excluded.priority, category = excluded.category, segments = excluded.segments,
  selection = excluded.selection, checkpoint = excluded.checkpoint, generation = excluded.generation,
  facts = excluded.facts, is_over = excluded.is_over, last_fact_at = excluded.last_fact_at
"""

_MOVE_STATES_ON = """
UPDATE sla_state AS state SET facts = given.facts, last_fact_at = given.last_fact_at
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS given (conversation_id, facts, last_fact_at)
WHERE state.conversation_id = given.conversation_id
"""


async def lock_states(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, Followed]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        f"SELECT {_READ_STATE} FROM sla_state WHERE conversation_id = ANY($1::uuid[])"
        " ORDER BY conversation_id FOR UPDATE",
        list(conversation_ids),
    )
    return {row["conversation_id"]: _followed(row) for row in rows}


async def find_states(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, Followed]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        f"SELECT {_READ_STATE} FROM sla_state WHERE conversation_id = ANY($1::uuid[])", list(conversation_ids)
    )
    return {row["conversation_id"]: _followed(row) for row in rows}


async def list_open_of_customers(session: AsyncSession, customer_ids: Collection[UUID]) -> list[UUID]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT conversation_id FROM sla_state WHERE customer_id = ANY($1::uuid[]) AND NOT is_over", list(customer_ids)
    )
    return [row["conversation_id"] for row in rows]


async def list_open(session: AsyncSession, *, after: UUID, limit: int) -> list[UUID]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT conversation_id FROM sla_state WHERE NOT is_over AND conversation_id > $1"
        " ORDER BY conversation_id LIMIT $2",
        after,
        limit,
    )
    return [row["conversation_id"] for row in rows]


async def put_states(session: AsyncSession, followed: Mapping[UUID, Followed]) -> None:
    if not followed:
        return
    connection = await driver_connection(session)
    rows = [_state_values(conversation_id, one) for conversation_id, one in sorted(followed.items())]
    await connection.execute(_PUT_STATES, *columns(rows))


async def move_states_on(session: AsyncSession, followed: Mapping[UUID, Followed]) -> None:
    """Of conversations whose checkpoint stays as it is but for the time of the last fact."""
    if followed:
        rows = [(conversation_id, one.facts, one.state.last_at) for conversation_id, one in sorted(followed.items())]
        await (await driver_connection(session)).execute(_MOVE_STATES_ON, *columns(rows))


def _followed(row: asyncpg.Record) -> Followed:
    attributes = Attributes(
        channel=row["channel"],
        brand=row["brand"],
        queue_id=row["queue_id"],
        priority=row["priority"],
        category=row["category"],
        segments=tuple(row["segments"]),
        language=row["language"],
    )
    rights = Rights(owner_id=row["owner_id"], team_id=row["team_id"], queue_id=row["queue_id"])
    return Followed(
        subject=Subject(row["customer_id"], row["channel_account_id"], attributes, rights),
        selection=_selection(row["selection"]),
        state=_moved_on(checkpoint.load(row["checkpoint"]), row["last_fact_at"]),
        facts=row["facts"],
    )


@lru_cache(SELECTIONS_KEPT)
def _selection(document: str) -> Selection:
    return {family: UUID(version) for family, version in json.loads(document).items()}


def _moved_on(state: State, last_fact_at: datetime | None) -> State:
    """A release before the column knows the checkpoint's own time only."""
    if last_fact_at is None or (state.last_at is not None and last_fact_at <= state.last_at):
        return state
    return replace(state, last_at=last_fact_at)


def _state_values(conversation_id: UUID, one: Followed) -> tuple[Any, ...]:
    subject, attributes = one.subject, one.subject.attributes
    return (
        *(conversation_id, subject.customer_id, attributes.channel, subject.channel_account_id, attributes.brand),
        *(subject.rights.owner_id, subject.rights.team_id, attributes.queue_id, attributes.priority),
        *(attributes.category, json.dumps(attributes.segments), attributes.language),
        json.dumps({family: str(version) for family, version in one.selection.items()}),
        checkpoint.dump(one.state),
        *(one.state.generation, one.facts, one.is_over, one.state.last_at),
    )
