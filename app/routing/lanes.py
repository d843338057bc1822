"""Waiting work in the order in which it is served: if the head of a lane cannot be placed, nothing behind it can."""

from bisect import insort
from collections.abc import Iterator
from uuid import UUID

from app.routing.decisions import UnroutableReason
from app.routing.facts import OrderKey, WorkFacts
from app.routing.index import Agent, Reach, Work
from app.routing.lines import NOT_WAITING, Board
from app.routing.loads import Kind

Entry = tuple[float, OrderKey, int, Work]
"""The float first: it never turns the order round, and one look at it mostly decides."""

SECONDS_BETWEEN_TIERS = 1e12
"""More than any moment in epoch seconds."""
Turn = tuple[float, ...] | OrderKey
NOBODY: Turn = (float("inf"),)
"""The turn of an empty lane: after every other."""


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
        self.entries: list[Entry] = []
        self.head: OrderKey | None = None
        self.turn: Turn = NOBODY
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
            group.line.join(self)

    def detach(self) -> None:
        if self.only is not None:
            self.only.lanes.remove(self)
            return
        del self.reach.lanes[self]
        for group in self.reach.groups:
            group.line.leave(self)

    def show(self) -> None:
        """Put on the board when its head is due; a dirty lane speaks for itself, as does one with an only agent."""
        waits = self.head is not None and not self.dirty and self.only is None
        self.board.turns[self.seat] = self.entries[self.start][0] if waits else NOT_WAITING

    def add(self, work: Work, serial: int) -> bool:
        """True when the work became the head."""
        work.lane = self
        self.size += 1
        entries, key = self.entries, work.key
        entry = (key[0] * SECONDS_BETWEEN_TIERS + key[1], key, serial, work)
        if not entries or entries[-1] < entry:
            entries.append(entry)
        else:
            insort(entries, entry, lo=self.start)
        if self.head is None or key < self.head:
            self.head = self.turn = key
            return True
        return False

    def remove(self, work: Work) -> None:
        work.lane = None
        self.size -= 1
        if work.key is self.head:
            self.settle()

    def take_first(self) -> None:
        self.first().lane = None
        self.size -= 1
        self.settle()

    def settle(self) -> None:
        """Step over what has left at the front; `head` is then the first that waits, or None."""
        entries, start = self.entries, self.start
        if self.size:
            while entries[start][3].lane is not self:
                start += 1
            if start * 2 > len(entries):
                del entries[:start]
                start = 0
            self.head = self.turn = entries[start][1]
        else:
            entries.clear()
            start = 0
            self.head, self.turn = None, NOBODY
        self.start = start
        self.show()

    def first(self) -> Work:
        return self.entries[self.start][3]

    def in_order(self) -> Iterator[Work]:
        """Every waiting work once, first first."""
        return iter(
            sorted({row[3] for row in self.entries[self.start :] if row[3].lane is self}, key=lambda work: work.key)
        )


def asks_nothing_special(facts: WorkFacts) -> bool:
    """Whether its lane follows from its queue, channel and weight alone while the queue has no rings."""
    return not (
        facts.cool_downs or facts.tries or facts.requirements is not None or facts.language or facts.sticky_until_at
    )
