"""What the engine would decide of one waiting work with the tables as they are now."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.routing import traces
from app.routing.engine import Engine
from app.routing.schemas import KeptOut, PresentStanding
from app.routing.service import loading
from app.routing.standing import Standing

MAX_NAMES = 50
"""Of each rule; a supervisor who reads more of them reads a list of the staff."""


async def stand_now(session: AsyncSession, work_id: UUID, now: datetime) -> PresentStanding | None:
    """None for work that does not wait, or whose queue is gone. Reads every agent: not for a hot path."""
    waiting = await loading.load_waiting(session, {work_id})
    if not waiting:
        return None
    engine = Engine()
    for queue in await loading.load_queues(session, None):
        engine.put_queue(queue)
    for agent in await loading.load_agents(session, None):
        engine.put_agent(agent.facts)
    engine.put_work(waiting[0])
    try:
        return _view(engine.stand(work_id, now), now)
    except NotFound:
        return None


def _view(standing: Standing, now: datetime) -> PresentStanding:
    trace = standing.trace
    return PresentStanding(
        as_of=now,
        ring=trace.ring,
        requirements=dict(standing.requirements),
        asked_alone=trace.asked_alone,
        eligible=trace.eligible,
        decided_by=trace.decided_by,
        candidates=traces.candidates(trace),
        kept_out=[
            KeptOut(rule=rule, count=len(agent_ids), agent_ids=agent_ids[:MAX_NAMES])
            for rule, agent_ids in standing.kept_out.items()
        ],
    )
