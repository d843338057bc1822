from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from app.sla.business_hours import HORIZON_YEARS, BusinessHours
from app.sla.calendars import Calendar, around_the_clock
from tests.unit.sla.calendars_at_hand import amounts, at, calendars, day_spans, hours, instants, weekdays
from tests.unit.sla.steps import lines_run


@pytest.mark.parametrize(
    ("zone", "span", "start", "end", "worked"),
    [
        ("America/New_York", "00:00-24:00", "2026-03-08T05:00:00+00:00", "2026-03-09T04:00:00+00:00", 23),
        ("America/New_York", "00:00-24:00", "2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00", 25),
        ("America/New_York", "01:00-03:00", "2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00", 3),
        ("America/New_York", "02:15-02:45", "2026-03-08T05:00:00+00:00", "2026-03-09T04:00:00+00:00", 0),
        ("America/New_York", "02:30-04:00", "2026-03-08T05:00:00+00:00", "2026-03-09T04:00:00+00:00", 1),
        # 01:00-01:30 is read twice, with half an hour of neither in between.
        ("America/New_York", "01:00-01:30", "2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00", 1),
        ("America/New_York", "22:00-06:00", "2026-10-31T20:00:00+00:00", "2026-11-01T15:00:00+00:00", 9),
        ("Australia/Lord_Howe", "00:00-04:00", "2026-04-04T13:00:00+00:00", "2026-04-05T12:00:00+00:00", 4.5),
        ("Asia/Kathmandu", "09:00-17:00", "2026-01-05T00:00:00+00:00", "2026-01-06T00:00:00+00:00", 8),
        ("Pacific/Apia", "00:00-24:00", "2011-12-29T10:00:00+00:00", "2011-12-31T10:00:00+00:00", 48),
    ],
)
def test_a_minute_counts_when_the_wall_clock_reads_it(
    zone: str, span: str, start: str, end: str, worked: float
) -> None:
    daily = BusinessHours(Calendar(timezone=zone, weekly=(day_spans(span),) * 7))
    assert daily.between(at(start), at(end)) == hours(worked)


def test_a_span_over_midnight_belongs_to_the_day_it_starts_on() -> None:
    friday_night = Calendar(timezone="UTC", weekly=((),) * 4 + (day_spans("22:00-06:00"), (), ()))
    closed = Calendar(timezone="UTC", weekly=friday_night.weekly, closed=frozenset({at("2026-11-20").date()}))
    saturday_closed = Calendar(timezone="UTC", weekly=friday_night.weekly, closed=frozenset({at("2026-11-21").date()}))
    week = (at("2026-11-19T00:00:00+00:00"), at("2026-11-25T00:00:00+00:00"))
    assert BusinessHours(friday_night).between(*week) == hours(8)
    assert BusinessHours(closed).between(*week) == hours(0)
    assert BusinessHours(saturday_closed).between(*week) == hours(8)


def test_time_that_two_days_share_counts_once() -> None:
    nights = Calendar(timezone="UTC", weekly=(day_spans("22:00-06:00", "05:00-07:00"),) * 7)
    assert BusinessHours(nights).between(at("2026-11-17T00:00:00+00:00"), at("2026-11-18T00:00:00+00:00")) == hours(9)


def test_the_leap_day_is_a_day() -> None:
    daily = BusinessHours(Calendar(timezone="Europe/Berlin", weekly=(day_spans("09:00-17:00"),) * 7))
    assert daily.between(at("2028-02-28T12:00:00+01:00"), at("2028-03-01T12:00:00+01:00")) == hours(16)
    assert daily.add(at("2028-02-28T16:00:00+01:00"), hours(9)) == at("2028-02-29T17:00:00+01:00")


def test_what_fills_a_span_to_its_end_is_due_at_its_end() -> None:
    office = BusinessHours(weekdays("09:00-12:00", "13:00-17:00", zone="UTC"))
    friday = at("2026-11-20T09:00:00+00:00")
    assert office.add(friday, hours(3)) == at("2026-11-20T12:00:00+00:00")
    assert office.add(friday, hours(7)) == at("2026-11-20T17:00:00+00:00")
    assert office.add(friday, hours(7) + timedelta(seconds=1)) == at("2026-11-23T09:00:01+00:00")
    assert office.subtract(at("2026-11-23T10:00:00+00:00"), hours(1)) == at("2026-11-23T09:00:00+00:00")
    assert office.subtract(at("2026-11-23T10:00:00+00:00"), hours(2)) == at("2026-11-20T16:00:00+00:00")


