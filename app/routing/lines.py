"""Which of the lanes that a group may serve is first: one shared board of turns, and who looks at which seats."""

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.routing.index import Lane

NOT_WAITING = float("inf")
ALWAYS_EMPTY = 0


class Board:
    """When the head of each lane is due, by seat; `NOT_WAITING` where nobody waits or the lane is dirty. A
    change of head is one store here, however many may serve the lane.
    """

    __slots__ = ("turns", "vacant")

    def __init__(self) -> None:
        self.turns = [NOT_WAITING]
        self.vacant: list[int] = []

    def take_seat(self) -> int:
        if self.vacant:
            return self.vacant.pop()
        self.turns.append(NOT_WAITING)
        return len(self.turns) - 1

    def give_back(self, seat: int) -> int:
        """Only once nobody looks at it. The seat of whoever has none, which stays empty."""
        self.turns[seat] = NOT_WAITING
        self.vacant.append(seat)
        return ALWAYS_EMPTY


class Line:
    """The lanes of one kind that one group may serve; those with barred agents apart."""

    __slots__ = ("_board", "_lanes", "_look", "barred", "lanes")

    def __init__(self, board: Board) -> None:
        self.lanes: dict[Lane, None] = {}
        self.barred: dict[Lane, None] = {}
        self._board = board
        self._lanes: list[Lane] = []
        self._look: Callable[[list[float]], tuple[float, ...]] | None = None

    def join(self, lane: "Lane") -> None:
        if lane.barred:
            self.barred[lane] = None
        else:
            self.lanes[lane] = None
            self._look = None

    def leave(self, lane: "Lane") -> None:
        if lane.barred:
            self.barred.pop(lane, None)
        else:
            self.lanes.pop(lane, None)
            self._look = None

    def first(self) -> "Lane | None":
        """The lane whose head comes first, of those that are not dirty: one pass at the interpreter's speed."""
        look = self._look or self._find_seats()
        turns = look(self._board.turns)
        soonest = min(turns)
        if soonest == NOT_WAITING:
            return None
        index = turns.index(soonest)
        first = self._lanes[index]
        # A float cannot hold the whole key of the order, so equal floats are told apart by the lanes themselves.
        for _ in range(turns.count(soonest) - 1):
            index = turns.index(soonest, index + 1)
            if self._lanes[index].turn < first.turn:
                first = self._lanes[index]
        return first

    def _find_seats(self) -> Callable[[list[float]], tuple[float, ...]]:
        self._lanes = list(self.lanes)
        # The two seats that are always empty make it answer with a tuple, also for no lane or one.
        self._look = itemgetter(*(lane.seat for lane in self._lanes), ALWAYS_EMPTY, ALWAYS_EMPTY)
        return self._look
