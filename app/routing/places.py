"""Where every waiting work and every agent stands, and what changed since the last decision."""

import heapq
from uuid import UUID

from app.routing.decisions import Decision, Routable, Unroutable
from app.routing.index import Agent, Work
from app.routing.lanes import Lane, asks_nothing_special
from app.routing.loads import State
from app.routing.roster import Roster


class Places:
    """Between decisions one thing always holds: no waiting work can be placed but through an agent or a lane
    marked dirty, so a decision looks at what changed, never at the whole queue.
    """

    def __init__(self) -> None:
        self._roster = Roster()
        self._works: dict[int, Work] = {}
        self._arrivals: dict[Work, None] = {}
        self._untold: dict[Work, None] = {}
        self._in_line: list[Work] = []
        self._timers: list[tuple[float, int, Work]] = []
        self._dirty_agents: dict[Agent, None] = {}
        self._dirty_lanes: dict[Lane, None] = {}
        self._sticky: dict[UUID, dict[Work, None]] = {}
        self._serial = 0
        self._now = 0.0
        self._draining = 0
        self._offered = 0
        self._late: dict[Lane, None] = {}
        self._outside: dict[Agent, None] = {}
        self._checked_roster = -1

    def _settle(self, now: float, decided: list[Decision] | None) -> None:
        self._now = now
        if self._timers and self._timers[0][0] <= now:
            self._wake(now)
        roster = self._roster
        if roster.stale:
            roster.refresh()
            self._dirty_agents.update(dict.fromkeys(roster.agents.values()))
        if roster.moved:
            self._mark_moved_lanes()
        if self._arrivals:
            for work in self._arrivals:
                self._place(work, now)
            self._arrivals.clear()
        if decided is None:
            return
        if self._checked_roster != roster.version:
            self._checked_roster = roster.version
            self._untold.update(dict.fromkeys(work for work in self._works.values() if work.offered is None))
        if self._untold:
            self._tell_unroutable(decided)

    def _wake(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            due = heapq.heappop(self._timers)
            if self._is_live(due):
                self._displace(due[2])
                self._arrivals[due[2]] = None

    def _place(self, work: Work, now: float) -> None:
        facts = work.facts
        lane = self._roster.plain_lane_for(facts) if asks_nothing_special(facts) else None
        special = lane is None
        if lane is None:
            if facts.queue_id not in self._roster.queues:
                return
            lane = self._roster.lane_for(facts, now)
        self._serial += 1
        stood_in_line = lane.size > 0 and not self._draining
        if lane.add(work):
            # Nobody could take the old head, so nobody can take the new one: but an agent that is kept free might.
            if stood_in_line and not lane.dirty:
                lane.show()
            else:
                self._mark(lane)
        whole = lane.kind.whole
        due = facts.due_at.timestamp() if whole else 0.0
        if whole and due <= now and work.drainer is None:
            self._late[lane] = None
            self._mark(lane)
        at = self._roster.next_change_at(facts, now) if special or whole else None
        if at is not None:
            heapq.heappush(self._timers, (at, self._serial, work))
            work.timer = self._serial

    def _stand_in_line(self, lane: Lane, work: Work) -> None:
        """What `_place` does, for most arrivals: behind others like it, in a lane that somebody could serve."""
        self._serial += 1
        if lane.add(work) and not lane.dirty:
            lane.show()
        if lane.kind.whole:
            heapq.heappush(self._timers, (work.facts.due_at.timestamp(), self._serial, work))
            work.timer = self._serial
        self._in_line.append(work)

    def _mark_moved_lanes(self) -> None:
        for lane in self._roster.take_moved_lanes():
            self._mark(lane)

    def _arrive(self, work: Work) -> None:
        self._arrivals[work] = None
        self._untold[work] = None

    def _displace(self, work: Work) -> None:
        lane = work.lane
        if lane is not None:
            lane.remove(work)
            if lane.passing and not lane.size:
                self._roster.retire(lane)

    def _take_back(self, work: Work) -> None:
        """Undo the debit of an offer that was not confirmed."""
        if work.offered is None:
            return
        agent, fit = work.offered
        work.offered = None
        self._offered -= 1
        del agent.offers[work]
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
        sticky_agent_id = work.facts.sticky_agent_id
        if sticky_agent_id is not None and sticky_agent_id in self._sticky:
            self._sticky[sticky_agent_id].pop(work, None)

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

    def _enter_all(self) -> None:
        """Put everybody whose load changed back in their lists, before these are searched."""
        for agent in self._outside:
            agent.enter()
        self._outside.clear()

    def _move(self, agent: Agent, state: State) -> None:
        """Until now the agent could take nothing that waits."""
        if agent not in self._dirty_agents:
            agent.content_with = agent.state.fitting
            self._dirty_agents[agent] = None
        if agent.inside or agent.draining_for is not None:
            agent.leave()
        agent.state = state
        self._outside[agent] = None

    def _is_live(self, timer: tuple[float, int, Work]) -> bool:
        _, serial, work = timer
        return work.timer == serial and work.offered is None and self._works.get(work.facts.id.int) is work

    def _mark(self, lane: Lane) -> None:
        if not lane.dirty:
            lane.dirty = True
            lane.show()
            self._dirty_lanes[lane] = None

    def _clean(self, lane: Lane) -> None:
        self._dirty_lanes.pop(lane, None)
        lane.dirty = False
        if lane.size:
            lane.show()

    def _end_drain(self, agent: Agent) -> None:
        work = agent.draining_for
        if work is None:
            return
        agent.leave()
        agent.draining_for = work.drainer = None
        agent.content_with = 0
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

    def _tell_unroutable(self, decided: list[Decision]) -> None:
        version = self._roster.version
        for work in self._untold:
            judged = work.lane.judged if work.lane is not None else None
            known = judged is not None and judged[0] == version
            reason = judged[1] if known and judged is not None else self._roster.unroutable_reason(work)
            if reason == work.told_unroutable:
                continue
            work.told_unroutable, work.told_wait = reason, reason is not None
            decided.append(Routable(work.facts.id) if reason is None else Unroutable(work.facts.id, reason))
