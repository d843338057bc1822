"""One reader of the log for all consumers of a process: a page that several of them want is read and parsed once."""

from collections import deque
from itertools import islice
from typing import Any

import asyncpg

from app.core import event_log
from app.core.driver import KeptConnection
from app.core.event_log import Position, StoredEvent

EVENTS_KEPT = 2_000


class LogReader(KeptConnection):
    def __init__(self, database_url: str, *, application_name: str) -> None:
        super().__init__(database_url, application_name=application_name)
        self._kept: deque[StoredEvent] = deque(maxlen=EVENTS_KEPT)
        """Without gaps. Of one connection only: after a restore the same positions may hold other events."""
        self._kept_of: asyncpg.Connection[Any] | None = None

    async def read(self, after: Position, *, limit: int) -> list[StoredEvent]:
        """As `event_log.read`."""
        async with self.use() as connection:
            if connection is not self._kept_of:
                self._kept.clear()
                self._kept_of = connection
            first = self._kept[0].position if self._kept else 0
            if self._kept and first <= after.number + 1 <= self._kept[-1].position:
                start = after.number + 1 - first
                return list(islice(self._kept, start, start + limit))
            page = await event_log.read(connection, after, limit=limit)
            newest = self._kept[-1].position if self._kept else 0
            if page and page[-1].position > newest:  # whoever is behind reads for himself and disturbs nobody
                if page[0].position != newest + 1:
                    self._kept.clear()
                self._kept.extend(page)
            return page
