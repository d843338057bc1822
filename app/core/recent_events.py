"""The newest events of the log, in the memory of a process: its readers then need not ask the database for them."""

from collections import deque
from collections.abc import Sequence

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
        start = position + 1 - self._events[0].position if self._events else -1
        if start < 0:
            return []
        # By index: a reader is near the newest end, and an iterator would come from the other one.
        return [self._events[index] for index in range(start, min(start + limit, len(self._events)))]

    def clear(self) -> None:
        self._events.clear()
