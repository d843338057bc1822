"""Clocks as screens show them: the most urgent one of each conversation, all of one, and those that need somebody."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.conversations.schemas import Summary
from app.core.database import driver_connection
from app.events.sla import ClockFace
from app.sla.schemas import ClockedSummary

Standing = Literal["due_soon", "breached"]
"""`due_soon`: three quarters of the target are used, and it is not due yet. `breached`: due, and nothing stopped it."""
CLOCKS_LIMIT = 500
"""Of one conversation, the latest of each metric first."""

# The urgent ones first: a breached clock has the earliest due time, a paused one has none.
_MOST_URGENT = """
SELECT DISTINCT ON (conversation_id) conversation_id, state, due_at, face::text AS face FROM sla_clock
WHERE conversation_id = ANY($1::uuid[]) AND stopped_at IS NULL AND face IS NOT NULL
ORDER BY conversation_id, due_at NULLS LAST, id
"""
_OF_CONVERSATION = """
SELECT state, due_at, face::text AS face FROM sla_clock WHERE conversation_id = $1 AND face IS NOT NULL
ORDER BY stopped_at IS NOT NULL, due_at NULLS LAST, seq DESC, id LIMIT $2
"""
# The same rule as app/access/visibility.py; tests/integration/sla compares the two.
_PRESSING = """
FROM sla_clock c JOIN sla_state s USING (conversation_id)
WHERE c.stopped_at IS NULL AND c.soon_at <= $1
  AND ($2::text = 'all' OR s.owner_id = $3 OR (s.team_id = $4 AND ($2::text = 'team' OR s.owner_id IS NULL)))
"""
_COUNTS = f"""
SELECT s.queue_id, count(*) FILTER (WHERE c.due_at > $1) AS due_soon, count(*) FILTER (WHERE c.due_at <= $1) AS breached
{_PRESSING} GROUP BY s.queue_id
"""
_LIST = f"""
SELECT c.id, c.conversation_id, c.state, c.due_at, c.face::text AS face {_PRESSING}
  AND (CASE WHEN $5 = 'breached' THEN c.due_at <= $1 ELSE c.due_at > $1 END)
  AND ($6::uuid IS NULL OR s.queue_id = $6) AND (c.due_at, c.id) > ($7, $8)
ORDER BY c.due_at, c.id LIMIT $9
"""
# A clock stopped before it was due is told when it was due, as attainment is.
_KEPT = """
SELECT count(*) AS due,
  count(*) FILTER (WHERE state <> 'breached' AND breached_at IS NULL AND stopped_at IS NOT NULL) AS met
FROM sla_clock WHERE due_at >= $1 AND due_at < $2 AND state <> 'cancelled'
"""


@dataclass(frozen=True, slots=True)
class Pressing:
    """How many clocks of a queue's conversations are due soon, and how many are overdue."""

    due_soon: int = 0
    breached: int = 0


@dataclass(frozen=True, slots=True)
class PressingClock:
    clock_id: UUID
    conversation_id: UUID
    due_at: datetime
    face: ClockFace | None


async def list_faces(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, ClockFace]:
    """The most urgent open clock of each conversation that has one, in one query. Nobody's permission is asked."""
    if not conversation_ids:
        return {}
    connection = await driver_connection(session)
    rows = await connection.fetch(_MOST_URGENT, list(conversation_ids))
    return {row["conversation_id"]: _face(row) for row in rows}


async def with_faces(session: AsyncSession, summaries: Sequence[Summary]) -> list[ClockedSummary]:
    faces = await list_faces(session, [summary.id for summary in summaries])
    return [ClockedSummary(**dict(summary), sla=faces.get(summary.id)) for summary in summaries]


async def list_clocks(session: AsyncSession, principal: Principal, conversation_id: UUID) -> list[ClockFace]:
    """The clocks of one conversation, the open ones first. NotFound when the caller may not see it."""
    await conversations.get_summary(session, principal, conversation_id)
    connection = await driver_connection(session)
    return [_face(row) for row in await connection.fetch(_OF_CONVERSATION, conversation_id, CLOCKS_LIMIT)]


async def count_pressing(session: AsyncSession, principal: Principal, now: datetime) -> dict[UUID | None, Pressing]:
    """By the conversation's queue, of those the caller may see. Reads open clocks only, by one index."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_COUNTS, now, *_sight(principal))
    return {row["queue_id"]: Pressing(row["due_soon"], row["breached"]) for row in rows}


async def list_pressing(
    session: AsyncSession,
    principal: Principal,
    now: datetime,
    *,
    standing: Standing,
    queue_id: UUID | None,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[PressingClock]:
    """The clocks that `count_pressing` counts at the same instant, the nearest due time first."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_LIST, now, *_sight(principal), standing, queue_id, *after, limit)
    return [
        PressingClock(row["id"], row["conversation_id"], row["due_at"], _face(row) if row["face"] else None)
        for row in rows
    ]


async def count_kept(session: AsyncSession, due_from: datetime, due_to: datetime) -> tuple[int, int]:
    """(met, due) of all clocks that were due in the interval."""
    connection = await driver_connection(session)
    row = await connection.fetchrow(_KEPT, due_from, due_to)
    return row["met"], row["due"]


def _sight(principal: Principal) -> tuple[str, UUID, UUID | None]:
    return principal.visibility, principal.id, principal.team_id


def _face(row: asyncpg.Record) -> ClockFace:
    """As stored at the clock's last change; a breach and the end of a pause since then are in columns of their own."""
    stored = json.loads(row["face"])
    return ClockFace.model_validate(stored | {"state": row["state"], "due_at": row["due_at"]})
