"""Messages that this process itself has stored a moment ago: their frames need nothing from the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.conversations.continuing import Continued
from app.realtime.render import Occurrence

AT_MOST = 1_000
"""Each leaves when its event is delivered; more wait only where this process has fallen behind the log."""
FRESH_FOR = timedelta(seconds=1)
"""The rights they were stored under are taken for the present ones so long; usually it is some milliseconds."""


class JustStored:
    def __init__(self) -> None:
        self._messages: dict[UUID, Continued] = {}

    def remember(self, stored: Sequence[Continued]) -> None:
        self._messages |= {one.received.message_id: one for one in stored}
        while len(self._messages) > AT_MOST:
            del self._messages[next(iter(self._messages))]

    def take(self, occurrences: Sequence[Occurrence], now: datetime) -> list[Continued] | None:
        """Of each occurrence its message; None unless all are known and fresh."""
        found = [self._messages.pop(each.message_id, None) for each in occurrences if each.message_id is not None]
        known = [one for one in found if one is not None and now - one.received.arrived_at <= FRESH_FOR]
        return known if len(known) == len(occurrences) else None
