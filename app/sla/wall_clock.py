"""Time on the wall as working time: what counts towards a promise that has its own date."""

from collections.abc import Iterator
from datetime import datetime, timedelta


class WallClock:
    """Every instant is open."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        return max(end - start, timedelta(0))

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        return start + amount

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        if start < end:
            yield start, end


WALL = WallClock()
