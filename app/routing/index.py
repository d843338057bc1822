"""The router's memory: agents of one profile together, waiting work of one demand together.

A profile is an agent as the demands in use see it, so all agents of a `Group` stand alike for every demand,
and inside a group agents of equal load share one list in the order of the last rank rules. A `Reach` is one
demand and the groups that meet it; a `Lane` is the waiting work of one reach, kind and set of barred agents,
so if its head cannot be placed, nothing behind it can.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from app.routing.capacity import Fit
from app.routing.decisions import UnroutableReason
from app.routing.facts import AgentFacts, OrderKey, QueueFacts, WorkFacts, order_key
from app.routing.lines import NOT_WAITING, Board, Line
from app.routing.loads import Kind, State
from app.routing.ranking import Policy, band, stable_hash
from app.routing.rings import Terms

Slot = tuple[float, int, "Agent"]
Bucket = tuple[tuple[float, ...], list[Slot]]

NOBODY = (float("inf"),)
"""The turn of an empty lane: after every other."""
SECONDS_BETWEEN_TIERS = 1e12
"""More than any moment in epoch seconds."""


class Work:
    """A waiting or provisionally offered work item."""

    __slots__ = (
        "drainer", "due", "facts", "key", "lane", "offered", "plain", "timer", "told_unroutable", "told_wait",
    )  # fmt: skip

    def __init__(self, facts: WorkFacts) -> None:
        self.facts = facts
        self.plain = asks_nothing_special(facts)
        self.key: OrderKey = order_key(facts)
        self.due = self.key[1]
        self.lane: Lane | None = None
        self.drainer: Agent | None = None
        self.offered: tuple[Agent, Fit] | None = None
        self.timer = 0
        self.told_wait = False
        self.told_unroutable = False


class Agent:
    """An agent's place in the index. `slot` is set while it stands in its group's list. `content_at` is
    the load at which it could take nothing that waits, from a change of load until the next decision.
    """

    __slots__ = (
        "content_at",
        "draining_for",
        "facts",
        "group",
        "idle",
        "idle_hash",
        "lanes",
        "offers",
        "slot",
        "state",
    )

    def __init__(self, facts: AgentFacts, state: State) -> None:
        self.facts = facts
        self.state = state
        self.content_at: State | None = None
        self.idle = facts.idle_since_at.timestamp()
        self.idle_hash = stable_hash(facts.id)
        self.group: Group | None = None
        self.slot: Slot | None = None
        self.draining_for: Work | None = None
        self.lanes: list[Lane] = []
        self.offers: dict[Work, Fit] = {}

    def enter(self) -> None:
        """Take the place that facts and load call for: in a list while routable, apart while draining."""
        group = self.group
        if group is None or not self.facts.routable or self.slot is not None:
            return
        if self.draining_for is not None:
            group.draining[self] = None
        else:
            self.slot = (self.idle, self.idle_hash, self)
            insort(group.buckets.setdefault(self.state, []), self.slot)
            group.found.clear()

    def leave(self) -> None:
        group = self.group
        if group is None:
            return
        if self.draining_for is not None:
            group.draining.pop(self, None)
        if self.slot is not None:
            members = group.buckets[self.state]
            del members[bisect_left(members, self.slot)]
            if not members:
                del group.buckets[self.state]
            self.slot = None
            group.found.clear()


class Group:
    """All agents of one profile."""

    __slots__ = (
        "agents", "blended", "buckets", "draining", "found", "key", "lines", "queues", "queues_served", "reaches",
        "routable", "skills", "teams",
    )  # fmt: skip

    def __init__(self, key: object, facts: AgentFacts, *, blended: bool, queues_served: int) -> None:
        self.key = key
        self.skills = facts.skills
        self.queues = facts.queues
        self.teams = facts.groups
        self.blended = blended
        self.queues_served = queues_served
        self.agents: dict[Agent, None] = {}
        self.routable = 0
        self.buckets: dict[State, list[Slot]] = {}
        self.draining: dict[Agent, None] = {}
        self.found: dict[Kind, tuple[int, list[Bucket]]] = {}
        self.reaches: dict[Reach, None] = {}
        self.lines: dict[Kind, Line] = {}

    def line(self, kind: Kind, board: Board) -> Line:
        found = self.lines.get(kind)
        if found is None:
            found = self.lines[kind] = Line(board)
        return found

    def fitting(self, kind: Kind) -> tuple[int, list[Bucket]]:
        """How many agents have the units, and their lists by load; remembered until somebody moves."""
        rows: list[Bucket] = []
        count = 0
        for state, members in self.buckets.items():
            fit = state.fit(kind)
            if fit is not None:
                rows.append((kind.policy.load(fit, self.blended, kind.whole), members))
                count += len(members)
        found = self.found[kind] = (count, rows)
        return found


class Counts(NamedTuple):
    """At one version of the roster."""

    version: int
    admitted: int
    qualified: int


class Reach:
    """One demand: the groups that meet it in the order of the policy's standing rules."""

    __slots__ = (
        "groups",
        "lanes",
        "manned",
        "policy",
        "queue",
        "ranked",
        "ring",
        "roster",
        "staff",
        "terms",
        "watchers",
    )

    def __init__(self, queue: QueueFacts, ring: int, terms: Terms, policy: Policy) -> None:
        self.queue = queue
        self.ring = ring
        self.terms = terms
        self.policy = policy
        self.groups: dict[Group, tuple[float, ...]] = {}
        self.ranked: list[tuple[tuple[float, ...], Group]] = []
        self.lanes: dict[Lane, None] = {}
        self.manned = 0
        self.roster: Counts | None = None
        self.staff: tuple[int, int] | None = None
        self.watchers: dict[Lane, None] = {}

    def admits(self, group: Group) -> bool:
        """Member of the queue, or let in by a ring; requirements are asked apart."""
        return self.queue.id in group.queues or not self.terms.groups.isdisjoint(group.teams)

    def count(self, version: int, groups: Iterable[Group]) -> "Counts":
        """Agents who are let in, and those of them who meet the requirements, at this version of the roster."""
        admitted = sum(len(group.agents) for group in groups if self.admits(group))
        self.roster = Counts(version, admitted, sum(len(group.agents) for group in self.groups))
        return self.roster

    def staffed(self, presence: int) -> int:
        """How many who meet the demand are routable; kept per version of who is present."""
        if self.staff is None or self.staff[0] != presence:
            self.staff = (presence, sum(group.routable for group in self.groups))
        return self.staff[1]

    def add(self, group: Group, standing: tuple[float, ...]) -> None:
        self.groups[group] = standing
        insort(self.ranked, (standing, group), key=_standing)
        group.reaches[self] = None
        self.manned += group.routable > 0
        for lane in self.lanes:
            group.line(lane.kind, lane.board).join(lane)

    def remove(self, group: Group) -> None:
        del self.groups[group]
        self.ranked = [row for row in self.ranked if row[1] is not group]
        self.manned -= group.routable > 0
        for lane in self.lanes:
            group.lines[lane.kind].leave(lane)


