"""Which of the lanes that a group may serve is first: one shared board of heads, and who looks at which seats."""

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

from app.routing.facts import OrderKey

if TYPE_CHECKING:
    from app.routing.lanes import Lane

NOBODY: OrderKey = 1 << 400
"""The head of an empty lane: after every other."""
ALWAYS_EMPTY = 0


class Board:
    """The key of the head of each lane, by seat; `NOBODY` where nobody waits or the lane is dirty. A
    change of head is one store here, however many may serve the lane.
    """

    __slots__ = ("heads", "vacant")

    def __init__(self) -> None:
        self.heads = [NOBODY]
        self.vacant: list[int] = []

    def take_seat(self) -> int:
        if self.vacant:
            return self.vacant.pop()
        self.heads.append(NOBODY)
        return len(self.heads) - 1

    def give_back(self, seat: int) -> int:
        """Only once nobody looks at it. The seat of whoever has none, which stays empty."""
        self.heads[seat] = NOBODY
        self.vacant.append(seat)
        return ALWAYS_EMPTY


View = tuple[Callable[[list[OrderKey]], tuple[OrderKey, ...]], list["Lane"]]
"""What takes the heads of some lanes off the board, and these lanes."""


class Line:
    """The lanes that one group may serve; those with barred agents apart."""

    __slots__ = ("_board", "_views", "barred", "lanes")

    def __init__(self, board: Board) -> None:
        self.lanes: dict[Lane, None] = {}
        self.barred: dict[Lane, None] = {}
        self._board = board
        self._views: dict[int, View] = {}

    def join(self, lane: "Lane") -> None:
        if lane.barred:
            self.barred[lane] = None
        else:
            self.lanes[lane] = None
            self._views.clear()

    def leave(self, lane: "Lane") -> None:
        if lane.barred:
            self.barred.pop(lane, None)
        else:
            self.lanes.pop(lane, None)
            self._views.clear()

    def first(self, fitting: int) -> "Lane | None":
        """The lane of fitting kinds whose head comes first, of those that are not dirty: one pass at the
        interpreter's speed.
        """
        look, lanes = self._views.get(fitting) or self._view(fitting)
        heads = look(self._board.heads)
        soonest = min(heads)
        return None if soonest == NOBODY else lanes[heads.index(soonest)]

    def _view(self, fitting: int) -> View:
        lanes = [lane for lane in self.lanes if lane.kind.bit & fitting]
        # The two seats that are always empty make it answer with a tuple, also for no lane or one.
        look = itemgetter(*(lane.seat for lane in lanes), ALWAYS_EMPTY, ALWAYS_EMPTY)
        view = self._views[fitting] = (look, lanes)
        return view
