"""Agents as the engine sees them: who stands in which group, and which lane a work waits in."""

from uuid import UUID

from app.core.errors import NotFound
from app.routing.capacity import WHOLE_AGENT_CHANNELS, Ledger, could_ever_fit
from app.routing.decisions import UnroutableReason
from app.routing.demands import Demands, told_apart_by
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.index import Agent, Group, Reach, Work, profile_key
from app.routing.lanes import Lane, asks_nothing_special, judge
from app.routing.lines import Board
from app.routing.loads import Kind, Loads, State
from app.routing.ranking import get_policy
from app.routing.rings import barred_agents, meets, next_ring_at, ring_of, terms_at


class Roster(Demands):
    """`version` changes with who could ever take what, `presence` then and with who is routable just now. Agents and
    plain lanes are kept by the number in the id, which is found sooner than the id itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.agents: dict[int, Agent] = {}
        self.groups: dict[object, Group] = {}
        self.version = 0
        self.presence = 0
        self.loads = Loads()
        self._reaches: dict[object, Reach] = {}
        self._reaches_asking: dict[str | None, list[Reach]] = {}
        self._groups_with: dict[str | None, dict[Group, None]] = {}
        self._lanes: dict[UUID, dict[object, Lane]] = {}
        self._plain_lanes: dict[tuple[int, str, int], Lane] = {}
        self.moved: list[Lane] = []
        self._board = Board()

    def refresh(self) -> None:
        """Group everybody anew after demands changed; all lanes are new then."""
        self.read_demands()
        self._change()
        self._reaches, self._lanes, self.groups, self.moved = {}, {}, {}, []
        self._board = Board()
        self._reaches_asking, self._groups_with = {}, {}
        self._plain_lanes = {}
        for kind in self.loads.kinds.values():
            for lists in kind.lists:
                lists.clear()
        for agent in self.agents.values():
            agent.group, agent.inside, agent.lanes, agent.content_with = None, False, [], 0
        for agent in self.agents.values():
            self._join(agent)

    def _change(self) -> None:
        self.version += 1
        self.presence += 1

    # Agents

    def get_agent(self, agent_id: UUID) -> Agent:
        agent = self.agents.get(agent_id.int)
        if agent is None:
            raise NotFound("unknown_agent", "The router knows no such agent; put its facts first.")
        return agent

    def put_agent(self, facts: AgentFacts, state: State) -> Agent:
        agent = self.agents.get(facts.id.int)
        if agent is None:
            agent = self.agents[facts.id.int] = Agent(facts, state)
            self._change()
        else:
            same = same_profile(agent.facts, facts)
            if not same or not _same_capacity(agent.state.ledger, state.ledger):
                self._change()
            if same and agent.group is not None:
                self._update(agent, facts, state)
                return agent
            self._part(agent)
            agent.content_with = 0
            agent.facts, agent.state, agent.idle = facts, state, facts.idle_since_at.timestamp()
        if not self.stale:
            self._join(agent)
        return agent

    def remove_agent(self, agent: Agent) -> None:
        self._part(agent)
        del self.agents[agent.facts.id.int]
        self._change()

    def _update(self, agent: Agent, facts: AgentFacts, state: State) -> None:
        group = agent.group
        assert group is not None
        change = facts.routable - agent.facts.routable
        agent.leave()
        agent.facts, agent.state, agent.idle = facts, state, facts.idle_since_at.timestamp()
        agent.enter()
        if change:
            agent.content_with = 0
            self._man(group, change)

    def _join(self, agent: Agent) -> None:
        key = profile_key(agent.facts, self.thresholds)
        group = self.groups.get(key) or self._new_group(key, agent.facts)
        group.agents[agent] = None
        agent.group = group
        agent.enter()
        if agent.facts.routable:
            self._man(group, 1)

    def _part(self, agent: Agent) -> None:
        group = agent.group
        if group is None:
            return
        agent.leave()
        del group.agents[agent]
        agent.group = None
        if agent.facts.routable:
            self._man(group, -1)
        if not group.agents:
            for reach in group.reaches:
                reach.remove(group)
            for skill in (None, *group.skills):
                del self._groups_with[skill][group]
            del self.groups[group.key]
            for kind in self.loads.kinds.values():
                for lists in kind.lists:
                    del lists[group]

    def _new_group(self, key: object, facts: AgentFacts) -> Group:
        served = (self.queues[queue_id] for queue_id in facts.queues if queue_id in self.queues)
        group = self.groups[key] = Group(
            key,
            facts,
            self._board,
            blended=any(not WHOLE_AGENT_CHANNELS.isdisjoint(queue.channels) for queue in served),
            queues_served=sum(
                queue_id in facts.queues and meets(facts.skills, asked)
                for skill in (None, *facts.skills)
                for queue_id, asked in self.queues_asking.get(skill, ())
            ),
        )
        for kind in self.loads.kinds.values():
            for lists in kind.lists:
                lists[group] = []
        for skill in (None, *facts.skills):
            self._groups_with.setdefault(skill, {})[group] = None
            for reach in self._reaches_asking.get(skill, ()):
                self._connect(reach, group)
        return group

    def _man(self, group: Group, change: int) -> None:
        self.presence += 1
        for reach in group.reaches:
            reach.staffed += change
        was, group.routable = group.routable, group.routable + change
        if bool(was) == bool(group.routable):
            return
        for reach in group.reaches:
            was_manned, reach.manned = reach.manned, reach.manned + change
            if bool(was_manned) != bool(reach.manned):
                self._resolve(reach)

    def _resolve(self, reach: Reach) -> None:
        """A ring that nobody staffed matches is skipped: its lanes move on, or back when staff is there."""
        for lane in list(reach.watchers):
            if lane.only is None and lane.preferred_reach() is not lane.reach:
                lane.detach()
                lane.attach()
                self.moved.append(lane)

    def take_moved_lanes(self) -> list[Lane]:
        """Lanes that changed ring because staff came or went, each to be looked at again."""
        moved, self.moved = self.moved, []
        return moved

    # Places of work

    def line_for(self, work: WorkFacts) -> Lane | None:
        """The lane in which the work would stand behind others, if nobody need look at it for that."""
        if self.stale or not asks_nothing_special(work):
            return None
        lane = self._plain_lanes.get((work.queue_id.int, work.channel, work.weight))
        return lane if lane is not None and lane.size and lane.sound_at == self.version else None

    def plain_lane_for(self, work: WorkFacts) -> Lane | None:
        """The lane of work that asks nothing special, in a queue without rings; None for any other queue."""
        key = (work.queue_id.int, work.channel, work.weight)
        lane = self._plain_lanes.get(key)
        if lane is None:
            queue = self.queues.get(work.queue_id)
            if queue is None or queue.rings:
                return None
            lane = self._plain_lanes[key] = self.lane_for(work, 0.0)
        return lane

    def lane_for(self, work: WorkFacts, now: float) -> Lane:
        queue = self.queues[work.queue_id]
        ring = ring_of(queue, work, now) if queue.rings else 0
        override = None if work.requirements is None else tuple(sorted(work.requirements.items()))
        barred = barred_agents(work, now)
        kind = self._kind(work.channel, work.weight, queue.policy)
        only = self._asked_alone(work, queue, ring, barred, now)
        key = (ring, override, work.preferred, work.language, kind, barred, only)
        lanes = self._lanes.setdefault(work.queue_id, {})
        lane = lanes.get(key)
        if lane is None:
            chain = tuple(self._reach(queue, later, work, override) for later in range(ring, len(queue.rings) + 1))
            lane = lanes[key] = Lane(key, self._board, chain, kind, barred, only)
            lane.passing = bool(override is not None or work.preferred or work.language or barred or only)
            lane.attach()
        return lane

    def _kind(self, channel: str, weight: int, policy: str) -> Kind:
        kind = self.loads.kinds.get((channel, weight, policy))
        if kind is None:
            # Whoever stands in the lists takes their places again, for now there are more of them.
            inside = [agent for agent in self.agents.values() if agent.inside]
            for agent in inside:
                agent.leave()
            kind = self.loads.kind(channel, weight, policy)
            for lists in kind.lists:
                lists.update((group, []) for group in self.groups.values())
            for agent in inside:
                agent.enter()
        return kind

    def retire(self, lane: Lane) -> None:
        """Forget an empty lane that no standing configuration made."""
        lanes = self._lanes.get(lane.reach.queue.id, {})
        if lane.passing and not lane.size and lanes.get(lane.key) is lane:
            del lanes[lane.key]
            lane.detach()
            for reach in lane.chain:
                reach.watchers.pop(lane, None)
            lane.seat = self._board.give_back(lane.seat)

    def next_change_at(self, work: WorkFacts, now: float) -> float | None:
        """When the work's lane, or whether it is a late call, changes by time alone."""
        queue = self.queues[work.queue_id]
        whole = work.channel in WHOLE_AGENT_CHANNELS
        if not (whole or queue.rings or work.cool_downs or work.sticky_until_at):
            return None
        moments = [until.timestamp() for until in work.cool_downs.values()]
        if work.sticky_until_at is not None:
            moments.append(work.sticky_until_at.timestamp())
        if whole:
            moments.append(work.due_at.timestamp())
        opening = next_ring_at(queue, work.ready_at.timestamp(), now)
        if opening is not None:
            moments.append(opening)
        return min((moment for moment in moments if moment > now), default=None)

    def unroutable_reason(self, work: Work) -> UnroutableReason | None:
        lane = work.lane
        if lane is None:
            return None if work.facts.queue_id in self.queues else "unknown_queue"
        if lane.judged is None or lane.judged[0] != self.version:
            lane.judged = (self.version, judge(lane))
            lane.sound_at = self.version if lane.judged[1] is None else 0
        return lane.judged[1]

    def _asked_alone(
        self, work: WorkFacts, queue: QueueFacts, ring: int, barred: frozenset[UUID], now: float
    ) -> Agent | None:
        if work.sticky_agent_id is None or work.sticky_until_at is None:
            return None
        agent = self.agents.get(work.sticky_agent_id.int)
        if agent is None or not agent.facts.connected or agent.facts.id in barred:
            return None
        if work.sticky_until_at.timestamp() <= now:
            return None
        terms = terms_at(queue, ring, override=work.requirements, language=work.language)
        admitted = queue.id in agent.facts.queues or not terms.groups.isdisjoint(agent.facts.groups)
        able = admitted and could_ever_fit(agent.state.ledger, work.channel, work.weight)
        return agent if able and meets(agent.facts.skills, terms.requirements) else None

    def _reach(self, queue: QueueFacts, ring: int, work: WorkFacts, override: object) -> Reach:
        key = (queue.id, ring, override, work.preferred, work.language)
        reach = self._reaches.get(key)
        if reach is None:
            terms = terms_at(queue, ring, override=work.requirements, language=work.language)
            reach = self._reaches[key] = Reach(queue, ring, terms, get_policy(queue.policy), work.preferred)
            skill = told_apart_by(terms.requirements)
            self._reaches_asking.setdefault(skill, []).append(reach)
            for group in self._groups_with.get(skill, ()):
                self._connect(reach, group)
        return reach

    def _connect(self, reach: Reach, group: Group) -> None:
        if reach.admits(group) and meets(group.skills, reach.terms.requirements):
            reach.add(group)


def same_profile(old: AgentFacts, new: AgentFacts) -> bool:
    return old.skills == new.skills and old.queues == new.queues and old.groups == new.groups


def _same_capacity(old: Ledger, new: Ledger) -> bool:
    return old.capacity_units == new.capacity_units and old.limits == new.limits