def _standing(row: tuple[tuple[float, ...], Group]) -> tuple[float, ...]:
    return row[0]


class Lane:
    """Waiting work that is alike: the same rings to come, kind, barred agents and (ring 0) only agent.

    `entries` are in order from `start` on; what has left is dropped when it comes to the front. `seat` is its
    place on the board.
    """

    __slots__ = (
        "barred", "board", "chain", "dirty", "entries", "head", "judged", "key", "kind", "only", "passing",
        "reach", "seat", "size", "start", "turn",
    )  # fmt: skip

    def __init__(
        self,
        key: object,
        board: Board,
        chain: tuple[Reach, ...],
        kind: Kind,
        barred: frozenset[UUID],
        only: Agent | None,
    ) -> None:
        self.key = key
        self.board = board
        self.seat = board.take_seat()
        self.chain = chain
        self.reach = chain[0]
        self.kind = kind
        self.barred = barred
        self.only = only
        self.entries: list[tuple[OrderKey, int, Work]] = []
        self.head: OrderKey | None = None
        self.turn: tuple[float, ...] = NOBODY
        self.start = 0
        self.size = 0
        self.dirty = False
        self.passing = False
        self.judged: tuple[int, UnroutableReason | None] | None = None
        for reach in chain:
            reach.watchers[self] = None

    def preferred_reach(self) -> Reach:
        """The first ring from its own that somebody staffed matches; its own if none."""
        return next((reach for reach in self.chain if reach.manned), self.chain[0])

    def attach(self) -> None:
        """Stand in the lists of those who may take it, at the first ring that somebody staffed matches."""
        if self.only is not None:
            self.only.lanes.append(self)
            return
        self.reach = self.preferred_reach()
        self.reach.lanes[self] = None
        for group in self.reach.groups:
            group.line(self.kind, self.board).join(self)

    def detach(self) -> None:
        if self.only is not None:
            self.only.lanes.remove(self)
            return
        del self.reach.lanes[self]
        for group in self.reach.groups:
            group.lines[self.kind].leave(self)

    def show(self) -> None:
        """Put on the board when its head is due, as a float that never turns the order round."""
        head = self.head
        waits = head is not None and not self.dirty and self.only is None
        self.board.turns[self.seat] = head[0] * SECONDS_BETWEEN_TIERS + head[1] if waits and head else NOT_WAITING

    def add(self, work: Work, serial: int) -> bool:
        """True when the work became the head."""
        work.lane = self
        self.size += 1
        entry = (work.key, serial, work)
        if not self.entries or self.entries[-1] < entry:
            self.entries.append(entry)
        else:
            insort(self.entries, entry, lo=self.start)
        if self.head is None or work.key < self.head:
            self.head = self.turn = work.key
            return True
        return False

    def remove(self, work: Work) -> None:
        work.lane = None
        self.size -= 1
        if work.key is self.head:
            self.settle()

    def settle(self) -> None:
        """Step over what has left at the front; `head` is then the first that waits, or None."""
        entries, start = self.entries, self.start
        while start < len(entries) and entries[start][2].lane is not self:
            start += 1
        if start * 2 > len(entries):
            del entries[:start]
            start = 0
        self.start = start
        self.head = entries[start][0] if entries else None
        self.turn = self.head or NOBODY
        self.show()

    def first(self) -> Work:
        return self.entries[self.start][2]

    def in_order(self) -> Iterator[Work]:
        """Every waiting work once, first first."""
        return iter(
            sorted({row[2] for row in self.entries[self.start :] if row[2].lane is self}, key=lambda work: work.key)
        )


def asks_nothing_special(facts: WorkFacts) -> bool:
    """Whether its lane follows from its queue, channel and weight alone while the queue has no rings."""
    return not (
        facts.cool_downs or facts.tries or facts.requirements is not None or facts.language or facts.sticky_until_at
    )


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
