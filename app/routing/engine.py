"""The router's engine: facts in, decisions with their traces out; no clock, no database, no chance.

It holds the waiting work and all agents in memory. Facts replace what was known under the same id; `decide`
answers what follows at a moment. Between calls one thing always holds: no waiting work can be placed but
through an agent or a lane marked dirty, so a decision looks at what changed, never at the whole queue.
"""

import heapq
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from statistics import median
from uuid import UUID

from app.core.errors import NotFound
from app.routing.capacity import INTERRUPTIBLE_CHANNELS, Fit
from app.routing.decisions import (
    Candidate,
    Decision,
    Drain,
    Offer,
    Removed,
    Trace,
    Unroutable,
    Wait,
    WaitReason,
)
from app.routing.facts import AgentFacts, OrderKey, QueueFacts, WorkFacts
from app.routing.index import Agent, Lane, State, Work
from app.routing.rings import exhausted_agents
from app.routing.roster import Roster, same_profile
from app.routing.search import Findings, drainable, find, find_for

DEFAULT_DECISIONS_PER_CALL = 1_000

Todo = tuple[OrderKey, int, Lane | Work, Agent | None]
"""What may be done, first key first: place the head of a lane, take it for an agent, or find somebody who
drains for a late call (a work). An agent stands with the lane it would take."""


