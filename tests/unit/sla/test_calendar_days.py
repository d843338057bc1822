"""The days of a calendar tell which are open, and which rule says so."""

from datetime import date, timedelta

import pytest

from app.sla.calendar_days import DAYS_LIMIT, CalendarDay, list_days
from app.sla.calendar_spec import CalendarSpec, Weekly

WEEK = Weekly(mon=["08:30-12:00", "13:30-17:30"], sat=["22:00-06:00"])
SHANGHAI = CalendarSpec(
    timezone="Asia/Shanghai",
    weekly=WEEK,
    country="CN",
    closed=[date(2026, 10, 12)],
    open={date(2026, 10, 3): ["10:00-12:00"]},
)


def day(number: int) -> CalendarDay:
    [found] = list_days(SHANGHAI, date(2026, 10, number), date(2026, 10, number)).days
    return found


def test_golden_week_is_closed_by_name_and_its_make_up_saturday_open() -> None:
    assert (day(1).why, day(1).holiday, day(1).spans) == ("holiday", "National Day", [])
    assert (day(10).why, day(10).spans) == ("make_up_day", ["08:30-12:00", "13:30-17:30"])


def test_own_dates_come_before_the_country_and_the_week() -> None:
    assert (day(3).why, day(3).spans) == ("open_date", ["10:00-12:00"])
    assert (day(12).why, day(12).spans) == ("closed_date", [])


def test_a_span_over_midnight_belongs_to_the_day_it_starts_on() -> None:
    assert (day(17).why, day(17).spans) == ("week", ["22:00-06:00"])
    assert day(18).spans == []


def test_years_nobody_has_announced_are_named() -> None:
    assert list_days(SHANGHAI, date(2098, 12, 31), date(2099, 1, 1)).unknown_years == [2098, 2099]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 10, 2), date(2026, 10, 1)),
        (date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=DAYS_LIMIT)),
        (date(1969, 12, 31), date(1970, 1, 1)),
        (date(2200, 12, 31), date(2201, 1, 1)),
    ],
)
def test_intervals_nobody_can_look_at_are_refused(first: date, last: date) -> None:
    with pytest.raises(ValueError, match="at most 400 days"):
        list_days(SHANGHAI, first, last)
