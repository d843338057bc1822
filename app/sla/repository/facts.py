"""Statements on what the clocks were told."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import columns, driver_connection
from app.sla import checkpoint
from app.sla.facts import Fact


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
        *columns(rows),
    )


def _fact(row: asyncpg.Record) -> Fact:
    if row["detail"] is not None:
        return checkpoint.load_fact(json.loads(row["detail"]))
    return Fact(row["at"], row["kind"], row["value"], row["metric"])


def _detail(fact: Fact) -> str | None:
    return None if fact.is_plain else json.dumps(checkpoint.dump_fact(fact))
