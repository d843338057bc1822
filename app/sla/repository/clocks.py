"""Statements on clocks."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import due_rows
from app.core.database import columns, driver_connection
from app.sla.conversation_state import ClockKey
from app.sla.event_facts import Subject
from app.sla.following import NO_POLICY, ClockRow, Told

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


async def list_told(session: AsyncSession, conversation_id: UUID) -> dict[ClockKey, Told]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT id, metric, seq, fired::text AS fired, detected_at FROM sla_clock WHERE conversation_id = $1",
        conversation_id,
    )
    return {(row["metric"], row["seq"]): _told_of(row) for row in rows}


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
        *columns([(conversation_id, metric, seq) for conversation_id, (metric, seq) in keys]),
    )
    return {(row["conversation_id"], (row["metric"], row["seq"])): _told_of(row) for row in rows}


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
    await connection.execute(_PUT_CLOCKS, *columns([_clock_values(one) for one in clocks]))
    ringing = [one.row.timers[0].at for one in clocks if one.row.timers]
    if ringing:
        due_rows.announce(session, "sla_clock", min(ringing))


async def delete_clocks(session: AsyncSession, clock_ids: Collection[UUID]) -> None:
    if clock_ids:
        connection = await driver_connection(session)
        await connection.execute("DELETE FROM sla_clock WHERE id = ANY($1::uuid[])", list(clock_ids))


def _told_of(row: asyncpg.Record) -> Told:
    fired = {name: datetime.fromisoformat(at) for name, at in json.loads(row["fired"]).items()}
    return Told(row["id"], fired, row["detected_at"])


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
