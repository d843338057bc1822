"""Who could take a queue's work on terms that are not saved: the engine's own judgement, ring by ring."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.routing.capacity import could_ever_fit
from app.routing.decisions import UnroutableReason
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.index import Agent, Reach, Work
from app.routing.lanes import Lane
from app.routing.roster import Roster

NO_WORK = UUID(int=0)


@dataclass(frozen=True, slots=True)
class RingLook:
    """Counts of agents at one ring, each of those before it; as in `planning.schemas.RingLookView`. Where a minimum
    falls between two rings, the first of them is told once more.
    """

    ring: int
    enter_after_seconds: int
    let_in: int
    could: int
    ready: int
    free: int
    lacking: dict[str, int]


def look(
    queue: QueueFacts, agents: Iterable[AgentFacts], *, channel: str, weight: int, at: datetime
) -> tuple[list[RingLook], UnroutableReason | None]:
    """One look a ring, 0 first, and why nobody could ever take such work, or None. Raises InvalidInput for rings that
    contradict one another. What a work itself would ask, such as its language, is left out.
    """
    roster = Roster()
    roster.put_queue(queue)
    for facts in agents:
        roster.put_agent(facts, roster.loads.state(facts.ledger))
    roster.refresh()
    due_at = at + timedelta(seconds=queue.target_seconds)
    work = Work(WorkFacts(NO_WORK, NO_WORK, queue.id, channel, weight, ready_at=at, due_at=due_at))
    lane = roster.lane_for(work.facts, at.timestamp())
    lane.add(work)
    return [_ring(roster, lane, reach) for reach in lane.chain], roster.unroutable_reason(work)


def _ring(roster: Roster, lane: Lane, reach: Reach) -> RingLook:
    queue, kind = reach.queue, lane.kind
    let_in = [agent for group in roster.groups.values() if reach.admits(group) for agent in group.agents]
    able = [
        agent
        for group in reach.groups
        for agent in group.agents
        if could_ever_fit(agent.state.ledger, kind.channel, kind.weight)
    ]
    ready = [agent for agent in able if agent.facts.routable]
    return RingLook(
        ring=sum(not ring.only_fades for ring in queue.rings[: reach.ring]),
        enter_after_seconds=int(queue.rings[reach.ring - 1].enter_after_seconds) if reach.ring else 0,
        let_in=len(let_in),
        could=len(able),
        ready=len(ready),
        free=sum(agent.state.fit(kind) is not None for agent in ready),
        lacking=_lacking(reach, let_in),
    )


def _lacking(reach: Reach, agents: Iterable[Agent]) -> dict[str, int]:
    lacking: Counter[str] = Counter()
    for agent in agents:
        skills = agent.facts.skills
        lacking.update(skill for skill, least in reach.terms.requirements if skills.get(skill, 0) < least)
    return dict(sorted(lacking.items()))
