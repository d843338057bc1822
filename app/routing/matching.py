"""What follows from a change: which work goes to whom, who drains for a late call, who is told to wait."""

import heapq
from functools import partial

from app.routing.capacity import Fit
from app.routing.decisions import Decision, Drain, Offer, Wait, WaitReason, made
from app.routing.evidence import Found, trace_of_lone
from app.routing.facts import OrderKey
from app.routing.index import Agent, Counts, Reach, Work
from app.routing.lanes import Lane
from app.routing.lines import NOBODY
from app.routing.loads import Kind, State
from app.routing.places import Places
from app.routing.rings import exhausted_agents
from app.routing.search import Findings, drainable, find

Todo = tuple[OrderKey, int, Lane | Work, Agent | None]
"""What may be done, first key first: place the head of a lane, take it for an agent, or find somebody who
drains for a late call (a work). An agent stands with the lane it would take."""


class Matching(Places):
    """Goes through what may be done in the order of the work, so that earlier work is always served first."""

    def _only_dirty_agent(self) -> Agent | None:
        """If all that changed is one agent, whatever can be placed now is placed with that agent."""
        if len(self._dirty_agents) != 1 or self._dirty_lanes or self._draining or self._late:
            return None
        (agent,) = self._dirty_agents
        return agent if agent.group is not None and not agent.lanes else None

    def _serve(self, agent: Agent, limit: int, decided: list[Decision]) -> None:
        offers = 0
        while offers < limit:
            lane = self._first_lane_for(agent)
            if lane is None:
                self._dirty_agents.clear()
                self._tell_the_rest(decided)
                break
            if lane.barred:
                work = lane.first()
                decided.append(self._offer(lane, work, self._find(lane, work)))
            else:
                decided.append(self._offer_alone(agent, lane))
            offers += 1
        agent.content_with = 0

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
            elif subject.head == NOBODY:
                heapq.heappop(todo)
                self._clean(subject)
            elif subject.head != key:
                heapq.heapreplace(todo, self._entry(subject.head, subject))
            else:
                offers += self._try(subject, agent, todo, decided)
        for _, _, late, _ in todo:
            if isinstance(late, Work) and late.lane is not None:
                self._mark(late.lane)
        for agent in self._dirty_agents:
            agent.content_with = 0
        if not todo:
            self._tell_the_rest(decided)

    def _try(self, lane: Lane, asking: Agent | None, todo: list[Todo], decided: list[Decision]) -> bool:
        """Place the head of a lane, or find that it must wait. True if an offer came of it."""
        heapq.heappop(todo)
        work = lane.first()
        drainer = work.drainer
        if asking is not None and self._asks_alone(asking, lane):
            decided.append(self._offer_alone(asking, lane))
        else:
            found = self._find(lane, work)
            if found.winner is None:
                self._block(lane, work, found, todo, decided)
                return False
            decided.append(self._offer(lane, work, found))
        if drainer is not None:
            for late in self._late_lanes(drainer):
                self._push_late(todo, late)
            self._push_agent(todo, drainer)
        if asking is not None:
            self._push_agent(todo, asking)
        elif lane.head != NOBODY:
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
        for lane in [lane for lane in self._dirty_lanes if lane.head == NOBODY]:
            self._clean(lane)
        todo: list[Todo] = [self._entry(lane.head, lane) for lane in self._dirty_lanes if lane.head != NOBODY]
        heapq.heapify(todo)
        for agent in list(self._dirty_agents):
            self._push_agent(todo, agent)
        return todo

    def _push_agent(self, todo: list[Todo], agent: Agent) -> None:
        lane = self._first_lane_for(agent)
        if lane is None:
            agent.content_with = 0
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
        line, state = group.line, agent.state
        fitting = state.fitting & ~agent.content_with
        if not fitting:
            return None
        chosen = line.first(fitting)
        if line.barred or agent.lanes:
            soonest = NOBODY if chosen is None else chosen.head
            for lane in (*line.barred, *agent.lanes):
                if lane.head < soonest and _may_ask(agent, lane) and state.fits[lane.kind] is not None:
                    chosen, soonest = lane, lane.head
        if agent.draining_for is not None and chosen is not None and chosen.head > agent.draining_for.key:
            return None
        return chosen

    def _offer(self, lane: Lane, work: Work, found: Findings) -> Offer:
        agent = found.winner
        assert agent is not None
        before, kind = agent.state, lane.kind
        fit = before.fits[kind]
        assert fit is not None
        self._displace(work)
        self._untold.pop(work, None)
        after = self._debit(agent, work, kind, fit)
        facts = work.facts
        evidence = self._evidence(lane, found, before, after).as_trace
        return made(Offer, (facts.id, facts.version, agent.facts.id, lane.reach.ring, fit.parks, evidence))

    def _offer_alone(self, agent: Agent, lane: Lane) -> Offer:
        """The head of the lane when it is known that nobody but this agent has the units: the others need not be
        asked.
        """
        before, kind, reach, work, group = agent.state, lane.kind, lane.reach, lane.take_first(), agent.group
        fit = before.fits[kind]
        assert fit is not None
        assert group is not None
        after = self._debit(agent, work, kind, fit)
        facts, agent_id = work.facts, agent.facts.id
        counts = reach.counts
        if counts is None or counts.presence != self._roster.presence:
            counts = self._counts(reach)
        evidence = partial(
            trace_of_lone,
            reach,
            counts,
            group,
            kind,
            fit,
            agent,
            agent.idle,
            facts.sticky_agent_id,
            before,
            after,
        )
        return made(Offer, (facts.id, facts.version, agent_id, reach.ring, fit.parks, evidence))

    def _debit(self, agent: Agent, work: Work, kind: Kind, fit: Fit) -> State:
        if work.drainer is not None:
            self._end_drain(work.drainer)
        after = agent.state.offered(kind)
        if agent.inside or agent.draining_for is not None:
            agent.leave()
            self._outside[agent] = None
        agent.state = after
        work.offered = (agent, fit)
        agent.offers[work] = fit
        self._offered += 1
        return after

    def _block(self, lane: Lane, work: Work, found: Findings, todo: list[Todo], decided: list[Decision]) -> None:
        self._untold.pop(work, None)
        if not work.told_wait:
            work.told_wait = True
            reason = self._wait_reason(lane, work, found)
            decided.append(Wait(work.facts.id, reason, self._evidence(lane, found).as_trace()))
        self._clean(lane)
        if lane in self._late:
            self._push_late(todo, lane)

    def _push_late(self, todo: list[Todo], lane: Lane) -> None:
        """Every late call without an agent that drains for it asks for one, in its own place in the order."""
        asking = [
            work for work in lane.in_order() if work.drainer is None and work.facts.due_at.timestamp() <= self._now
        ]
        if not asking:
            del self._late[lane]
        elif self._drainable(lane) is None:
            return
        for work in asking:
            heapq.heappush(todo, self._entry(work.key, work))

    def _drain_for(self, work: Work, decided: list[Decision]) -> None:
        lane = work.lane
        if lane is None or work.drainer is not None:
            return
        agent = self._drainable(lane)
        if agent is None:
            return
        agent.leave()
        agent.draining_for, work.drainer = work, agent
        self._draining += 1
        agent.enter()
        found = self._find(lane, work)
        decided.append(Drain(work.facts.id, agent.facts.id, self._evidence(lane, found).as_trace()))

    def _tell_the_rest(self, decided: list[Decision]) -> None:
        """Whoever still waits unheard stands behind other work like it."""
        if self._untold:
            self._in_line[:0] = self._untold
            self._untold.clear()
        for work in self._in_line:
            if work.lane is not None and not work.told_wait:
                work.told_wait = True
                decided.append(made(Wait, (work.facts.id, "in_line", None)))
        self._in_line.clear()

    def _wait_reason(self, lane: Lane, work: Work, found: Findings) -> WaitReason:
        if lane.only is not None:
            return "waiting_for_sticky"
        if not found.staffed:
            return "nobody_staffed"
        exhausted = exhausted_agents(work.facts, self._now)
        if exhausted and all(agent.facts.id in exhausted for group in lane.reach.groups for agent in group.agents):
            return "tries_exhausted"
        return "cooling_down" if found.cooling_down == found.staffed else "no_free_units"

    def _drainable(self, lane: Lane) -> Agent | None:
        self._enter_all()
        return drainable(lane)

    def _find(self, lane: Lane, work: Work) -> Findings:
        self._enter_all()
        return find(lane, work, self._roster.agents, draining=self._draining > 0)

    def _evidence(self, lane: Lane, found: Findings, before: State | None = None, after: State | None = None) -> Found:
        return made(Found, (lane.reach, lane.only is not None, self._counts(lane.reach), found, before, after))

    def _counts(self, reach: Reach) -> Counts:
        roster, counts = self._roster, reach.counts
        if counts is None or counts.presence != roster.presence:
            counts = reach.count(roster.version, roster.presence, len(roster.agents), roster.groups.values())
        return counts


def _may_ask(agent: Agent, lane: Lane) -> bool:
    """Dirty lanes speak for themselves."""
    return lane.head != NOBODY and not lane.dirty and agent.facts.id not in lane.barred
