from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sla import calendar_data
from app.sla.business_hours import BusinessHours
from app.sla.calendar_data import UnknownCountryError
from app.sla.calendar_versions import CalendarVersions
from app.sla.calendars import Calendar, Span, as_text, parse_span, require_no_overlap, require_zone
from tests.unit.sla.calendars_at_hand import NOVEMBER, amounts, at, calendars, day_spans, hours, instants, weekdays

OFFICE = day_spans("08:30-12:00", "13:30-17:30")


@pytest.mark.parametrize(
    ("day", "opens", "rule"),
    [
        ("2026-01-04", True, "make_up_day"),
        ("2026-02-14", True, "make_up_day"),
        ("2026-02-16", False, "holiday:Spring Festival"),
        ("2026-02-24", True, "week"),
        ("2026-02-28", True, "make_up_day"),
        ("2026-05-09", True, "make_up_day"),
        ("2026-09-20", True, "make_up_day"),
        ("2026-09-30", True, "week"),
        ("2026-10-01", False, "holiday:National Day"),
        ("2026-10-07", False, "holiday:National Day"),
        ("2026-10-08", True, "week"),
        ("2026-10-10", True, "make_up_day"),
        ("2026-10-11", False, "week"),
    ],
)
def test_china_2026_as_announced_by_the_state_council(day: str, opens: bool, rule: str) -> None:
    calendar = weekdays("08:30-12:00", "13:30-17:30", country="CN")
    assert calendar.spans_of(date.fromisoformat(day)) == (OFFICE if opens else (), rule)


def test_golden_week_2026_with_its_make_up_saturday() -> None:
    working = BusinessHours(weekdays("08:30-12:00", "13:30-17:30", country="CN"))
    closing_time = at("2026-09-30T17:30:00+08:00")
    assert working.add(closing_time, hours(1)) == at("2026-10-08T09:30:00+08:00")
    assert working.add(at("2026-10-09T17:00:00+08:00"), hours(1)) == at("2026-10-10T09:00:00+08:00")
    assert working.add(at("2026-10-10T17:00:00+08:00"), hours(1)) == at("2026-10-12T09:00:00+08:00")
    assert working.between(closing_time, at("2026-10-12T00:00:00+08:00")) == hours(3 * 7.5)


def test_a_make_up_saturday_keeps_the_hours_of_a_weekday() -> None:
    calendar = weekdays("08:30-12:00", "13:30-17:30", country="CN", sat=day_spans("10:00-11:00"))
    assert calendar.spans_of(date(2026, 10, 10)) == (OFFICE, "make_up_day")
    assert calendar.spans_of(date(2026, 10, 17)) == (day_spans("10:00-11:00"), "week")
    assert calendar.spans_of(date(2026, 10, 3)) == ((), "holiday:National Day")


def test_own_dates_win_over_the_country_and_open_wins_over_closed() -> None:
    short = day_spans("10:00-15:00")
    calendar = Calendar(
        timezone="Asia/Shanghai",
        weekly=(OFFICE,) * 5 + ((), ()),
        country="CN",
        closed=frozenset({date(2026, 2, 14), date(2026, 10, 10)}),
        opened={date(2026, 10, 10): short, date(2026, 10, 1): short},
    )
    assert calendar.spans_of(date(2026, 2, 14)) == ((), "closed_date")
    assert calendar.spans_of(date(2026, 10, 10)) == (short, "open_date")
    assert calendar.spans_of(date(2026, 10, 1)) == (short, "open_date")
    assert calendar.spans_of(date(2026, 10, 7)) == ((), "holiday:National Day")


def test_a_year_nobody_has_announced_goes_by_the_week_and_says_so() -> None:
    calendar = weekdays("09:00-17:00", country="CN")
    assert calendar.spans_of(date(2031, 10, 1)) == (day_spans("09:00-17:00"), "week")
    assert calendar.unknown_years(2025, 2031)[-1] == 2031
    assert 2026 not in calendar.unknown_years(2025, 2031)
    assert weekdays("09:00-17:00").unknown_years(2025, 2031) == []


