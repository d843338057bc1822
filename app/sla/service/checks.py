"""An operator's check: what is stored of the clocks is what the whole history says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import driver_connection
from app.sla import conversation_clocks, policies, repository
from app.sla.clock import Clock
from app.sla.conversation_state import ClockKey
from app.sla.service import book as books

_IDS = "SELECT conversation_id FROM sla_state WHERE conversation_id > $1 ORDER BY conversation_id LIMIT $2"
_CLOCKS = """
SELECT conversation_id, metric, seq, started_at, counted_at, elapsed_seconds, paused_at, stopped_at FROM sla_clock
WHERE conversation_id = ANY($1::uuid[])
"""
Facets = tuple[datetime, datetime, float, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one clock; null: it is not stored, or the history does not know it."""

    conversation_id: UUID
    metric: str
    seq: int
    stored: str | None
    recomputed: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """One page; go on after `next_after` until it is null."""

    looked_at: int
    differences: list[Difference]
    next_after: UUID | None


async def check_stored(session: AsyncSession, act: Act, *, after: UUID, limit: int) -> Checked:
    """The conversations of the page are locked meanwhile, so that none is judged half-way through a change."""
    connection = await driver_connection(session)
    page: list[UUID] = [row["conversation_id"] for row in await connection.fetch(_IDS, after, limit)]
    return Checked(
        looked_at=len(page),
        differences=await check_conversations(session, act, page),
        next_after=page[-1] if len(page) == limit else None,
    )


async def check_conversations(session: AsyncSession, act: Act, ids: Sequence[UUID]) -> list[Difference]:
    """What has elapsed, and when. Due times follow from it and from the calendars at the next adoption."""
    states = await repository.lock_states(session, ids)
    book = await books.load(session, act, kept={one for state in states.values() for one in state.selection.values()})
    history = await repository.list_facts(session, list(states))
    connection = await driver_connection(session)
    stored: dict[UUID, dict[ClockKey, Facets]] = {conversation_id: {} for conversation_id in states}
    for row in await connection.fetch(_CLOCKS, list(states)):
        stored[row["conversation_id"]][row["metric"], row["seq"]] = _of_row(row)
    found: list[Difference] = []
    for conversation_id, state in states.items():
        rules = policies.rules_of(book, state.selection)
        _, changes = conversation_clocks.recompute(rules, history[conversation_id])
        expected = {key: _of_clock(clock) for key, clock in changes.items() if clock is not None}
        known = stored[conversation_id]
        found += [
            Difference(conversation_id, *key, _text(known.get(key)), _text(expected.get(key)))
            for key in sorted(known.keys() | expected.keys())
            if known.get(key) != expected.get(key)
        ]
    return found


def _of_row(row: asyncpg.Record) -> Facets:
    return row["started_at"], row["counted_at"], row["elapsed_seconds"], row["paused_at"], row["stopped_at"]


def _of_clock(clock: Clock) -> Facets:
    return clock.started_at, clock.counted_at, clock.elapsed.total_seconds(), clock.paused_at, clock.stopped_at


def _text(facets: Facets | None) -> str | None:
    if facets is None:
        return None
    started_at, counted_at, elapsed, paused_at, stopped_at = facets
    more = "".join(f", {word} {at.isoformat()}" for word, at in (("paused", paused_at), ("stopped", stopped_at)) if at)
    return f"started {started_at.isoformat()}, {elapsed:g} s by {counted_at.isoformat()}{more}"
