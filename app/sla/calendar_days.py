"""What a calendar says day by day, and why: for people who check it before they trust it."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from app.sla import calendars
from app.sla.calendar_spec import CalendarSpec

DAYS_LIMIT = 400
"""A year and what is seen of its neighbours on a page."""
FIRST_YEAR, LAST_YEAR = 1970, 2200


class CalendarDay(BaseModel):
    """`why`: "open_date", "closed_date", "make_up_day", "holiday" or "week", the first that speaks about the day."""

    model_config = ConfigDict(frozen=True)

    date: date
    spans: list[str]
    """Those that start on this day; one over midnight belongs to it wholly."""
    why: str
    holiday: str | None = Field(default=None, description="The holiday's name, in the language of its country")


class CalendarDays(BaseModel):
    timezone: str
    days: list[CalendarDay]
    unknown_years: list[int] = Field(description="Holidays not published yet: there the week alone decides")


def list_days(spec: CalendarSpec, first: date, last: date) -> CalendarDays:
    """Both included. ValueError: out of order, too many, or outside the years that calendars know."""
    if not (first.year >= FIRST_YEAR and last.year <= LAST_YEAR and 0 <= (last - first).days < DAYS_LIMIT):
        raise ValueError(f"give at most {DAYS_LIMIT} days in order, in the years {FIRST_YEAR} to {LAST_YEAR}")
    calendar = spec.as_calendar()
    days = [_day(calendar, day) for day in calendars.days_between(first, last)]
    return CalendarDays(timezone=spec.timezone, days=days, unknown_years=calendar.unknown_years(first.year, last.year))


def _day(calendar: calendars.Calendar, day: date) -> CalendarDay:
    spans, rule = calendar.spans_of(day)
    why, _, holiday = rule.partition(":")
    return CalendarDay(date=day, spans=[calendars.as_text(span) for span in spans], why=why, holiday=holiday or None)
