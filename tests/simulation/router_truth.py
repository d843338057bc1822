"""What must never be found in the tables of routing beyond the checker's rules, and what a router would hold now."""

from app.core.database import Database
from app.routing.engine import Engine
from app.routing.service import loading

WRONG = {
    "offers of one version of a work accepted twice": """
        SELECT work_id FROM offer WHERE state = 'accepted' GROUP BY work_id, work_version HAVING count(*) > 1""",
    "conversations with two live works": """
        SELECT conversation_id FROM work_item WHERE state IN ('queued', 'offered', 'assigned', 'parked', 'wrapping')
        GROUP BY conversation_id HAVING count(*) > 1""",
    "conversations whose owner is not who has the work": """
        SELECT w.id, w.state FROM work_item w JOIN conversation c ON c.id = w.conversation_id
        WHERE (w.state IN ('assigned', 'parked') AND w.agent_id IS DISTINCT FROM c.owner_id)
           OR (w.state IN ('queued', 'offered') AND c.owner_id IS NOT NULL)""",
    "offers pending with somebody who takes no work": """
        SELECT o.id FROM offer o JOIN agent_presence p USING (agent_id) WHERE o.state = 'pending'
          AND (p.session <> 'connected' OR p.readiness <> 'ready' OR p.penalty <> 'none')""",
    "offers without the trace of their decision": """
        SELECT o.id FROM offer o WHERE NOT EXISTS (SELECT 1 FROM routing_decision d WHERE d.work_id = o.work_id
          AND d.agent_id = o.agent_id AND d.outcome = 'offer' AND d.decided_at = o.made_at)""",
}


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
