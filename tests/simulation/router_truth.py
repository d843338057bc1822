"""What must never be found in the tables of routing beyond the checker's rules, and what a router would hold now."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.routing import capacity
from app.routing.engine import Engine
from app.routing.repository import checks
from app.routing.service import loading
from app.routing.service.desk import ledger_facts
from app.routing.service.warm_transfers import WATCH_SECONDS

LOOKED_BACK = timedelta(minutes=1)
WRONG = {
    "offers of one version of a work accepted twice": """
        SELECT work_id FROM offer WHERE state = 'accepted' GROUP BY work_id, work_version HAVING count(*) > 1""",
    "conversations with two live works": """
        SELECT conversation_id FROM work_item WHERE state IN ('queued', 'offered', 'assigned', 'parked', 'wrapping')
        AND NOT handed_on GROUP BY conversation_id HAVING count(*) > 1""",
    "conversations whose owner is not who has the work": """
        SELECT w.id, w.state FROM work_item w JOIN conversation c ON c.id = w.conversation_id
        WHERE (w.state IN ('assigned', 'parked') AND w.agent_id IS DISTINCT FROM c.owner_id)
           OR (w.state IN ('queued', 'offered') AND c.owner_id IS NOT NULL)""",
    "offers pending with somebody who takes no work": """
        SELECT o.id FROM offer o JOIN agent_presence p USING (agent_id) WHERE o.state = 'pending'
          AND (p.session <> 'connected' OR p.readiness <> 'ready' OR p.penalty <> 'none')""",
    "offers without the trace of their decision": """
        SELECT o.id FROM offer o WHERE NOT EXISTS (SELECT 1 FROM routing_decision d WHERE
          d.conversation_id = o.conversation_id AND d.agent_id = o.agent_id AND d.decided_at = o.made_at
          AND ((d.outcome = 'offer' AND d.work_id = o.work_id)
               OR (d.outcome = 'consulted' AND o.from_agent_id IS NOT NULL)))""",
    "colleagues asked by themselves, or looked after too late": f"""
        SELECT id FROM offer WHERE state = 'pending' AND from_agent_id IS NOT NULL
          AND (from_agent_id = agent_id OR run_at > deadline_at
               OR run_at > CAST(:now AS timestamptz) + interval '{WATCH_SECONDS} seconds')""",
    "what somebody wraps up for longer than their queue could ask, or without units though it had them": """
        SELECT id FROM work_item WHERE state = 'wrapping' AND run_at > CAST(:now AS timestamptz) + interval '1 hour'
        UNION ALL SELECT id FROM work_item WHERE handed_on AND state = 'wrapping' AND NOT units_held""",
    "offered to another while it is kept for who served the customer last": """
        SELECT o.id FROM offer o JOIN work_item w ON w.id = o.work_id
          JOIN agent_presence p ON p.agent_id = w.sticky_agent_id
          JOIN queue_member m ON m.agent_id = w.sticky_agent_id AND m.queue_id = w.queue_id
        WHERE o.state = 'pending' AND o.from_agent_id IS NULL AND o.agent_id <> w.sticky_agent_id
          AND w.sticky_until > o.made_at AND w.requirements = '{}' AND w.least_ring = 0
          AND p.session = 'connected' AND p.since < o.made_at""",
    "asked alone without having served the customer last": """
        SELECT o.id FROM offer o JOIN work_item w ON w.id = o.work_id JOIN routing_decision d ON d.work_id = w.id
          AND d.agent_id = o.agent_id AND d.outcome = 'offer' AND d.decided_at = o.made_at
        WHERE o.state = 'pending' AND (d.trace ->> 'asked_alone')::boolean
          AND w.sticky_agent_id IS DISTINCT FROM o.agent_id""",
    "waits for an answer that nobody is asked for": """
        SELECT o.id FROM offer o JOIN queue q ON q.id = o.queue_id JOIN agent a ON a.id = o.agent_id
          LEFT JOIN queue_version v ON v.queue_id = q.id AND v.version = q.version
        WHERE o.state = 'pending' AND o.from_agent_id IS NULL
          AND ((a.auto_accept AND a.updated_at < o.made_at) OR (q.auto_accept AND v.made_at < o.made_at))""",
    "interrupted though nothing interrupts it, or with units": """
        SELECT id FROM work_item WHERE state = 'parked' AND (units_held OR channel NOT IN ('email', 'task'))""",
    "more interrupted works than an agent may have": f"""
        SELECT agent_id FROM work_item WHERE state = 'parked' GROUP BY agent_id
        HAVING count(*) > {capacity.MAX_PARKED}""",
    "overflowed too often, or back to where it had been": """
        SELECT id FROM work_item WHERE jsonb_array_length(overflow_path) > 5 OR overflow_path ? queue_id::text""",
}
"""Each with the instant `:now` if it asks for it."""

KINDS = {
    "interrupted": ("work.changed", "parked", "interrupted"),
    "went on after an interruption": ("work.changed", "assigned", "resumed"),
    "gone idle": ("work.changed", "assigned", "idle"),
    "overflowed": ("work.changed", "moved", "overflowed"),
    "handed on and wrapped up": ("work.changed", "wrapping", "handed_on"),
    "wrapped up by the agent": ("work.changed", "done", "wrap_up_agent"),
    "wrapped up by a supervisor": ("work.changed", "done", "wrap_up_supervisor"),
    "wrapped up by time": ("work.changed", "done", "wrap_up_time"),
    "reopened during the wrap-up": ("work.changed", "assigned", "reopened"),
    "accepted without an answer": ("offer.ended", "accepted", "auto"),
    "a colleague accepted": ("transfer.ended", "accepted", ""),
    "a colleague declined": ("transfer.ended", "declined", ""),
    "a colleague no longer asked": ("transfer.ended", "withdrawn", ""),
    "the last agent asked alone": ("decision", "offer", "asked alone"),
    "kept for its owner": ("work.changed", "queued", "owner_unavailable"),
}
"""What is to come about, by how the log tells it."""
TOLD = """
    SELECT type, coalesce(payload ->> 'after', payload ->> 'state', '') AS came,
      coalesce(payload ->> 'reason', '') AS why, count(*) AS times
    FROM event WHERE type IN ('work.changed', 'offer.ended', 'transfer.ended') GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'decision', 'offer', 'asked alone', count(*) FROM routing_decision
    WHERE outcome = 'offer' AND (trace ->> 'asked_alone')::boolean
