"""A queue's target counts opening time; everything else about a work goes by the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.due_times import count
from app.sla.calendar_spec import CalendarSpec, working_time
from app.sla.service.opening import OpeningHours

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")


def hours(*spans: str, timezone: str = "UTC", days: tuple[str, ...] = WORKDAYS, **more: object) -> OpeningHours:
    weekly = {day: list(spans) for day in days}
    spec = CalendarSpec.model_validate({"timezone": timezone, "weekly": weekly, **more})
    return OpeningHours("Office", 1, working_time(((BEGINNING, spec.model_dump_json()),)))


@pytest.mark.parametrize(
    ("ready_at", "target_seconds", "due_at"),
    [
        ("2026-11-23T10:00", 60, "2026-11-23T10:01"),  # Monday, open
        ("2026-11-23T08:00", 60, "2026-11-23T09:01"),  # before it opens
        ("2026-11-23T16:59", 120, "2026-11-24T09:01"),  # over the night
        ("2026-11-27T18:00", 3600, "2026-11-30T10:00"),  # over the weekend
        ("2026-11-23T16:00", 3600, "2026-11-23T17:00"),  # to the end of the span itself
    ],
)
def test_only_opening_time_counts(ready_at: str, target_seconds: int, due_at: str) -> None:
    due = count(utc(ready_at), target_seconds, hours("09:00-17:00"))
    assert due.at == utc(due_at)
    assert (due.counted == "opening_hours") == (due.at != utc(ready_at) + timedelta(seconds=target_seconds))


def test_the_night_that_loses_an_hour_is_counted_by_the_wall_clock_of_the_calendar() -> None:
    """In Berlin 29 March 2026 has no 02:30; open from 01:00 to 05:00 it is open for three hours."""
    night = hours("01:00-05:00", timezone="Europe/Berlin", days=("sun", "mon"))
    due = count(utc("2026-03-28T23:00"), 3 * 3600 + 60, night)
    assert due.at == utc("2026-03-29T23:01")  # 01:01 of Monday, by then UTC+2


def test_a_calendar_that_opens_no_more_counts_round_the_clock_and_says_so() -> None:
    over = hours(days=(), open={"2026-01-02": ["09:00-10:00"]})
    due = count(utc("2026-11-23T10:00"), 60, over)
    assert (due.at, due.counted) == (utc("2026-11-23T10:01"), "never_opens")


def test_without_a_calendar_the_target_runs_round_the_clock() -> None:
    due = count(utc("2026-11-22T03:00"), 60, None)
    assert (due.at, due.counted) == (utc("2026-11-22T03:01"), "round_the_clock")


@given(st.lists(st.integers(0, 3 * 86_400), min_size=2, max_size=8), st.integers(1, 2 * 86_400))
def test_whoever_came_first_is_due_first(came_after_seconds: list[int], target_seconds: int) -> None:
    office = hours("09:00-12:00", "13:00-17:30", timezone="Asia/Shanghai")
    came = [utc("2026-11-26T00:00") + timedelta(seconds=after) for after in sorted(came_after_seconds)]
    due = [count(at, target_seconds, office).at for at in came]
    assert due == sorted(due)
    assert all(after - before >= timedelta(seconds=target_seconds) for before, after in zip(came, due, strict=True))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
