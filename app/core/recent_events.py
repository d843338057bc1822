"""The newest events of the log, in the memory of a process: its readers then need not ask the database for them."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from app.core.event_log import StoredEvent

EVENTS_KEPT = 2_000


class RecentEvents:
    """A run of consecutive positions."""

    def __init__(self) -> None:
        self._events: deque[StoredEvent] = deque(maxlen=EVENTS_KEPT)

    def add(self, events: Sequence[StoredEvent]) -> None:
        """Consecutive ones. After a gap the run begins anew; what does not reach beyond it is passed over."""
        newest = self._events[-1].position if self._events else 0
        if not events or events[-1].position <= newest:
            return
        if events[0].position != newest + 1:
            self._events.clear()
        self._events.extend(events)

    def after(self, position: int, limit: int) -> list[StoredEvent]:
        """The next ones after a position, at most `limit`; none where the run does not hold them."""
        if not self._events or not self._events[0].position <= position + 1 <= self._events[-1].position:
            return []
        start = position + 1 - self._events[0].position
        return list(islice(self._events, start, start + limit))

    def clear(self) -> None:
        self._events.clear()