def test_a_calendar_that_opens_no_more_is_never_due() -> None:
    once = Calendar(timezone="UTC", weekly=((),) * 7, opened={at("2026-11-20").date(): day_spans("09:00-10:00")})
    start = at("2026-11-01T00:00:00+00:00")
    assert BusinessHours(once).add(start, hours(1)) == at("2026-11-20T10:00:00+00:00")
    assert BusinessHours(once).add(start, hours(1.5)) is None
    assert BusinessHours(once).subtract(at("2027-01-01T00:00:00+00:00"), hours(1.5)) is None


def test_time_around_the_clock_is_time() -> None:
    always = BusinessHours(around_the_clock())
    start = at("2026-12-31T23:59:59.999999+00:00")
    assert always.add(start, timedelta(days=400)) == start + timedelta(days=400)
    assert list(always.spans(start, start + timedelta(days=400))) == [(start, start + timedelta(days=400))]


@settings(max_examples=75, deadline=None)
@given(calendars(), instants, amounts, amounts)
def test_adding_is_monotone_and_additive(calendar: Calendar, start: datetime, one: timedelta, two: timedelta) -> None:
    working = BusinessHours(calendar)
    first, both = working.add(start, one), working.add(start, one + two)
    assert first is not None
    assert both is not None
    assert start <= first <= both
    if two:
        assert working.add(first, two) == both
    later = working.add(start + timedelta(minutes=7), one)
    assert later is not None
    assert later >= first


@settings(max_examples=75, deadline=None)
@given(calendars(), instants, amounts)
def test_a_due_time_lies_inside_or_at_the_end_of_an_open_span(
    calendar: Calendar, start: datetime, amount: timedelta
) -> None:
    working = BusinessHours(calendar)
    amount += timedelta(seconds=1)
    due = working.add(start, amount)
    assert due is not None
    assert working.between(start, due) == amount
    microsecond = timedelta(microseconds=1)
    assert working.between(due - microsecond, due) == microsecond


@settings(max_examples=75, deadline=None)
@given(calendars(), instants, amounts)
def test_subtracting_is_the_latest_start_that_still_has_the_amount(
    calendar: Calendar, end: datetime, amount: timedelta
) -> None:
    working = BusinessHours(calendar)
    amount += timedelta(seconds=1)
    start = working.subtract(end, amount)
    assert start is not None
    assert working.between(start, end) == amount
    assert working.between(start + timedelta(microseconds=1), end) < amount


@settings(max_examples=100, deadline=None)
@given(calendars(), instants, instants, instants)
def test_between_sums_over_any_cut_and_over_the_open_spans(
    calendar: Calendar, one: datetime, two: datetime, three: datetime
) -> None:
    working = BusinessHours(calendar)
    start, middle, end = sorted((one, two, three))
    whole = working.between(start, end)
    assert whole == working.between(start, middle) + working.between(middle, end)
    assert whole == sum((closes - opens for opens, closes in working.spans(start, end)), timedelta(0))


@pytest.mark.parametrize("start", ["2026-01-04T00:30:00+00:00", "2026-12-31T08:00:00+00:00"])
def test_a_year_ahead_costs_as_many_steps_as_a_day(start: str) -> None:
    working = BusinessHours(weekdays("08:30-12:00", "13:30-17:30", country="CN"))
    begin = at(start)
    a_day, a_year = begin + timedelta(days=1), begin + timedelta(days=360)
    day_of_work, year_of_work = working.between(begin, a_day), working.between(begin, a_year)
    assert year_of_work > 240 * day_of_work > timedelta(0)
    assert lines_run(lambda: working.add(begin, year_of_work)) == lines_run(lambda: working.add(begin, day_of_work))
    assert lines_run(lambda: working.between(begin, a_year)) == lines_run(lambda: working.between(begin, a_day))


def test_each_further_year_costs_the_same_few_steps() -> None:
    working = BusinessHours(weekdays("09:00-17:00", zone="UTC"))
    start = datetime(2026, 1, 5, tzinfo=UTC)
    spans = [working.between(start, datetime(2026 + years, 6, 1, tzinfo=UTC)) for years in range(4)]
    costs = []
    for span in spans:
        working.add(start, span)
        costs.append(lines_run(lambda span=span: working.add(start, span)))
    assert costs[3] - costs[2] == costs[2] - costs[1] == costs[1] - costs[0] < 20
    assert working.add(start, timedelta(days=366) * HORIZON_YEARS) is None
