"""A business calendar as it is stored and sent: checked text, and the working time it stands for."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.sla import calendar_data, calendars
from app.sla.business_hours import BusinessHours, WorkingTime
from app.sla.calendar_versions import CalendarVersions
from app.sla.calendars import Calendar, DaySpans

DATES_LIMIT = 5_000
ROUND_THE_CLOCK = "00:00-24:00"


def _spans(texts: Sequence[str]) -> DaySpans:
    return calendars.require_no_overlap([calendars.parse_span(text) for text in texts])


def _checked(texts: list[str]) -> list[str]:
    return [calendars.as_text(span) for span in _spans(texts)]


def _zone(name: str) -> str:
    calendars.require_zone(name)
    return name


def _country(code: str) -> str:
    calendar_data.require_country(code)
    return code


SpanTexts = Annotated[list[str], AfterValidator(_checked)]


class Weekly(BaseModel):
    """Opening spans such as "08:30-12:00". A day left out is closed."""

    model_config = ConfigDict(extra="forbid")

    mon: SpanTexts = []
    tue: SpanTexts = []
    wed: SpanTexts = []
    thu: SpanTexts = []
    fri: SpanTexts = []
    sat: SpanTexts = []
    sun: SpanTexts = []


class CalendarSpec(BaseModel):
    """One version of a calendar. `open` replaces a day's spans and wins over `closed`."""

    model_config = ConfigDict(extra="forbid")

    timezone: Annotated[str, AfterValidator(_zone)] = Field(max_length=64, examples=["Asia/Shanghai"])
    weekly: Weekly
    closed: list[date] = Field(default=[], max_length=DATES_LIMIT)
    open: dict[date, SpanTexts] = Field(default={}, max_length=DATES_LIMIT)
    country: Annotated[str, AfterValidator(_country)] | None = Field(
        default=None, description="ISO 3166; takes holidays and make-up days from the library", examples=["CN"]
    )
    region: str | None = Field(default=None, max_length=16)

    @model_validator(mode="after")
    def _opens_at_all(self) -> "CalendarSpec":
        if self.region is not None:
            calendar_data.require_region(self.country, self.region)
        if self.as_calendar().never_opens():
            raise ValueError("the calendar has no open time at all; give at least one span")
        return self

    def as_calendar(self) -> Calendar:
        return Calendar(
            timezone=self.timezone,
            weekly=tuple(_spans(getattr(self.weekly, day)) for day in calendars.DAYS),
            closed=frozenset(self.closed),
            opened={day: _spans(texts) for day, texts in self.open.items()},
            country=self.country,
            region=self.region,
        )


CalendarHistory = tuple[tuple[datetime, str], ...]
"""(effective_at, the spec as JSON text) of each version, in order."""


@lru_cache(maxsize=1_000)
def working_time(history: CalendarHistory) -> WorkingTime:
    """One object for all clocks of a calendar, so that its tables are made once. Empty: round the clock."""
    if not history:
        return _ROUND_THE_CLOCK
    return CalendarVersions([(effective_at, _hours(text)) for effective_at, text in history])


@lru_cache(maxsize=1_000)
def _hours(text: str) -> BusinessHours:
    return BusinessHours(CalendarSpec.model_validate(json.loads(text)).as_calendar())


_ROUND_THE_CLOCK = BusinessHours(calendars.around_the_clock())
