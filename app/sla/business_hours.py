"""Working time: how much of it lies between two instants, and which instant lies so much working time ahead or back.

Exact in every zone: an instant is open when the wall clock at that instant reads a time inside a span. So an hour that
the clocks skip does not exist, and one that they repeat counts twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Protocol

from app.sla.calendars import Calendar, days_between, require_zone
from app.sla.zone_offsets import offset_periods, year_start

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.date().toordinal()
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
HORIZON_YEARS = 50
"""How far a due time is looked for; what is not due by then never is."""
MARGIN = timedelta(days=3)
"""Local days around a year that may reach into it: a span of up to two days, a zone of up to a day."""
FIRST_YEAR, LAST_YEAR = 2, 9998


class WorkingTime(Protocol):
    """What a clock asks of a calendar. Instants have a zone; amounts are working time."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time in [start, end); zero when end <= start."""

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        """The earliest instant t >= start with between(start, t) >= amount; None: not within the horizon."""

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The open stretches inside [start, end), in order, none touching the next."""


@dataclass(frozen=True, slots=True)
class Year:
    """The open stretches of one year of UTC, in microseconds since 1970, and the sum of those before each."""

    starts: Sequence[int]
    ends: Sequence[int]
    before: Sequence[int]
    total: int

    def worked_until(self, at: int) -> int:
        index = bisect_right(self.starts, at) - 1
        return self.before[index] + min(at, self.ends[index]) - self.starts[index] if index >= 0 else 0

    def earliest(self, amount: int) -> int:
        """The first instant by which `amount` has been worked. Needs 0 < amount <= total."""
        index = bisect_left(self.before, amount) - 1
        return self.starts[index] + amount - self.before[index]

    def stretches(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Those that share time with [first, last)."""
        from_index, to_index = bisect_right(self.ends, first), bisect_left(self.starts, last)
        yield from zip(self.starts[from_index:to_index], self.ends[from_index:to_index], strict=True)

    def latest(self, amount: int) -> int:
        """The last instant by which no more than `amount` has been worked. Needs 0 <= amount < total."""
        index = bisect_right(self.before, amount) - 1
        return self.starts[index] + amount - self.before[index]


class BusinessHours:
    """A calendar made ready for questions. Each costs two binary searches and one step per year it reaches over.

    A year's table is made when first asked for and kept; share one object among all clocks of a calendar.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        require_zone(calendar.timezone)
        self._years: dict[int, Year] = {}

    def between(self, start: datetime, end: datetime) -> timedelta:
        if end <= start:
            return timedelta(0)
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        worked = self._year(end.year).worked_until(_number(end)) - self._year(start.year).worked_until(_number(start))
        worked += sum(self._year(year).total for year in range(start.year, end.year))
        return worked * MICROSECOND

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        if amount <= timedelta(0):
            return start
        start = start.astimezone(UTC)
        wanted = amount // MICROSECOND + self._year(start.year).worked_until(_number(start))
        for number in range(start.year, min(start.year + HORIZON_YEARS, LAST_YEAR) + 1):
            year = self._year(number)
            if wanted <= year.total:
                return _instant(year.earliest(wanted))
            wanted -= year.total
        return None

    def subtract(self, end: datetime, amount: timedelta) -> datetime | None:
        """The latest instant t <= end with between(t, end) >= amount; None: not within the horizon."""
        if amount <= timedelta(0):
            return end
        end = end.astimezone(UTC)
        left = self._year(end.year).worked_until(_number(end)) - amount // MICROSECOND
        for number in range(end.year, max(end.year - HORIZON_YEARS, FIRST_YEAR) - 1, -1):
            if left >= 0:
                return _instant(self._year(number).latest(left))
            left += self._year(number - 1).total
        return None

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        first, last = _number(start), _number(end)
        stretches = (
            (max(opens, first), min(closes, last))
            for number in range(start.astimezone(UTC).year, end.astimezone(UTC).year + 1)
            for opens, closes in self._year(number).stretches(first, last)
        )
        yield from ((_instant(opens), _instant(closes)) for opens, closes in joined(stretches))

    def _year(self, number: int) -> Year:
        if number not in self._years:
            self._years[number] = _build(self.calendar, number)
        return self._years[number]


def _build(calendar: Calendar, number: int) -> Year:
    opens = year_start(number)
    closes = year_start(number + 1)
    wall = list(_wall_spans(calendar, (opens - MARGIN).date(), (closes + MARGIN).date()))
    pieces = []
    for period_start, period_end, offset in offset_periods(require_zone(calendar.timezone), opens, closes):
        first, last, shift = _number(period_start), _number(period_end), offset // MICROSECOND
        clipped = ((max(start - shift, first), min(end - shift, last)) for start, end in wall)
        pieces += [(start, end) for start, end in clipped if start < end]
    return _with_sums(list(joined(sorted(pieces))))


def _wall_spans(calendar: Calendar, first: date, last: date) -> Iterator[tuple[int, int]]:
    """The spans that start on these days, in microseconds of a wall clock that knows no zone."""
    for day in days_between(first, last):
        midnight = (day.toordinal() - EPOCH_DAY) * DAY
        spans, _ = calendar.spans_of(day)
        yield from ((midnight + span.start_minute * MINUTE, midnight + span.end_minute * MINUTE) for span in spans)


def joined(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those that touch or share time as one. Needs them in order of their start."""
    current: tuple[int, int] | None = None
    for start, end in stretches:
        if current is not None and start <= current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


def _with_sums(stretches: Sequence[tuple[int, int]]) -> Year:
    lengths = [end - start for start, end in stretches]
    sums = list(accumulate(lengths, initial=0))
    return Year([start for start, _ in stretches], [end for _, end in stretches], sums[:-1], sums[-1])


def _number(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _instant(number: int) -> datetime:
    return EPOCH + number * MICROSECOND
