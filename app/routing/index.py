"""The router's memory: agents of one profile together, waiting work of one demand together.

A profile is an agent as the demands in use see it, so all agents of a `Group` stand alike for every demand,
and inside a group those who have the units for a kind of work share one list in the order of the rank rules that tell
them apart. A `Reach` is one demand and the groups that meet it.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from app.routing.capacity import Fit
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts, order_key
from app.routing.lines import Board, Line
from app.routing.loads import Slot, State
from app.routing.ranking import Policy, Standing, band, stable_hash
from app.routing.rings import Terms

if TYPE_CHECKING:
    from app.routing.lanes import Lane


class Work:
    """A waiting or provisionally offered work item."""

    __slots__ = (
        "drainer", "facts", "key", "lane", "offered", "timer", "told_unroutable", "told_wait",
    )  # fmt: skip

    def __init__(self, facts: WorkFacts) -> None:
        self.facts = facts
        self.key = order_key(facts)
        self.lane: Lane | None = None
        self.drainer: Agent | None = None
        self.offered: tuple[Agent, Fit] | None = None
        self.timer = 0
        self.told_unroutable = facts.unroutable
        self.told_wait = facts.unroutable is not None


class Agent:
    """An agent's place in the index. `inside` while it stands in its group's lists. `content_with` are the kinds (their
    bits) of which nothing waited for it, from a change of load until the next decision.
    """

    __slots__ = (
        "content_with",
        "draining_for",
        "facts",
        "group",
        "idle",
        "idle_hash",
        "inside",
        "lanes",
        "offers",
        "state",
    )

    def __init__(self, facts: AgentFacts, state: State) -> None:
        self.facts = facts
        self.state = state
        self.content_with = 0
        self.idle = facts.idle_since_at.timestamp()
        self.idle_hash = stable_hash(facts.id)
        self.group: Group | None = None
        self.inside = False
        self.draining_for: Work | None = None
        self.lanes: list[Lane] = []
        self.offers: dict[Work, Fit] = {}

    def enter(self) -> None:
        """Take the places that facts and load call for: in the lists while routable, apart while draining."""
        group = self.group
        if group is None or self.inside or not self.facts.routable:
            return
        if self.draining_for is not None:
            group.draining[self] = None
            return
        self.inside = True
        idle, idle_hash = self.idle, self.idle_hash
        for load, lists in self.state.places[group.blended]:
            insort(lists[group], (load, idle, idle_hash, self))

    def leave(self) -> None:
        group = self.group
        if group is None:
            return
        if self.draining_for is not None:
            group.draining.pop(self, None)
        if self.inside:
            self.inside = False
            idle, idle_hash = self.idle, self.idle_hash
            for load, lists in self.state.places[group.blended]:
                slots = lists[group]
                del slots[bisect_left(slots, (load, idle, idle_hash))]


class Group:
    """All agents of one profile."""

    __slots__ = (
        "agents", "blended", "draining", "key", "line", "queues", "queues_served", "reaches", "routable", "skills",
        "teams",
    )  # fmt: skip

    def __init__(self, key: object, facts: AgentFacts, board: Board, *, blended: bool, queues_served: int) -> None:
        self.key = key
        self.skills = facts.skills
        self.queues = facts.queues
        self.teams = facts.groups
        self.blended = blended
        self.queues_served = queues_served
        self.agents: dict[Agent, None] = {}
        self.routable = 0
        self.draining: dict[Agent, None] = {}
        self.reaches: dict[Reach, None] = {}
        self.line = Line(board)


Look = Callable[[Mapping[Group, list[Slot]]], Sequence[list[Slot]]]


class Counts(NamedTuple):
    """At one state of the roster: all agents, whom the ring lets in, who of them meets the demand, who of those is
    routable.
    """

    version: int
    presence: int
    agents: int
    admitted: int
    qualified: int
    staffed: int


class Reach:
    """One demand: the groups that meet it in the order of the policy's standing rules."""

    __slots__ = (
        "_look",
        "counts",
        "groups",
        "lanes",
        "manned",
        "policy",
        "preferred",
        "queue",
        "ranked",
        "ring",
        "staffed",
        "terms",
        "watchers",
    )

    def __init__(
        self, queue: QueueFacts, ring: int, terms: Terms, policy: Policy, preferred: frozenset[str] = frozenset()
    ) -> None:
        """`preferred`: by the work, beside the queue's own."""
        self.queue = queue
        self.preferred = queue.preferred | preferred
        self.ring = ring
        self.terms = terms
        self.policy = policy
        self.groups: dict[Group, tuple[float, ...]] = {}
        self.ranked: list[tuple[tuple[float, ...], Group]] = []
        self.lanes: dict[Lane, None] = {}
        self.manned = 0
        self.staffed = 0
        self._look: Look | None = None
        self.counts: Counts | None = None
        self.watchers: dict[Lane, None] = {}

    def admits(self, group: Group) -> bool:
        """Member of the queue, or let in by a ring; requirements are asked apart."""
        return self.queue.id in group.queues or not self.terms.groups.isdisjoint(group.teams)

    def count(self, version: int, presence: int, agents: int, groups: Iterable[Group]) -> Counts:
        """Who is let in is asked of every group, so it is counted anew only when the version changed."""
        known = self.counts
        if known is not None and known.version == version:
            self.counts = known._replace(presence=presence, staffed=self.staffed)
        else:
            admitted = sum(len(group.agents) for group in groups if self.admits(group))
            qualified = sum(len(group.agents) for group in self.groups)
            self.counts = Counts(version, presence, agents, admitted, qualified, self.staffed)
        return self.counts

    def look(self, lists: Mapping[Group, list[Slot]]) -> Sequence[list[Slot]]:
        """The lists of its groups, in the order of `ranked`: one pass at the interpreter's speed."""
        look = self._look
        if look is None:
            groups = [group for _, group in self.ranked]
            # With one key `itemgetter` gives no tuple, with none it cannot be made.
            look = self._look = itemgetter(*groups) if len(groups) > 1 else lambda all_: [all_[each] for each in groups]
        return look(lists)

    def standing_of(self, group: Group) -> tuple[float, ...]:
        """What the policy's standing rules say of a group, the same at any time."""
        wanted = {skill for skill, _ in self.terms.requirements} | self.preferred
        standing = Standing(group.queues_served, group.skills, tuple(sorted(wanted)))
        return tuple([rule(standing) for rule in self.policy.standing])

    def add(self, group: Group) -> None:
        standing = self.groups[group] = self.standing_of(group)
        insort(self.ranked, (standing, group), key=_standing)
        group.reaches[self] = None
        self._look = None
        self.staffed += group.routable
        self.manned += group.routable > 0
        for lane in self.lanes:
            group.line.join(lane)

    def remove(self, group: Group) -> None:
        del self.groups[group]
        self.ranked = [row for row in self.ranked if row[1] is not group]
        self._look = None
        self.staffed -= group.routable
        self.manned -= group.routable > 0
        for lane in self.lanes:
            group.line.leave(lane)


def _standing(row: tuple[tuple[float, ...], Group]) -> tuple[float, ...]:
    return row[0]


def profile_key(facts: AgentFacts, thresholds: Mapping[str, list[int]]) -> tuple[object, ...]:
    """What the demands in use can tell apart: a level counts only by its band and the minimums it passes."""
    skills = tuple(
        sorted(
            (band(level), bisect_left(thresholds[skill], level + 1), skill)
            for skill, level in facts.skills.items()
            if skill in thresholds
        )
    )
    return (skills, facts.queues, facts.groups)