class Engine:
    """Not safe for several threads. Decisions debit the engine's own view: tell it `confirm` once an offer is
    committed, `undo` if it was not, and put fresh facts after whatever else happened.
    """

    def __init__(self) -> None:
        self._roster = Roster()
        self._works: dict[UUID, Work] = {}
        self._arrivals: dict[Work, None] = {}
        self._untold: dict[Work, None] = {}
        self._timers: list[tuple[float, int, Work]] = []
        self._dirty_agents: dict[Agent, None] = {}
        self._dirty_lanes: dict[Lane, None] = {}
        self._offered_to: dict[Agent, dict[Work, Fit]] = {}
        self._sticky: dict[UUID, dict[Work, None]] = {}
        self._serial = 0
        self._now = 0.0
        self._draining = 0
        self._late: dict[Lane, None] = {}
        self._outside: dict[Agent, None] = {}
        self._checked_roster = -1

    # Facts in

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
        agent = self._roster.agents.get(facts.id)
        state = self._roster.state_of(facts.ledger)
        for work, _ in self._offered_to.get(agent, {}).items() if agent else ():
            state = state.debited(work.facts.channel, work.facts.weight)
        was_connected = agent is not None and agent.facts.connected
        if agent is not None and not (facts.routable and same_profile(agent.facts, facts)):
            self._end_drain(agent)
        agent = self._roster.put_agent(facts, state)
        self._dirty_agents[agent] = None
        if was_connected != facts.connected or agent.lanes or facts.id in self._sticky:
            self._replace_sticky(facts.id)

    def remove_agent(self, agent_id: UUID) -> None:
        agent = self._roster.agents.get(agent_id)
        if agent is None:
            return
        if agent.draining_for is not None:
            self._end_drain(agent)
        for work in self._offered_to.pop(agent, {}):
            work.offered = None
            self._arrive(work)
        self._roster.remove_agent(agent)
        self._dirty_agents.pop(agent, None)
        self._replace_sticky(agent_id)

    def put_work(self, facts: WorkFacts) -> None:
        """The work waits (again). An offer of it that was not confirmed is undone."""
        self.remove_work(facts.id)
        work = self._works[facts.id] = Work(facts)
        if facts.sticky_agent_id is not None:
            self._sticky.setdefault(facts.sticky_agent_id, {})[work] = None
        if self._roster.note_demand(facts):
            self._forget_places()
        self._arrive(work)

    def remove_work(self, work_id: UUID) -> None:
        """The work waits no more: taken by hand, abandoned, cancelled or moved."""
        work = self._works.get(work_id)
        if work is not None:
            self._take_back(work)
            self._forget(work)

    def confirm(self, work_id: UUID) -> None:
        """The offer is committed: from now on the agent's facts count it."""
        work = self._works.get(work_id)
        if work is not None and work.offered is not None:
            self._offered_to[work.offered[0]].pop(work, None)
            self._forget(work)

    def undo(self, work_id: UUID) -> None:
        """The offer was not committed: the work waits again and the agent has the units back."""
        work = self._works.get(work_id)
        if work is not None and work.offered is not None:
            self._take_back(work)
            self._arrive(work)

    def release(self, agent_id: UUID, channel: str, weight: int) -> None:
        """Short for putting the agent's facts with one work less in the ledger."""
        agent = self._roster.get_agent(agent_id)
        self._move(agent, agent.state.credited(channel, weight, engaged=True))

    def accepted(self, agent_id: UUID, channel: str, weight: int, at: datetime) -> None:
        """Short for putting the agent's facts with the offered work engaged and `idle_since_at` = at."""
        agent = self._roster.get_agent(agent_id)
        agent.leave()
        agent.idle = at.timestamp()
        if channel in INTERRUPTIBLE_CHANNELS:
            agent.state = agent.state.engaged(channel, weight)
            self._dirty_agents[agent] = None
        self._outside[agent] = None

    # Decisions out

    def decide(self, now: datetime, *, limit: int = DEFAULT_DECISIONS_PER_CALL) -> list[Decision]:
        """All that follows from what changed, in the order of the work, at most `limit` offers.

        If `limit` offers came, call again. A second call without a change decides nothing.
        """
        decided: list[Decision] = []
        self._settle(now.timestamp(), decided)
        alone = self._only_dirty_agent()
        for agent in self._outside:
            if agent is not alone:
                agent.enter()
        self._outside.clear()
        if alone is not None:
            self._serve(alone, limit, decided)
        else:
            self._match(limit, decided)
        for agent in self._dirty_agents:
            agent.content_at = None
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
        work = self._works.get(work_id)
        if work is not None:
            self._settle(now.timestamp(), None)
            for agent in self._outside:
                agent.enter()
        if work is None or work.lane is None:
            raise NotFound("work_not_waiting", "This work is not waiting; look at its stored trace instead.")
        return self._trace(work.lane, find(work.lane, work, self._roster.agents))

    def others_eligible(self, work_id: UUID, agent_id: UUID, now: datetime) -> bool:
        """Whether somebody else who is routable could be asked: decides how long a cool-down lasts."""
        work = self._works.get(work_id)
        if work is None:
            return False
        lane = work.lane or self._lane_for(work, now.timestamp())
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

    @property
    def waiting(self) -> int:
        return sum(work.offered is None for work in self._works.values())

    # Places

    def _arrive(self, work: Work) -> None:
        self._arrivals[work] = None
        self._untold[work] = None

    def _displace(self, work: Work) -> None:
        lane = work.lane
        if lane is not None:
            lane.remove(work)
            if not lane.size:
                self._roster.retire(lane)

    def _take_back(self, work: Work) -> None:
        """Undo the debit of an offer that was not confirmed."""
        if work.offered is None:
            return
        agent, fit = work.offered
        work.offered = None
        del self._offered_to[agent][work]
        state = agent.state.credited(work.facts.channel, work.facts.weight, engaged=False)
        for units, channel in fit.parks:
            state = state.resumed(channel, units)
        self._move(agent, state)

    def _forget(self, work: Work) -> None:
        self._displace(work)
        if work.drainer is not None:
            self._end_drain(work.drainer)
        self._arrivals.pop(work, None)
        self._untold.pop(work, None)
        del self._works[work.facts.id]
        sticky = self._sticky.get(work.facts.sticky_agent_id) if work.facts.sticky_agent_id else None
        if sticky is not None:
            sticky.pop(work, None)

    def _forget_places(self) -> None:
        """Demands changed: every waiting work finds its place anew."""
        for work in self._works.values():
            work.lane = None
            if work.offered is None:
                self._arrive(work)
        self._dirty_lanes.clear()
        self._late.clear()

    def _replace_sticky(self, agent_id: UUID) -> None:
        """Whether its work waits for this agent alone may have changed."""
        for work in self._sticky.get(agent_id, {}):
            if work.offered is None:
                self._displace(work)
                self._arrivals[work] = None

    def _move(self, agent: Agent, state: State) -> None:
        self._note(agent)
        agent.leave()
        agent.state = state
        self._outside[agent] = None

    def _note(self, agent: Agent) -> None:
        """Before its load changes: until now it could take nothing that waits."""
        if agent not in self._dirty_agents:
            agent.content_at = agent.state
            self._dirty_agents[agent] = None

    def _is_live(self, timer: tuple[float, int, Work]) -> bool:
        _, serial, work = timer
        return work.timer == serial and work.offered is None and self._works.get(work.facts.id) is work

    # What changed

    def _settle(self, now: float, decided: list[Decision] | None) -> None:
        self._now = now
        while self._timers and self._timers[0][0] <= now:
            due = heapq.heappop(self._timers)
            if self._is_live(due):
                self._displace(due[2])
                self._arrivals[due[2]] = None
        if self._roster.refresh():
            self._dirty_agents.update(dict.fromkeys(self._roster.agents.values()))
        for lane in self._roster.take_moved_lanes():
            self._mark(lane)
        arrivals, self._arrivals = self._arrivals, {}
        for work in arrivals:
            self._place(work, now)
        if decided is None:
            return
        if self._checked_roster != self._roster.version:
            self._checked_roster = self._roster.version
            self._untold.update(dict.fromkeys(work for work in self._works.values() if work.offered is None))
        self._tell_unroutable(decided)

    def _place(self, work: Work, now: float) -> None:
        if self._works.get(work.facts.id) is not work or work.facts.queue_id not in self._roster.queues:
            return
        lane = self._lane_for(work, now)
        self._serial += 1
        stood_in_line = lane.size > 0 and not self._draining
        # Nobody could take the old head, so nobody can take the new one: but an agent that is kept free might.
        if lane.add(work, self._serial) and not stood_in_line:
            self._mark(lane)
        if lane.kind.whole and work.due <= now and work.drainer is None:
            self._late[lane] = None
            self._mark(lane)
        at = self._roster.next_change_at(work.facts, work.due, now)
        if at is not None:
            heapq.heappush(self._timers, (at, self._serial, work))
            work.timer = self._serial

    def _lane_for(self, work: Work, now: float) -> Lane:
        lane = self._roster.lane_for(work.facts, now)
        for moved in self._roster.take_moved_lanes():
            self._mark(moved)
        return lane

    def _only_dirty_agent(self) -> Agent | None:
        """If all that changed is one agent, whatever can be placed now is placed with that agent."""
        if len(self._dirty_agents) != 1 or self._dirty_lanes or self._draining or self._late:
            return None
        agent = next(iter(self._dirty_agents))
        return agent if agent.group is not None and not agent.lanes else None

    def _serve(self, agent: Agent, limit: int, decided: list[Decision]) -> None:
        offers = 0
        while offers < limit:
            lane = None if agent.state is agent.content_at else self._first_lane_for(agent)
            if lane is None:
                agent.content_at = None
                self._dirty_agents.clear()
                self._tell_the_rest(decided)
                break
            work = lane.first()
            if lane.barred:
                agent.enter()
                found = find(lane, work, self._roster.agents)
            else:
                found = find_for(agent, lane, work, lane.reach.staffed(self._roster.presence))
            decided.append(self._offer(lane, work, found))
            offers += 1
        agent.enter()

    def _match(self, limit: int, decided: list[Decision]) -> None:
        todo = self._todo()
        offers = 0
        while todo and offers < limit:
            key, _, subject, agent = todo[0]
            if isinstance(subject, Work):
                heapq.heappop(todo)
                self._drain_for(subject, decided)
            elif agent is not None and (subject.head != key or not self._would_take(agent, subject)):
                heapq.heappop(todo)
                self._push_agent(todo, agent)
            elif subject.head is None:
                heapq.heappop(todo)
                self._clean(subject)
            elif subject.head != key:
                heapq.heapreplace(todo, self._entry(subject.head, subject))
            else:
                offers += self._try(subject, agent, todo, decided)
        for _, _, late, _ in todo:
            if isinstance(late, Work) and late.lane is not None:
                self._mark(late.lane)
        if not todo:
            self._tell_the_rest(decided)

    def _try(self, lane: Lane, asking: Agent | None, todo: list[Todo], decided: list[Decision]) -> bool:
        """Place the head of a lane, or find that it must wait. True if an offer came of it."""
        heapq.heappop(todo)
        work = lane.first()
        if asking is not None and self._asks_alone(asking, lane):
            found = find_for(asking, lane, work, lane.reach.staffed(self._roster.presence))
        else:
            found = find(lane, work, self._roster.agents)
        if not found.ranked:
            self._block(lane, work, found, todo, decided)
            return False
        drainer = work.drainer
        decided.append(self._offer(lane, work, found))
        if drainer is not None:
            for late in self._late_lanes(drainer):
                self._push_late(todo, late)
            self._push_agent(todo, drainer)
        if asking is not None:
            self._push_agent(todo, asking)
        elif lane.head is not None:
            heapq.heappush(todo, self._entry(lane.head, lane))
        else:
            self._clean(lane)
        return True

    def _asks_alone(self, agent: Agent, lane: Lane) -> bool:
        """A lane that is not dirty can only be served by a dirty agent, and this is the only one."""
        plain = not lane.barred and lane.only is None
        return plain and not self._draining and len(self._dirty_agents) == 1 and agent in self._dirty_agents

    def _todo(self) -> list[Todo]:
        for agent in self._dirty_agents:
            for lane in self._late_lanes(agent):
                self._mark(lane)
        for lane in [lane for lane in self._dirty_lanes if lane.head is None]:
            self._clean(lane)
        todo: list[Todo] = [self._entry(lane.head, lane) for lane in self._dirty_lanes if lane.head]
        heapq.heapify(todo)
        for agent in list(self._dirty_agents):
            self._push_agent(todo, agent)
        return todo

    def _push_agent(self, todo: list[Todo], agent: Agent) -> None:
        lane = None if agent.state is agent.content_at else self._first_lane_for(agent)
        if lane is None or lane.head is None:
            agent.content_at = None
            self._dirty_agents.pop(agent, None)
        else:
            heapq.heappush(todo, self._entry(lane.head, lane, agent))

    def _entry(self, key: OrderKey, subject: Lane | Work, agent: Agent | None = None) -> Todo:
        self._serial += 1
        return (key, self._serial, subject, agent)

    def _would_take(self, agent: Agent, lane: Lane) -> bool:
        return not lane.dirty and agent.facts.routable and agent.state.fit(lane.kind) is not None

    def _late_lanes(self, agent: Agent) -> list[Lane]:
        """Lanes with late calls for which this agent could drain."""
        if not self._late or not agent.facts.routable or agent.draining_for is not None or agent.state.whole:
            return []
        return [lane for lane in self._late if agent.group in lane.reach.groups]

    def _first_lane_for(self, agent: Agent) -> Lane | None:
        """The lane with the earliest head that this agent can take; dirty lanes speak for themselves."""
        group = agent.group
        if group is None or not agent.facts.routable:
            return None
        chosen: Lane | None = None
        for kind, lanes in group.lanes.items():
            if lanes and agent.state.fit(kind) is not None:
                first = min(lanes, key=_turn)
                if first.dirty or first.barred:
                    first = min((lane for lane in lanes if _may_ask(agent, lane)), key=_turn, default=first)
                if _may_ask(agent, first) and (chosen is None or first.turn < chosen.turn):
                    chosen = first
        for lane in agent.lanes:
            fitting = _may_ask(agent, lane) and agent.state.fit(lane.kind) is not None
            if fitting and (chosen is None or lane.turn < chosen.turn):
                chosen = lane
        kept_free = agent.draining_for is not None and chosen is not None and chosen.turn > agent.draining_for.key
        return None if kept_free else chosen

    def _mark(self, lane: Lane) -> None:
        lane.dirty = True
        self._dirty_lanes[lane] = None

    def _clean(self, lane: Lane) -> None:
        lane.dirty = False
        self._dirty_lanes.pop(lane, None)

    # What follows

    def _offer(self, lane: Lane, work: Work, found: Findings) -> Offer:
        agent = found.ranked[0][1]
        fit = agent.state.fit(lane.kind)
        assert fit is not None
        before = agent.state
        self._displace(work)
        if work.drainer is not None:
            self._end_drain(work.drainer)
        entered = agent.slot is not None or agent.draining_for is not None
        agent.leave()
        agent.state = before.debited(lane.kind.channel, lane.kind.weight)
        if entered:
            agent.enter()
        work.offered = (agent, fit)
        self._offered_to.setdefault(agent, {})[work] = fit
        self._untold.pop(work, None)
        trace = self._trace(lane, found, before, agent.state)
        return Offer(work.facts.id, work.facts.version, agent.facts.id, trace.ring, fit.parks, trace)

    def _block(self, lane: Lane, work: Work, found: Findings, todo: list[Todo], decided: list[Decision]) -> None:
        if work in self._untold:
            del self._untold[work]
            if not work.told_wait:
                work.told_wait = True
                reason = self._wait_reason(lane, work, found)
                decided.append(Wait(work.facts.id, reason, self._trace(lane, found)))
        self._clean(lane)
        if lane in self._late:
            self._push_late(todo, lane)

    def _push_late(self, todo: list[Todo], lane: Lane) -> None:
        """Every late call without an agent that drains for it asks for one, in its own place in the order."""
        asking = [work for work in lane.in_order() if work.drainer is None and work.due <= self._now]
        if not asking:
            del self._late[lane]
        elif drainable(lane) is None:
            return
        for work in asking:
            heapq.heappush(todo, self._entry(work.key, work))

    def _drain_for(self, work: Work, decided: list[Decision]) -> None:
        lane = work.lane
        if lane is None or work.drainer is not None:
            return
        agent = drainable(lane)
        if agent is None:
            return
        agent.leave()
        agent.draining_for, work.drainer = work, agent
        self._draining += 1
        agent.enter()
        trace = self._trace(lane, find(lane, work, self._roster.agents))
        decided.append(Drain(work.facts.id, agent.facts.id, trace))

    def _end_drain(self, agent: Agent) -> None:
        work = agent.draining_for
        if work is None:
            return
        agent.leave()
        agent.draining_for = work.drainer = agent.content_at = None
        self._draining -= 1
        agent.enter()
        self._dirty_agents[agent] = None
        if work.lane is not None:
            self._late[work.lane] = None
            self._mark(work.lane)

    def _end_all_drains(self) -> None:
        """Who may drain for whom depends on the demands."""
        for agent in self._roster.agents.values():
            self._end_drain(agent)

    def _tell_the_rest(self, decided: list[Decision]) -> None:
        """Whoever still waits unheard stands behind other work like it."""
        for work in self._untold:
            if work.lane is not None and not work.told_wait:
                work.told_wait = True
                decided.append(Wait(work.facts.id, "in_line", None))
        self._untold.clear()

    def _tell_unroutable(self, decided: list[Decision]) -> None:
        for work in self._untold:
            reason = self._roster.unroutable_reason(work)
            if reason is None:
                work.told_unroutable = False
            elif not work.told_unroutable:
                work.told_unroutable = work.told_wait = True
                decided.append(Unroutable(work.facts.id, reason))

    def _wait_reason(self, lane: Lane, work: Work, found: Findings) -> WaitReason:
        if lane.only is not None:
            return "waiting_for_sticky"
        if not found.staffed:
            return "nobody_staffed"
        exhausted = exhausted_agents(work.facts)
        if exhausted and all(agent.facts.id in exhausted for group in lane.reach.groups for agent in group.agents):
            return "tries_exhausted"
        return "cooling_down" if found.cooling_down == found.staffed else "no_free_units"

    def _trace(self, lane: Lane, found: Findings, before: State | None = None, after: State | None = None) -> Trace:
        queue = lane.reach.queue
        admitted, qualified = lane.reach.count(self._roster.version, self._roster.groups.values())
        removed = Removed(
            len(self._roster.agents) - admitted,
            admitted - qualified,
            qualified - found.staffed,
            found.cooling_down,
            found.draining,
            found.staffed - found.cooling_down - found.draining - found.eligible,
        )
        return Trace(
            queue.id,
            queue.policy,
            queue.policy_version,
            lane.reach.ring,
            lane.only is not None,
            lane.kind.policy.rules,
            found.eligible,
            tuple([Candidate(agent.facts.id, rank) for rank, agent in found.ranked]),
            removed,
            before.ledger if before else None,
            after.ledger if after else None,
        )


_turn = attrgetter("turn")


def _may_ask(agent: Agent, lane: Lane) -> bool:
    """Dirty lanes speak for themselves."""
    return lane.head is not None and not lane.dirty and agent.facts.id not in lane.barred
