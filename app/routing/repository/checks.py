"""The invariants of routing as statements: what must never be found."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.models import LIVE_WORK

DRIFT = text(
    """
    WITH held AS (
        SELECT agent_id, channel, sum(units) AS units, count(*) AS works FROM work_item
        WHERE units_held AND agent_id IS NOT NULL AND state IN ('offered', 'consulted', 'assigned', 'wrapping')
        GROUP BY agent_id, channel
    ), summed AS (
        SELECT agent_id, sum(units)::int AS units, jsonb_object_agg(channel, works) AS by_channel
        FROM held GROUP BY agent_id
    )
    SELECT ledger.agent_id, ledger.used_units, coalesce(summed.units, 0) AS held_units
    FROM agent_ledger AS ledger LEFT JOIN summed USING (agent_id)
    WHERE ledger.used_units <> coalesce(summed.units, 0)
       OR ledger.used_by_channel <> coalesce(summed.by_channel, '{}')
    ORDER BY ledger.agent_id
    """
)

RULES = (
    "over_capacity",
    "offered_without_offer",
    "offer_without_work",
    "queued_without_timer",
    "queued_with_agent",
    "owned_without_agent",
    "wrapping_without_timer",
    "idle_with_units",
)
BALANCE_RULES = ("live_but_ended", "moved_in_from_nowhere", "moved_out_to_nowhere")
# Each work item is of one queue and in one state, so that a queue's books close as long as what leaves one queue comes
# into another at the same instant, and nothing is both open and at its end. By keys: of work that ended there is much.
UNBALANCED = text(
    f"""
    SELECT 'live_but_ended' AS rule, id AS subject FROM work_item WHERE {LIVE_WORK} AND ended_at IS NOT NULL
    UNION ALL
    SELECT 'moved_in_from_nowhere', work.id FROM work_item AS work
    WHERE work.{LIVE_WORK} AND overflow_path <> '[]' AND NOT EXISTS (
        SELECT FROM routing_decision AS way JOIN work_item AS former ON former.id = way.work_id
        WHERE way.conversation_id = work.conversation_id AND way.outcome = 'overflowed'
          AND way.trace ->> 'to_work_id' = work.id::text AND former.state = 'moved'
          AND (former.ended_at, former.ready_at) = (work.created_at, work.ready_at))
    UNION ALL
    SELECT 'moved_out_to_nowhere', work_id FROM routing_decision AS way
    WHERE outcome = 'overflowed' AND decided_at >= :since AND NOT EXISTS (
        SELECT FROM work_item AS work WHERE work.id = CAST(way.trace ->> 'to_work_id' AS uuid)
          AND work.queue_id::text = way.trace ->> 'to_queue_id' AND work.created_at = way.decided_at)
    ORDER BY rule, subject LIMIT 1000
    """
)
"""Conservation per queue: created + moved in = done + abandoned + cancelled + moved out + still open."""

VIOLATIONS = text(
    """
    SELECT 'over_capacity' AS rule, agent_id AS subject FROM agent_ledger AS ledger
    WHERE used_units > capacity_units AND NOT EXISTS (
        SELECT 1 FROM work_item JOIN routing_decision
          ON routing_decision.conversation_id = work_item.conversation_id
          AND (routing_decision.work_id = work_item.id OR work_item.handed_on)
        WHERE work_item.agent_id = ledger.agent_id AND work_item.units_held
          AND work_item.state IN ('offered', 'assigned', 'wrapping')
          AND routing_decision.agent_id = ledger.agent_id AND routing_decision.outcome = 'forced')
    UNION ALL
    SELECT 'offered_without_offer', id FROM work_item WHERE state IN ('offered', 'consulted') AND NOT EXISTS (
        SELECT 1 FROM offer WHERE offer.work_id = work_item.id AND offer.state = 'pending'
          AND offer.agent_id = work_item.agent_id AND offer.work_version = work_item.version)
    UNION ALL
    SELECT 'offer_without_work', offer.id FROM offer JOIN work_item ON work_item.id = offer.work_id
    WHERE offer.state = 'pending' AND work_item.state NOT IN ('offered', 'consulted')
    UNION ALL
    SELECT 'queued_without_timer', id FROM work_item
    WHERE state = 'queued' AND run_at IS NULL
    UNION ALL
    SELECT 'queued_with_agent', id FROM work_item WHERE state = 'queued' AND (agent_id IS NOT NULL OR units_held)
    UNION ALL
    SELECT 'owned_without_agent', id FROM work_item
    WHERE state IN ('offered', 'consulted', 'assigned', 'parked', 'wrapping') AND agent_id IS NULL
    UNION ALL
    SELECT 'wrapping_without_timer', id FROM work_item WHERE state = 'wrapping' AND run_at IS NULL
    UNION ALL
    SELECT 'idle_with_units', id FROM work_item WHERE idle_sequence IS NOT NULL AND (units_held OR state <> 'assigned')
    ORDER BY rule, subject LIMIT 1000
    """
)
"""Invariants of routing that one statement can see. `forced` = a supervisor's override, audited by its row; what was
handed on is wrapped up by a work of its own, whose units were forced with those of the first."""


async def find_drift(session: AsyncSession) -> list[tuple[UUID, int, int]]:
    """(agent, units in the ledger, units really held) wherever the two differ, in units or per channel."""
    return [(row.agent_id, row.used_units, row.held_units) for row in await session.execute(DRIFT)]


async def list_violations(session: AsyncSession) -> list[tuple[str, UUID]]:
    return [(row.rule, row.subject) for row in await session.execute(VIOLATIONS)]


async def list_unbalanced(session: AsyncSession, since: datetime) -> list[tuple[str, UUID]]:
    """What overflowed is looked at from then on, the rest as it stands."""
    return [(row.rule, row.subject) for row in await session.execute(UNBALANCED, {"since": since})]