"""


async def list_faults(session: AsyncSession, now: datetime, wrong: Mapping[str, str]) -> list[Any]:
    """All that is wrong in the tables now; `wrong` are statements that must find nothing."""
    found: list[Any] = [("drift", *one) for one in await checks.find_drift(session)]
    found += await checks.list_violations(session)
    found += await checks.list_unbalanced(session, now - LOOKED_BACK)
    for name, statement in wrong.items():
        rows = await session.execute(text(statement), {"now": now} if ":now" in statement else {})
        found += [(name, *row) for row in rows]
    return found + [("interrupted though there is room", work_id) for work_id in await _list_resumable(session)]


async def _list_resumable(session: AsyncSession) -> list[Any]:
    """Whoever frees units lets what was interrupted go on in the same transaction."""
    parked = "SELECT agent_id FROM work_item WHERE state = 'parked'"
    held = await session.execute(
        text(
            "SELECT w.id, w.agent_id, w.channel, w.units, w.units_held, w.state, l.capacity_units, l.channel_limits"
            f" FROM work_item w JOIN agent_ledger l USING (agent_id) WHERE w.agent_id IN ({parked})"
            " AND w.state IN ('offered', 'consulted', 'assigned', 'parked', 'wrapping')"
        )
    )
    works: dict[Any, list[Any]] = {}
    for row in held:
        works.setdefault(row.agent_id, []).append(row)
    return [row.id for rows in works.values() for row in rows if row.state == "parked" and _fits(row, rows)]


def _fits(parked: Any, works: list[Any]) -> bool:
    fit = capacity.fits(ledger_facts(parked, works), parked.channel, parked.units)
    return fit is not None and not fit.parks


async def count_kinds(session: AsyncSession) -> Counter[str]:
    """How often each of KINDS has come about."""
    told = {(row.type, row.came, row.why): row.times for row in await session.execute(text(TOLD))}
    return Counter({name: told[key] for name, key in KINDS.items() if told.get(key)})


async def memory_of(database: Database) -> Engine:
    """What a router would hold now."""
    engine = Engine()
    async with database.transaction() as session:
        for queue in await loading.load_queues(session, None):
            engine.put_queue(queue)
        for agent in await loading.load_agents(session, None):
            engine.put_agent(agent.facts)
        for work in await loading.load_waiting(session, None):
            engine.put_work(work)
    return engine
