"""What a business calendar says: the opening spans of each local day, and which rule gave them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.sla import calendar_data
from app.sla.calendar_data import CountryYear

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKDAYS = 5
"""Monday to Friday: whose hours a make-up working day keeps."""
MINUTES_OF_DAY = 24 * 60
SPANS_PER_DAY_LIMIT = 24
ZONE_NAME_LIMIT = 64
NO_PLACE = "Factory"
"""A zone's file of a machine that nobody has set up."""
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes on the wall from 00:00 of the day it starts on; `end_minute` goes past 1440 over midnight."""

    start_minute: int
    end_minute: int


DaySpans = tuple[Span, ...]
ALL_DAY: DaySpans = (Span(0, MINUTES_OF_DAY),)


@dataclass(frozen=True, slots=True)
class Calendar:
    """One version of a business calendar.

    A day's spans come from the first rule that speaks about it: own open date, own closed date, the country's make-up
    working day, the country's holiday, the week.
    """

    timezone: str
    weekly: tuple[DaySpans, ...]
    closed: frozenset[date] = frozenset()
    opened: Mapping[date, DaySpans] = field(default_factory=dict)
    country: str | None = None
    region: str | None = None

    def spans_of(self, day: date) -> tuple[DaySpans, str]:
        """The spans that start on `day`, and the rule that gave them."""
        if day in self.opened:
            return self.opened[day], "open_date"
        if day in self.closed:
            return (), "closed_date"
        country = self._country_year(day.year)
        if day in country.working:
            return self._workday_spans(), "make_up_day"
        if day in country.closed:
            return (), f"holiday:{country.closed[day]}"
        return self.weekly[day.weekday()], "week"

    def never_opens(self) -> bool:
        return not any(self.weekly) and not any(self.opened.values())

    def unknown_years(self, first: int, last: int) -> list[int]:
        """The years whose holidays are not published yet: there the week alone decides, and somebody should know."""
        return [year for year in range(first, last + 1) if not self._country_year(year).known]

    def _country_year(self, year: int) -> CountryYear:
        if self.country is None:
            return _NO_COUNTRY
        return calendar_data.country_year(self.country, self.region, year)

    def _workday_spans(self) -> DaySpans:
        # A make-up Saturday is worked like the weekday it stands in for, even where Saturdays have hours of their own.
        return next((spans for spans in self.weekly[:WORKDAYS] if spans), ())


_NO_COUNTRY = CountryYear(known=True, closed={}, working=frozenset())


def around_the_clock(timezone: str = "UTC") -> Calendar:
    """24x7, for clocks whose policy names no calendar."""
    return Calendar(timezone=timezone, weekly=(ALL_DAY,) * len(DAYS))


def parse_span(text: str) -> Span:
    """ "08:30-12:00"; "22:00-06:00" ends on the next day; "24:00" may end a span. ValueError: anything else."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no span; write "08:30-12:00" (24-hour clock; "22:00-06:00" goes over midnight)')
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3] or match[5]) * 60 + int(match[4] or match[6])
    if start == end:
        raise ValueError(f'{text!r} has no length; a whole day is "00:00-24:00"')
    return Span(start, end if end > start else end + MINUTES_OF_DAY)


def require_no_overlap(spans: Sequence[Span]) -> DaySpans:
    """In order of their start. ValueError: two share time, or there are too many."""
    if len(spans) > SPANS_PER_DAY_LIMIT:
        raise ValueError(f"a day has at most {SPANS_PER_DAY_LIMIT} spans")
    ordered = sorted(spans)
    for earlier, later in pairwise(ordered):
        if later.start_minute < earlier.end_minute:
            raise ValueError(f"the spans {as_text(earlier)} and {as_text(later)} overlap; give each minute once")
    return tuple(ordered)


def as_text(span: Span) -> str:
    ends = span.end_minute if span.end_minute <= MINUTES_OF_DAY else span.end_minute - MINUTES_OF_DAY
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (span.start_minute, ends))


def require_zone(name: str) -> ZoneInfo:
    """ValueError: the IANA database has no such zone."""
    # Names in small letters are files beside the zones: the machine's own setting, tables with leap seconds.
    if len(name) > ZONE_NAME_LIMIT or not name[:1].isupper() or name == NO_PLACE:
        raise _no_zone(name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise _no_zone(name) from error


def _no_zone(name: str) -> ValueError:
    return ValueError(f"{name[:ZONE_NAME_LIMIT]!r} is no time zone; give an IANA name such as Asia/Shanghai")


def days_between(first: date, last: date) -> Iterator[date]:
    """Both included."""
    yield from (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))
