"""The one source of time: the local monotonic clock plus the offset to the database's clock."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ALIGN_EVERY_SECONDS = 60


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, UTC, aware; never goes back within one process."""
        ...


class DatabaseClock:
    """Processes on several machines agree on time because each follows the database's clock.

    Between alignments it runs on the monotonic clock, so a step of the machine's wall clock changes nothing.
    """

    def __init__(self) -> None:
        self._epoch = datetime.now(UTC)
        self._monotonic_at_epoch = time.monotonic()
        self._last = self._epoch

    def now(self) -> datetime:
        elapsed = time.monotonic() - self._monotonic_at_epoch
        # An alignment may pull the clock back by some milliseconds; time then stands still instead.
        self._last = max(self._last, self._epoch + timedelta(seconds=elapsed))
        return self._last

    async def align(self, connection: AsyncConnection) -> float:
        """Measure the database's clock once and follow it. Returns the correction in seconds."""
        asked = time.monotonic()
        database_now: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        answered = time.monotonic()
        middle = (asked + answered) / 2
        epoch = database_now.astimezone(UTC)
        correction = (epoch - self._epoch).total_seconds() - (middle - self._monotonic_at_epoch)
        self._epoch, self._monotonic_at_epoch = epoch, middle
        return correction
