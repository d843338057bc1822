"""First answers that are still owed, for whoever tells the customer when to expect them."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.sla.answer_times import AnswerTime, shares_span
from app.sla.calendar_spec import CalendarHistory, working_time

_OPEN = """
SELECT c.id, c.started_at, c.due_at, (v.body->>'calendar_id')::uuid AS calendar_id
FROM sla_clock c JOIN sla_policy_version v ON v.id = c.policy_version_id
WHERE c.id = ANY($1::uuid[]) AND c.metric = 'first_reply' AND c.seq = 1 AND c.state IN ('running', 'breached')
"""
_CALENDARS = """
SELECT calendar_id, effective_at, spec::text AS spec FROM business_calendar_version
WHERE calendar_id = ANY($1::uuid[]) ORDER BY calendar_id, version
"""
ROUND_THE_CLOCK_ZONE = "UTC"


async def list_first_answers(session: AsyncSession, clock_ids: Collection[UUID]) -> dict[UUID, AnswerTime]:
    """By clock; those that were answered, cancelled or withdrawn meanwhile are left out."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_OPEN, list(clock_ids))
    calendars = await _calendars(connection, {row["calendar_id"] for row in rows} - {None})
    return {row["id"]: _answer_time(row, calendars.get(row["calendar_id"], ())) for row in rows}


async def _calendars(connection: Any, calendar_ids: Collection[UUID]) -> dict[UUID, CalendarHistory]:
    found: dict[UUID, CalendarHistory] = {}
    for row in await connection.fetch(_CALENDARS, list(calendar_ids)) if calendar_ids else ():
        found[row["calendar_id"]] = (*found.get(row["calendar_id"], ()), (row["effective_at"], row["spec"]))
    return found


def _answer_time(row: asyncpg.Record, history: CalendarHistory) -> AnswerTime:
    started_at, due_at = row["started_at"], row["due_at"]
    same_span = due_at is not None and shares_span(working_time(history), started_at, due_at)
    zone = json.loads(history[-1][1])["timezone"] if history else ROUND_THE_CLOCK_ZONE
    return AnswerTime(started_at, due_at, zone, same_span)