def test_other_countries_have_their_holidays_and_regions() -> None:
    assert date(2026, 7, 3) in calendar_data.country_year("US", None, 2026).closed
    assert date(2026, 1, 6) in calendar_data.country_year("DE", "BY", 2026).closed
    assert date(2026, 1, 6) not in calendar_data.country_year("DE", "HH", 2026).closed
    assert date(2026, 1, 10) in calendar_data.country_year("HU", None, 2026).working
    assert not calendar_data.country_year("US", None, 1066).known


def test_a_country_or_region_nobody_knows_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UnknownCountryError, match="ISO 3166"):
        calendar_data.require_country("XX")
    with pytest.raises(UnknownCountryError, match="BY"):
        calendar_data.require_region("DE", "ZZ")
    with pytest.raises(UnknownCountryError, match="no country has no region"):
        calendar_data.require_region(None, "BY")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("08:30-12:00", Span(510, 720)),
        ("22:00-06:00", Span(1320, 1800)),
        ("00:00-24:00", Span(0, 1440)),
        ("22:00-00:00", Span(1320, 1440)),
        ("12:00-11:59", Span(720, 2159)),
    ],
)
def test_a_span_reads_as_written(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["9-5", "09:00", "24:00-25:00", "24:00-06:00", "09:60-10:00", "09:00-09:00", " 09:00-10:00"]
)
def test_a_span_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|length"):
        parse_span(text)


def test_overlapping_spans_are_refused_and_named() -> None:
    with pytest.raises(ValueError, match="22:00-06:00 and 23:00-24:00 overlap"):
        require_no_overlap([parse_span("23:00-24:00"), parse_span("22:00-06:00")])
    touching = [parse_span("12:00-13:00"), parse_span("09:00-12:00")]
    assert [as_text(span) for span in require_no_overlap(touching)] == ["09:00-12:00", "12:00-13:00"]
    with pytest.raises(ValueError, match="at most 24"):
        require_no_overlap([Span(minute, minute + 1) for minute in range(25)])


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America", "/etc/localtime"])
def test_a_zone_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        require_zone(name)


def test_an_edit_of_a_calendar_moves_only_what_has_not_elapsed() -> None:
    old = BusinessHours(weekdays("09:00-17:00", zone="UTC"))
    new = BusinessHours(weekdays("13:00-17:00", zone="UTC"))
    edited = CalendarVersions([(at("2020-01-01T00:00:00+00:00"), old), (at("2026-11-18T12:00:00+00:00"), new)])
    monday = at("2026-11-16T09:00:00+00:00")
    assert edited.between(monday, at("2026-11-18T12:00:00+00:00")) == hours(19)
    assert edited.add(monday, hours(20)) == at("2026-11-18T14:00:00+00:00")
    assert list(edited.spans(at("2026-11-18T10:00:00+00:00"), at("2026-11-19T14:00:00+00:00"))) == [
        (at("2026-11-18T10:00:00+00:00"), at("2026-11-18T12:00:00+00:00")),
        (at("2026-11-18T13:00:00+00:00"), at("2026-11-18T17:00:00+00:00")),
        (at("2026-11-19T13:00:00+00:00"), at("2026-11-19T14:00:00+00:00")),
    ]


def test_versions_need_an_order() -> None:
    hours_ = BusinessHours(weekdays("09:00-17:00"))
    with pytest.raises(ValueError, match="each later"):
        CalendarVersions([(NOVEMBER, hours_), (NOVEMBER, hours_)])
    with pytest.raises(ValueError, match="at least one"):
        CalendarVersions([])


@settings(max_examples=100, deadline=None)
@given(st.lists(calendars(), min_size=1, max_size=3), instants, amounts)
def test_versions_add_and_count_as_one_calendar(versions: list[Calendar], start: datetime, amount: timedelta) -> None:
    begins = [NOVEMBER + timedelta(days=9 * number) for number in range(len(versions))]
    edited = CalendarVersions([(begin, BusinessHours(each)) for begin, each in zip(begins, versions, strict=True)])
    amount += timedelta(seconds=1)
    due = edited.add(start, amount)
    assert due is not None
    assert edited.between(start, due) == amount
    assert edited.between(due - timedelta(microseconds=1), due) == timedelta(microseconds=1)
    spans = list(edited.spans(start, due))
    assert sum((closes - opens for opens, closes in spans), timedelta(0)) == amount
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))
