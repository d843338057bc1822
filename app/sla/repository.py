"""Statements over the tables of SLA: one a table and batch."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import due_rows
from app.core.database import driver_connection
from app.events.event import Rights
from app.sla import checkpoint
from app.sla.conversation_state import ClockKey
from app.sla.event_facts import Subject
from app.sla.facts import Fact
from app.sla.following import NO_POLICY, ClockRow, Followed, Told
from app.sla.policies import Attributes

_STATE_COLUMNS = """
conversation_id, customer_id, channel, channel_account_id, brand, owner_id, team_id, queue_id, priority, category,
segments, language, selection, checkpoint, generation, facts, is_over
"""
_READ_STATE = _STATE_COLUMNS.replace("selection, checkpoint", "selection::text, checkpoint::text")
_PUT_STATES = f"""
INSERT INTO sla_state ({_STATE_COLUMNS})
SELECT conversation_id, customer_id, channel, channel_account_id, brand, owner_id, team_id, queue_id, priority,
       category, ARRAY(SELECT jsonb_array_elements_text(segments::jsonb)), language, selection::jsonb,
       checkpoint::jsonb, generation, facts, is_over
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::uuid[], $9::int[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::int[], $17::bool[])
     AS given ({_STATE_COLUMNS})
ON CONFLICT (conversation_id) DO UPDATE SET
  owner_id = excluded.owner_id, team_id = excluded.team_id, queue_id = excluded.queue_id,
  priority = excluded.priority, category = excluded.category, segments = excluded.segments,
  selection = excluded.selection, checkpoint = excluded.checkpoint, generation = excluded.generation,
  facts = excluded.facts, is_over = excluded.is_over
"""
_CLOCK_COLUMNS = """
id, conversation_id, metric, seq, state, policy_version_id, channel, queue_id, team_id, target_seconds, elapsed_seconds,
counted_at, started_at, due_at, paused_at, stopped_at, breached_at, detected_at, generation, timers, fired, run_at,
soon_at, face
"""
_REPLACED = (
    *("state", "policy_version_id", "queue_id", "team_id", "target_seconds", "elapsed_seconds", "counted_at"),
    *("started_at", "due_at", "paused_at", "stopped_at", "breached_at", "detected_at", "generation", "timers"),
    *("fired", "run_at", "soon_at", "face"),
)
_PUT_CLOCKS = f"""
INSERT INTO sla_clock ({_CLOCK_COLUMNS})
SELECT id, conversation_id, metric, seq, state, policy_version_id, channel, queue_id, team_id, target_seconds,
       elapsed_seconds, counted_at, started_at, due_at, paused_at, stopped_at, breached_at, detected_at, generation,
       timers::jsonb, fired::jsonb, run_at, soon_at, face::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::uuid[], $7::text[], $8::uuid[], $9::uuid[],
            $10::float8[], $11::float8[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
            $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::bigint[],
            $20::text[], $21::text[], $22::timestamptz[], $23::timestamptz[], $24::text[])
     AS given ({_CLOCK_COLUMNS})
ON CONFLICT (conversation_id, metric, seq) DO UPDATE SET
  {", ".join(f"{name} = excluded.{name}" for name in _REPLACED)},
  leased_until = NULL, attempts = 0, last_error = NULL, parked_at = NULL
