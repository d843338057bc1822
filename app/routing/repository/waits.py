"""Statements on lines: places in them, how fast they move, what was estimated and what came of it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.models import WaitEstimate
from app.routing.service_levels import SHORT_ABANDON_SECONDS

MAX_LINE = 500
"""Places further back than this are not told: the cost of a look stays the same whatever waits."""
HANDLED_MOST = 150
HANDLED_WITHIN = timedelta(days=7)
DEMAND_WITHIN = timedelta(hours=1)
DEMAND_MOST = 1_000
MEASURED_MOST = 1_000
"""Of a queue, the latest estimates that its measured accuracy is made of."""

_LOADS = """
SELECT queue.id, queue.offer_timeout_seconds, queue.auto_accept, coalesce(present.channel, past.channel) AS channel,
       coalesce(present.units, past.units) AS units, waiting.number + lately.number AS demand, handled.seconds
FROM queue
LEFT JOIN LATERAL (
    SELECT channel, units FROM work_item WHERE queue_id = queue.id AND state IN ('queued', 'offered') LIMIT 1
) AS present ON true
LEFT JOIN LATERAL (
    SELECT channel, units FROM work_item WHERE queue_id = queue.id AND answered_at IS NOT NULL
    ORDER BY answered_at DESC LIMIT 1
) AS past ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (SELECT FROM work_item WHERE queue_id = queue.id AND state IN ('queued', 'offered')
                                    LIMIT :demand_most) AS x
) AS waiting
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (SELECT FROM work_item WHERE queue_id = queue.id AND answered_at >= :demand_since
                                    LIMIT :demand_most) AS x
) AS lately
CROSS JOIN LATERAL (
    SELECT array_agg(CAST(extract(epoch FROM x.freed_at - x.answered_at) AS float8) ORDER BY x.freed_at) AS seconds
    FROM (SELECT answered_at, freed_at FROM work_item WHERE queue_id = queue.id AND freed_at >= :handled_since
          ORDER BY freed_at DESC LIMIT :handled_most) AS x
) AS handled
"""
_AGENTS = """
SELECT ledger.agent_id, ledger.capacity_units, ledger.used_units, ledger.channel_limits, ledger.used_by_channel,
       array_agg(member.queue_id) AS queues
FROM queue_member AS member
JOIN agent_presence AS presence USING (agent_id) JOIN agent_ledger AS ledger USING (agent_id)
WHERE presence.session = 'connected' AND presence.readiness = 'ready' AND presence.penalty = 'none'
  AND presence.pending_reason IS NULL
GROUP BY ledger.agent_id
"""
# `place` is among all who wait; `behind` counts those without an offer, up to and with this one.
_PLACES = """
SELECT queue.name, queue.names, line.id, line.queue_id, line.conversation_id, line.state, line.place, line.behind,
       line.unroutable_reason
