"""One reader of the log for all consumers of a process: a page that several of them want is read and parsed once."""

from typing import Any

import asyncpg

from app.core import event_log
from app.core.driver import KeptConnection
from app.core.event_log import Position, StoredEvent
from app.core.recent_events import RecentEvents


class LogReader(KeptConnection):
    """`positioned`: what the dispatcher of this process gave positions to, if that may be asked first."""

    def __init__(self, database_url: str, *, application_name: str, positioned: RecentEvents | None = None) -> None:
        super().__init__(database_url, application_name=application_name)
        self._positioned = positioned or RecentEvents()
        self._read = RecentEvents()
        """Of one connection only: after a restore the same positions may hold other events."""
        self._read_by: asyncpg.Connection[Any] | None = None

    async def read(self, after: Position, *, limit: int) -> list[StoredEvent]:
        """As `event_log.read`."""
        async with self.use() as connection:
            if connection is not self._read_by:
                self._read.clear()
                self._read_by = connection
            known = self._positioned.after(after.number, limit) or self._read.after(after.number, limit)
            if known:
                return known
            page = await event_log.read(connection, after, limit=limit)
            self._read.add(page)  # passes over what is older: whoever is behind reads for himself and disturbs nobody
            return page
