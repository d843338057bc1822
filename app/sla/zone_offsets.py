"""The stretches of time during which a zone keeps one offset from UTC, found from the zone's own answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ZERO = timedelta(0)
PROBE = timedelta(days=1)
"""No zone of the IANA database changes its offset there and back within a day."""
SECOND = timedelta(seconds=1)


def offset_periods(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """(from, to, offset), in UTC, covering [start, end) without a gap; changes are exact to the second."""
    period_start, offset = start, offset_at(zone, start)
    at = start
    while at < end:
        following = min(at + PROBE, end)
        if offset_at(zone, following) != offset:
            change = _first_change(zone, at, following, offset)
            yield period_start, change, offset
            period_start, offset = change, offset_at(zone, change)
        at = following
    if period_start < end:
        yield period_start, end, offset


def offset_at(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or ZERO


def _first_change(zone: ZoneInfo, before: datetime, after: datetime, offset: timedelta) -> datetime:
    """The first whole second in (before, after] whose offset is not `offset`."""
    low, high = 0, int((after - before) / SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, before + middle * SECOND) == offset:
            low = middle
        else:
            high = middle
    return before + high * SECOND


def year_start(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