"""


@dataclass(frozen=True, slots=True)
class PlacedClock:
    """A clock with the conversation it belongs to, and the attributes it is reported by."""

    conversation_id: UUID
    subject: Subject
    row: ClockRow


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


async def list_opened(session: AsyncSession, *, from_at: datetime, to_at: datetime, limit: int) -> list[UUID]:
    """Conversations whose first fact counts in the interval, oldest first."""
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT conversation_id FROM sla_fact WHERE number = 1 AND at >= $1 AND at < $2 ORDER BY at LIMIT $3",
        from_at,
        to_at,
        limit,
    )
    return [row["conversation_id"] for row in rows]


async def list_paused(session: AsyncSession, *, from_at: datetime, to_at: datetime, limit: int) -> list[UUID]:
    """Conversations that were set to wait for somebody in the interval."""
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT DISTINCT conversation_id FROM sla_fact WHERE kind = 'status'"
        " AND value IN ('pending', 'on_hold', 'snoozed') AND at >= $1 AND at < $2 LIMIT $3",
        from_at,
        to_at,
        limit,
    )
    return [row["conversation_id"] for row in rows]


async def list_told(session: AsyncSession, conversation_id: UUID) -> dict[ClockKey, Told]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT id, metric, seq, fired::text AS fired, detected_at FROM sla_clock WHERE conversation_id = $1",
        conversation_id,
    )
    return {(row["metric"], row["seq"]): told_of(row) for row in rows}


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
    await connection.execute(_PUT_STATES, *_columns(rows))


async def list_facts(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, list[Fact]]:
    """In the order in which they were told."""
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT conversation_id, at, kind, value, metric, detail::text FROM sla_fact"
        " WHERE conversation_id = ANY($1::uuid[]) ORDER BY conversation_id, number",
        list(conversation_ids),
    )
    found: dict[UUID, list[Fact]] = {conversation_id: [] for conversation_id in conversation_ids}
    for row in rows:
        found[row["conversation_id"]].append(_fact(row))
    return found


async def add_facts(session: AsyncSession, facts: Iterable[tuple[UUID, int, Fact]]) -> None:
    """(conversation, number, fact)"""
    rows = [(key, number, fact.at, fact.kind, fact.value, fact.metric, _detail(fact)) for key, number, fact in facts]
    if not rows:
        return
    connection = await driver_connection(session)
    await connection.execute(
        "INSERT INTO sla_fact (conversation_id, number, at, kind, value, metric, detail)"
        " SELECT conversation_id, number, at, kind, value, metric, detail::jsonb FROM"
        " unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])"
        " AS given (conversation_id, number, at, kind, value, metric, detail)",
        *_columns(rows),
    )


async def lock_told(
    session: AsyncSession, keys: Collection[tuple[UUID, ClockKey]]
) -> dict[tuple[UUID, ClockKey], Told]:
    """Of these clocks, by (conversation, (metric, seq))."""
    if not keys:
        return {}
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT c.id, c.conversation_id, c.metric, c.seq, c.fired::text AS fired, c.detected_at FROM sla_clock c"
        " JOIN unnest($1::uuid[], $2::text[], $3::int[]) AS k (conversation_id, metric, seq)"
        " USING (conversation_id, metric, seq) ORDER BY c.id FOR UPDATE OF c",
        *_columns([(conversation_id, metric, seq) for conversation_id, (metric, seq) in keys]),
    )
    return {(row["conversation_id"], (row["metric"], row["seq"])): told_of(row) for row in rows}


async def list_keys(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, list[ClockKey]]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT conversation_id, metric, seq FROM sla_clock WHERE conversation_id = ANY($1::uuid[])",
        list(conversation_ids),
    )
    found: dict[UUID, list[ClockKey]] = {conversation_id: [] for conversation_id in conversation_ids}
    for row in rows:
        found[row["conversation_id"]].append((row["metric"], row["seq"]))
    return found


async def put_clocks(session: AsyncSession, clocks: Sequence[PlacedClock]) -> None:
    if not clocks:
        return
    connection = await driver_connection(session)
    await connection.execute(_PUT_CLOCKS, *_columns([_clock_values(one) for one in clocks]))
    ringing = [one.row.timers[0].at for one in clocks if one.row.timers]
    if ringing:
        due_rows.announce(session, "sla_clock", min(ringing))


async def delete_clocks(session: AsyncSession, clock_ids: Collection[UUID]) -> None:
    if clock_ids:
        connection = await driver_connection(session)
        await connection.execute("DELETE FROM sla_clock WHERE id = ANY($1::uuid[])", list(clock_ids))


def _fact(row: asyncpg.Record) -> Fact:
    if row["detail"] is not None:
        return checkpoint.load_fact(json.loads(row["detail"]))
    return Fact(row["at"], row["kind"], row["value"], row["metric"])


def _detail(fact: Fact) -> str | None:
    return None if fact.is_plain else json.dumps(checkpoint.dump_fact(fact))


def told_of(row: asyncpg.Record) -> Told:
    fired = {name: datetime.fromisoformat(at) for name, at in json.loads(row["fired"]).items()}
    return Told(row["id"], fired, row["detected_at"])


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


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
        selection={family: UUID(version) for family, version in json.loads(row["selection"]).items()},
        state=checkpoint.load(row["checkpoint"]),
        facts=row["facts"],
    )


def _state_values(conversation_id: UUID, one: Followed) -> tuple[Any, ...]:
    subject, attributes = one.subject, one.subject.attributes
    return (
        *(conversation_id, subject.customer_id, attributes.channel, subject.channel_account_id, attributes.brand),
        *(subject.rights.owner_id, subject.rights.team_id, attributes.queue_id, attributes.priority),
        *(attributes.category, json.dumps(attributes.segments), attributes.language),
        json.dumps({family: str(version) for family, version in one.selection.items()}),
        checkpoint.dump(one.state),
        *(one.state.generation, one.facts, one.is_over),
    )


def _clock_values(placed: PlacedClock) -> tuple[Any, ...]:
    row, clock, reading = placed.row, placed.row.clock, placed.row.reading
    timers = [{"at": timer.at.isoformat(), "kind": timer.kind, "name": timer.name} for timer in row.timers]
    return (
        *(row.told.id, placed.conversation_id, clock.metric, clock.seq, reading.state),
        None if row.policy is NO_POLICY else row.policy.id,
        *(placed.subject.attributes.channel, placed.subject.attributes.queue_id, placed.subject.rights.team_id),
        *(clock.target.total_seconds(), clock.elapsed.total_seconds(), clock.counted_at, clock.started_at),
        *(reading.due_at, clock.paused_at, clock.stopped_at, reading.breached_at, row.told.detected_at),
        *(clock.generation, json.dumps(timers)),
        json.dumps({name: at.isoformat() for name, at in row.told.fired.items()}),
        row.timers[0].at if row.timers else None,
        *(row.face.soon_at, row.face.model_dump_json()),
    )
