"""A calendar that was edited: each version counts from the instant it took effect, so an edit never moves the past."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from app.sla.business_hours import WorkingTime


class CalendarVersions:
    """The working time of a calendar through its edits. Versions in the order they took effect; the first one also
    counts for all time before it."""

    def __init__(self, versions: Sequence[tuple[datetime, WorkingTime]]) -> None:
        if not versions or any(later[0] <= earlier[0] for earlier, later in pairwise(versions)):
            raise ValueError("give at least one version, each later than the one before")
        self._from = [at for at, _ in versions]
        self._hours = [hours for _, hours in versions]

    def between(self, start: datetime, end: datetime) -> timedelta:
        return sum((hours.between(first, last) for first, last, hours in self._parts(start, end)), timedelta(0))

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        for index in range(self._index(start), len(self._hours)):
            until = self._from[index + 1] if index + 1 < len(self._from) else None
            reached = self._hours[index].add(start, amount)
            if until is None or (reached is not None and reached <= until):
                return reached
            amount -= self._hours[index].between(start, until)
            start = until
        return None

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        previous: tuple[datetime, datetime] | None = None
        for first, last, hours in self._parts(start, end):
            for opens, closes in hours.spans(first, last):
                if previous is not None and previous[1] == opens:
                    previous = (previous[0], closes)
                    continue
                if previous is not None:
                    yield previous
                previous = (opens, closes)
        if previous is not None:
            yield previous

    def _parts(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, WorkingTime]]:
        for index in range(self._index(start), len(self._hours)):
            until = min(end, self._from[index + 1]) if index + 1 < len(self._from) else end
            if until > start:
                yield start, until, self._hours[index]
            if until >= end:
                return
            start = until

    def _index(self, at: datetime) -> int:
        return max(bisect_right(self._from, at) - 1, 0)
