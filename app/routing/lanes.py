"""Waiting work in the order in which it is served: if the head of a lane cannot be placed, nothing behind it can."""

from bisect import bisect_right
from collections.abc import Iterator
from uuid import UUID

from app.routing.capacity import could_ever_fit
from app.routing.decisions import UnroutableReason
from app.routing.facts import OrderKey, WorkFacts
from app.routing.index import Agent, Reach, Work
from app.routing.lines import NOBODY, Board
from app.routing.loads import Kind


class Lane:
    """Waiting work that is alike: the same rings to come, kind, barred agents and (ring 0) only agent.

    `works` are in the order of their `keys` from `start` on; what has left is dropped when it comes to the front.
    `head` is the key of the first that waits, or `NOBODY`; `seat` is the lane's place on the board,
    `sound_at` the version of the roster at which somebody was found who could take such work, be it later.
    """

    __slots__ = (
        "barred", "board", "chain", "dirty", "head", "judged", "key", "keys", "kind", "only", "passing",
        "reach", "seat", "size", "sound_at", "start", "works",
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
        self.keys: list[OrderKey] = []
        self.works: list[Work] = []
        self.head: OrderKey = NOBODY
        self.start = 0
        self.size = 0
        self.dirty = False
        self.passing = False
        self.judged: tuple[int, UnroutableReason | None] | None = None
        self.sound_at = 0
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
            group.line.join(self)

    def detach(self) -> None:
        if self.only is not None:
            self.only.lanes.remove(self)
            return
        del self.reach.lanes[self]
        for group in self.reach.groups:
            group.line.leave(self)

    def show(self) -> None:
        """Put its head on the board; a dirty lane speaks for itself, and so does one with an only agent."""
        self.board.heads[self.seat] = NOBODY if self.dirty or self.only is not None else self.head

    def add(self, work: Work) -> bool:
        """True when the work became the head."""
        work.lane = self
        self.size += 1
        key, keys = work.key, self.keys
        if not keys or keys[-1] <= key:
            keys.append(key)
            self.works.append(work)
        else:
            place = bisect_right(keys, key, lo=self.start)
            keys.insert(place, key)
            self.works.insert(place, work)
        if key < self.head:
            self.head = key
            return True
        return False

    def remove(self, work: Work) -> None:
        work.lane = None
        self.size -= 1
        if work.key == self.head:
            self.settle()

    def take_first(self) -> Work:
        """`remove` of the head, for what is done most."""
        works, start = self.works, self.start
        work = works[start]
        work.lane = None
        self.size -= 1
        start += 1
        if start * 2 <= len(works) and works[start].lane is self:
            self.start = start
            self.head = self.keys[start]
            self.show()
        else:
            self.settle()
        return work

    def settle(self) -> None:
        """Step over what has left at the front."""
        works, start = self.works, self.start
        if self.size:
            while works[start].lane is not self:
                start += 1
            if start * 2 > len(works):
                del works[:start], self.keys[:start]
                start = 0
            self.start = start
            self.head = self.keys[start]
        else:
            works.clear()
            self.keys.clear()
            self.start, self.head = 0, NOBODY
        if not self.dirty:
            self.show()

    def first(self) -> Work:
        return self.works[self.start]

    def in_order(self) -> Iterator[Work]:
        """Every waiting work once, first first."""
        return iter(dict.fromkeys(work for work in self.works[self.start :] if work.lane is self))


def asks_nothing_special(facts: WorkFacts) -> bool:
    """Whether its lane follows from its queue, channel and weight alone while the queue has no rings."""
    return not (
        facts.cool_downs
        or facts.tries
        or facts.requirements is not None
        or facts.preferred
        or facts.language
        or facts.sticky_until_at
    )


def judge(lane: Lane) -> UnroutableReason | None:
    """Why nobody could ever take such work, at any ring to come; None if somebody could."""
    agents = [agent for reach in lane.chain for group in reach.groups for agent in group.agents]
    if lane.only is not None:
        agents.append(lane.only)
    if not agents:
        return "nobody_qualified"
    if not any(could_ever_fit(agent.state.ledger, lane.kind.channel, lane.kind.weight) for agent in agents):
        return "nobody_has_the_capacity"
    return None
