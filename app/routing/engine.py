"""The router's engine: facts in, decisions with their traces out; no clock, no database, no chance.

It holds the waiting work and all agents in memory. Facts replace what was known under the same id; `decide`
answers what follows at a moment.
"""

import heapq
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

from app.core.errors import NotFound
from app.routing.capacity import INTERRUPTIBLE_CHANNELS
from app.routing.decisions import Decision, Trace
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.index import Agent, Work
from app.routing.lanes import Lane
from app.routing.matching import Matching
from app.routing.roster import same_profile
from app.routing.standing import Standing, sort_out

DEFAULT_DECISIONS_PER_CALL = 1_000


class Engine(Matching):
    """Not safe for several threads. Decisions debit the engine's own view: tell it `confirm` once an offer is
    committed, `undo` if it was not, and put fresh facts after whatever else happened.
    """

    def put_queue(self, facts: QueueFacts) -> None:
        """Raises InvalidInput for an unknown policy or rings that contradict one another."""
        if self._roster.put_queue(facts):
            self._end_all_drains()
            self._forget_places()

    def remove_queue(self, queue_id: UUID) -> None:
        if self._roster.remove_queue(queue_id):
            self._end_all_drains()
            self._forget_places()

    def put_agent(self, facts: AgentFacts) -> None:
        """The ledger counts every committed offer; offers not yet confirmed are debited on top of it."""
        agent = self._roster.agents.get(facts.id.int)
        state = self._roster.loads.state(facts.ledger)
        for work in agent.offers if agent else ():
            state = state.debited(work.facts.channel, work.facts.weight)
        was_connected = agent is not None and agent.facts.connected
        if agent is not None and not (facts.routable and same_profile(agent.facts, facts)):
            self._end_drain(agent)
        agent = self._roster.put_agent(facts, state)
        self._dirty_agents[agent] = None
        if was_connected != facts.connected or agent.lanes or facts.id in self._sticky:
            self._replace_sticky(facts.id)

    def remove_agent(self, agent_id: UUID) -> None:
        agent = self._roster.agents.get(agent_id.int)
        if agent is None:
            return
        if agent.draining_for is not None:
            self._end_drain(agent)
        for work in agent.offers:
            work.offered = None
            self._offered -= 1
            self._arrive(work)
        agent.offers = {}
        self._roster.remove_agent(agent)
        self._dirty_agents.pop(agent, None)
        self._replace_sticky(agent_id)

    def put_work(self, facts: WorkFacts) -> None:
        """The work waits (again). An offer of it that was not confirmed is undone."""
        number = facts.id.int
        if number in self._works:
            self.remove_work(facts.id)
        work = self._works[number] = Work(facts)
        if facts.sticky_agent_id is not None:
            self._sticky.setdefault(facts.sticky_agent_id, {})[work] = None
        line = None if self._draining or facts.unroutable else self._roster.line_for(facts)
        if line is not None:
            self._stand_in_line(line, work)
            return
        if self._roster.note_demand(facts):
            self._forget_places()
        self._arrive(work)

    def remove_work(self, work_id: UUID) -> None:
        """The work waits no more: taken by hand, abandoned, cancelled or moved."""
        work = self._works.pop(work_id.int, None)
        if work is not None:
            self._take_back(work)
            self._forget(work)

    def confirm(self, work_id: UUID, *, accepted_at: datetime | None = None) -> None:
        """The offer is committed: from now on the agent's facts count it. With `accepted_at` the agent has accepted
        it then, which is short for putting facts with the work engaged and idle since that moment.
        """
        number = work_id.int
        work = self._works.get(number)
        if work is None or work.offered is None:
            return
        agent, facts = work.offered[0], work.facts
        del self._works[number], agent.offers[work]
        self._offered -= 1
        if facts.sticky_agent_id is not None:
            self._sticky[facts.sticky_agent_id].pop(work, None)
        if accepted_at is not None:
            self._engage(agent, facts, accepted_at)

    def undo(self, work_id: UUID) -> None:
        """The offer was not committed: the work waits again and the agent has the units back."""
        work = self._works.get(work_id.int)
        if work is not None and work.offered is not None:
            self._take_back(work)
            self._arrive(work)

    def release(self, agent_id: UUID, channel: str, weight: int) -> None:
        """Short for putting the agent's facts with one work less in the ledger."""
        agent = self._roster.get_agent(agent_id)
        self._move(agent, agent.state.credited(channel, weight, engaged=True))

    def _engage(self, agent: Agent, work: WorkFacts, at: datetime) -> None:
        if agent.inside or agent.draining_for is not None:
            agent.leave()
        agent.idle = at.timestamp()
        if work.channel in INTERRUPTIBLE_CHANNELS:
            agent.state = agent.state.engaged(work.channel, work.weight)
            self._dirty_agents[agent] = None
        self._outside[agent] = None

    def decide(self, now: datetime, *, limit: int = DEFAULT_DECISIONS_PER_CALL) -> list[Decision]:
        """All that follows from what changed, in the order of the work, at most `limit` offers.

        If `limit` offers came, call again. A second call without a change decides nothing.
        """
        decided: list[Decision] = []
        self._settle(now.timestamp(), decided)
        alone = self._only_dirty_agent() if len(self._dirty_agents) == 1 else None
        if alone is not None:
            self._serve(alone, limit, decided)
        else:
            self._match(limit, decided)
        return decided

    def next_timer(self, now: datetime) -> datetime | None:
        """When to call `decide` again if nothing else happens: for a ring, a cool-down, a late call."""
        while self._timers and not self._is_live(self._timers[0]):
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        # One microsecond on: the float must not be rounded to before the moment itself.
        return datetime.fromtimestamp(self._timers[0][0], UTC) + timedelta(microseconds=1)

    def explain(self, work_id: UUID, now: datetime) -> Trace:
        """What would be decided for this work alone at this moment. Raises NotFound if it does not wait."""
        lane, work = self._waiting_in_lane(work_id, now)
        return self._evidence(lane, self._find(lane, work)).as_trace()

    def stand(self, work_id: UUID, now: datetime) -> Standing:
        """The same with the names behind each rule: looks at every agent. Raises NotFound as `explain` does."""
        trace = self.explain(work_id, now)
        lane, work = self._waiting_in_lane(work_id, now)
        return Standing(trace, lane.reach.terms.requirements, sort_out(lane, work, self._roster.agents))

    def _waiting_in_lane(self, work_id: UUID, now: datetime) -> tuple[Lane, Work]:
        work = self._works.get(work_id.int)
        if work is not None:
            self._settle(now.timestamp(), None)
            self._enter_all()
        if work is None or work.lane is None:
            raise NotFound("work_not_waiting", "This work is not waiting; look at its stored trace instead.")
        return work.lane, work

    def others_eligible(self, work_id: UUID, agent_id: UUID, now: datetime) -> bool:
        """Whether somebody else who is routable could be asked: decides how long a cool-down lasts."""
        work = self._works.get(work_id.int)
        if work is None:
            return False
        lane = work.lane or self._roster.lane_for(work.facts, now.timestamp())
        barred = lane.barred | {agent_id}
        return any(
            agent.facts.routable and agent.facts.id not in barred
            for group in lane.reach.groups
            for agent in group.agents
        )

    def median_idle_since(self, queue_ids: frozenset[UUID]) -> datetime | None:
        """Where a fresh login stands among the routable agents of its queues: in the middle."""
        idle = [
            agent.idle
            for agent in self._roster.agents.values()
            if agent.facts.routable and not queue_ids.isdisjoint(agent.facts.queues)
        ]
        return datetime.fromtimestamp(median(idle), UTC) if idle else None

    def waiting_by_queue(self) -> dict[UUID, tuple[int, datetime]]:
        """How many have no offer, and since when the first of them waits. Looks at every work."""
        found: dict[UUID, tuple[int, datetime]] = {}
        for work in self._works.values():
            if work.offered is None:
                queue_id, ready_at = work.facts.queue_id, work.facts.ready_at
                count, oldest = found.get(queue_id, (0, ready_at))
                found[queue_id] = (count + 1, min(oldest, ready_at))
        return found

    @property
    def waiting(self) -> int:
        """How many have no offer; flat, as the router asks after every step."""
        return len(self._works) - self._offered
