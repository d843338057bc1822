"""The last events of the log, in memory: whoever was away for a moment is brought up to date without the database."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from app.realtime.render import Occurrence


class Recent:
    """A run of consecutive positions that ends at `last`, at most so many."""

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self.last = 0
        self._events: deque[Occurrence] = deque(maxlen=at_most)

    @property
    def first(self) -> int:
        """One above `last` when nothing is held."""
        return self.last - len(self._events) + 1

    def begin_at(self, position: int) -> None:
        """Forget everything; what follows this position is to be added."""
        self._events.clear()
        self.last = position

    def add(self, event: Occurrence) -> None:
        self._events.append(event)
        self.last = event.number

    def add_before(self, events: Sequence[Occurrence]) -> None:
        """Older ones, up to the first that is held; what does not fit, or leaves a gap, is passed over."""
        fitting = [each for each in events if self.last - self.at_most < each.number < self.first]
        if fitting and fitting[-1].number == self.first - 1:
            self._events.extendleft(reversed(fitting))

    def between(self, after: int, upto: int) -> list[Occurrence] | None:
        """The events after one position up to another; None when memory does not reach back that far."""
        if after >= upto:
            return []
        if after + 1 < self.first:
            return None
        return list(islice(self._events, after + 1 - self.first, upto + 1 - self.first))
