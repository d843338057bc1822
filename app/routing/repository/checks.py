"""The invariants of routing as statements: what must never be found."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

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
)
VIOLATIONS = text(
    """
    SELECT 'over_capacity' AS rule, agent_id AS subject FROM agent_ledger AS ledger
    WHERE used_units > capacity_units AND NOT EXISTS (
        SELECT 1 FROM work_item JOIN routing_decision
          ON routing_decision.conversation_id = work_item.conversation_id AND routing_decision.work_id = work_item.id
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
    WHERE state IN ('offered', 'consulted', 'assigned', 'parked') AND agent_id IS NULL
    ORDER BY rule, subject LIMIT 1000
    """
)
"""Invariants of spec/routing.md that one statement can see. `forced` = a supervisor's override, audited by its row."""


async def find_drift(session: AsyncSession) -> list[tuple[UUID, int, int]]:
    """(agent, units in the ledger, units really held) wherever the two differ, in units or per channel."""
    return [(row.agent_id, row.used_units, row.held_units) for row in await session.execute(DRIFT)]


async def list_violations(session: AsyncSession) -> list[tuple[str, UUID]]:
    return [(row.rule, row.subject) for row in await session.execute(VIOLATIONS)]