FROM ({queues}) AS queue CROSS JOIN LATERAL (
    SELECT head.*, row_number() OVER turn AS place, count(*) FILTER (WHERE head.state = 'queued') OVER turn AS behind
    FROM (SELECT id, queue_id, conversation_id, state, unroutable_reason, tier, due_at, priority, ready_at
          FROM work_item WHERE queue_id = queue.id AND state IN ('queued', 'offered')
          ORDER BY tier, due_at, priority DESC, ready_at, id LIMIT :line_most) AS head
    WINDOW turn AS (ORDER BY tier, due_at, priority DESC, ready_at, id ROWS UNBOUNDED PRECEDING)
) AS line
"""
_PLACES_OF = text(
    _PLACES.format(
        queues="SELECT id, name, names FROM queue WHERE id IN (SELECT queue_id FROM work_item"
        " WHERE conversation_id = ANY(:conversations) AND state IN ('queued', 'offered'))"
    )
    + "WHERE line.conversation_id = ANY(:conversations)"
)
_UNTOLD = text(
    _PLACES.format(queues="SELECT id, name, names FROM queue WHERE NOT synthetic")
    + "LEFT JOIN wait_estimate AS told ON told.work_id = line.id WHERE told.work_id IS NULL AND line.state = 'queued'"
    " AND line.unroutable_reason IS NULL"
)
_MEASURED = text(
    """
    SELECT queue.id, x.answered, x.median_error_seconds, x.within_p90
    FROM queue CROSS JOIN LATERAL (
        SELECT count(*) AS answered, count(*) FILTER (WHERE waited <= p90_seconds) AS within_p90,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(waited - p50_seconds)) AS median_error_seconds
        FROM (
            SELECT told.p50_seconds, told.p90_seconds,
                   CAST(extract(epoch FROM work.answered_at - told.made_at) AS float8) AS waited
            FROM (SELECT * FROM wait_estimate WHERE queue_id = queue.id AND made_at >= :since
                  ORDER BY made_at DESC LIMIT :most) AS told
            JOIN work_item AS work ON work.id = told.work_id AND work.answered_at IS NOT NULL
        ) AS seen
    ) AS x
    WHERE NOT queue.synthetic
    """
)
_DAYS = text(
    """
    SELECT queue.id, queue.target_seconds, taken.*, lost.abandoned, late.waiting_late
    FROM queue CROSS JOIN LATERAL (
        SELECT count(*) AS answered, count(*) FILTER (WHERE waited <= queue.target_seconds) AS in_target,
               avg(waited) AS wait_mean_seconds, max(waited) AS wait_max_seconds,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY waited) AS wait_p50_seconds,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY waited) AS wait_p95_seconds
        FROM (SELECT CAST(extract(epoch FROM answered_at - ready_at) AS float8) AS waited FROM work_item
              WHERE queue_id = queue.id AND answered_at >= :since) AS work
    ) AS taken CROSS JOIN LATERAL (
        SELECT count(*) AS abandoned FROM work_item
        WHERE queue_id = queue.id AND state = 'abandoned' AND answered_at IS NULL AND ended_at >= :since
          AND ended_at > ready_at + make_interval(secs => :short_seconds)
    ) AS lost CROSS JOIN LATERAL (
        SELECT count(*) AS waiting_late FROM work_item
        WHERE queue_id = queue.id AND state IN ('queued', 'offered') AND answered_at IS NULL
          AND ready_at < CAST(:now AS timestamptz) - make_interval(secs => queue.target_seconds)
    ) AS late
    WHERE NOT queue.synthetic
    """
)


async def list_loads(session: AsyncSession, now: datetime) -> Sequence[Row[Any]]:
    """A row a queue: its kind of work, what came lately or waits, and what the latest took, oldest first."""
    options = {
        "demand_most": DEMAND_MOST,
        "demand_since": now - DEMAND_WITHIN,
        "handled_since": now - HANDLED_WITHIN,
        "handled_most": HANDLED_MOST,
    }
    return (await session.execute(text(_LOADS), options)).all()


async def list_taking(session: AsyncSession) -> Sequence[Row[Any]]:
    """Agents to whom work is offered now, with their ledgers and the queues they serve."""
    return (await session.execute(text(_AGENTS))).all()


async def list_places(session: AsyncSession, conversation_ids: Collection[UUID]) -> Sequence[Row[Any]]:
    """Where these conversations stand, of those among the first of their queues."""
    options = {"conversations": list(conversation_ids), "line_most": MAX_LINE}
    return (await session.execute(_PLACES_OF, options)).all()


async def list_untold(session: AsyncSession) -> Sequence[Row[Any]]:
    """Work in line that somebody could take, of no probe's queue, of whose wait no estimate is kept yet."""
    return (await session.execute(_UNTOLD, {"line_most": MAX_LINE})).all()


async def add_estimates(session: AsyncSession, rows: Sequence[dict[str, object]]) -> None:
    """The first estimate of a work stays, whoever is a little later with another."""
    await session.execute(insert(WaitEstimate).on_conflict_do_nothing(), list(rows))


async def delete_estimates(session: AsyncSession, before: datetime) -> None:
    await session.execute(delete(WaitEstimate).where(WaitEstimate.made_at < before))


async def list_measured(session: AsyncSession, since: datetime) -> Sequence[Row[Any]]:
    """A row a queue: of its latest estimates made since then, what the waits of those answered were."""
    return (await session.execute(_MEASURED, {"since": since, "most": MEASURED_MOST})).all()


async def list_days(session: AsyncSession, since: datetime, now: datetime) -> Sequence[Row[Any]]:
    """A row a queue: what was answered and abandoned since then, and who waits longer than the target now."""
    options = {"since": since, "now": now, "short_seconds": SHORT_ABANDON_SECONDS}
    return (await session.execute(_DAYS, options)).all()
