"""What a screen makes of a clock's face is what the clock itself says."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.sla import ClockFace
from app.sla import clock as clocks
from app.sla import conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.calendars import Calendar, around_the_clock
from app.sla.clock import Clock, Target
from app.sla.conversation_clocks import Rules
from app.sla.conversation_state import target_of
from app.sla.face import SPANS_LIMIT, face_of
from app.sla.metrics import METRICS
from tests.unit.sla.calendars_at_hand import at, calendars, day_spans, histories, hours, weekdays

CLOCK_ID = UUID(int=7)
ALWAYS = BusinessHours(around_the_clock())
OFFICE = BusinessHours(weekdays("09:00-12:00", "13:00-17:00", zone="Europe/Berlin"))


def target(seconds: float, working: BusinessHours = ALWAYS, longest_pause: timedelta | None = None) -> Target:
    return Target("first_reply", timedelta(seconds=seconds), working, longest_pause)


def shown(promise: Target, clock: Clock) -> ClockFace:
    reading = clocks.read(promise, clock, clock.counted_at)
    return face_of(promise, clock, reading, clock_id=CLOCK_ID, policy="Office")


def rest_by(face: ClockFace, now: datetime) -> float:
    """As the pages compute it, from the face as it went through JSON."""
    face = ClockFace.model_validate_json(face.model_dump_json())
    if face.state == "paused" and (face.resumes_at is None or now < face.resumes_at):
        assert face.rest_seconds is not None
        return face.rest_seconds
    ahead = sum(max((end - max(start, now)).total_seconds(), 0) for start, end in face.spans)
    return ahead + face.later_seconds


def test_round_the_clock_is_one_span() -> None:
    promise = target(3600)
    face = shown(promise, clocks.start(promise, 1, at("2026-11-22T23:30:00+00:00"), paused=False))
    assert face.spans == ((at("2026-11-22T23:30:00+00:00"), at("2026-11-23T00:30:00+00:00")),)
    assert (face.later_seconds, face.rest_seconds) == (0, None)
    assert face.half_at == at("2026-11-23T00:00:00+00:00")
    assert face.soon_at == at("2026-11-23T00:15:00+00:00")
    assert rest_by(face, at("2026-11-23T00:20:00+00:00")) == 600


def test_a_night_is_not_counted() -> None:
    promise = target(4 * 3600, OFFICE)
    face = shown(promise, clocks.start(promise, 1, at("2026-11-23T16:00:00+01:00"), paused=False))
    assert [(end - start) for start, end in face.spans] == [hours(1), hours(3)]
    assert face.due_at == at("2026-11-24T12:00:00+01:00")
    assert rest_by(face, at("2026-11-23T22:00:00+01:00")) == rest_by(face, at("2026-11-24T09:00:00+01:00")) == 10_800


def test_the_hour_the_clocks_repeat_counts_twice() -> None:
    night = weekdays("00:00-06:00", zone="Europe/Berlin", sun=day_spans("00:00-06:00"))
    promise = target(7 * 3600, BusinessHours(night))
    face = shown(promise, clocks.start(promise, 1, at("2026-10-25T00:00:00+02:00"), paused=False))
    assert face.due_at == at("2026-10-25T06:00:00+01:00")
    assert rest_by(face, at("2026-10-25T02:30:00+02:00")) == 4.5 * 3600
    assert rest_by(face, at("2026-10-25T02:30:00+01:00")) == 3.5 * 3600


def test_more_days_than_are_listed_are_counted_in_one() -> None:
    promise = target(30 * 7 * 3600, OFFICE)
    face = shown(promise, clocks.start(promise, 1, at("2026-11-23T09:00:00+01:00"), paused=False))
    assert len(face.spans) == SPANS_LIMIT
    assert face.later_seconds == (30 - SPANS_LIMIT / 2) * 7 * 3600


def test_a_pause_holds_the_rest() -> None:
    promise, began = target(3600), at("2026-11-22T10:00:00+00:00")
    clock = clocks.pause(promise, clocks.start(promise, 1, began, paused=False), began + timedelta(minutes=20))
    face = shown(promise, clock)
    assert (face.state, face.due_at, face.soon_at, face.rest_seconds, face.spans) == ("paused", None, None, 2400, ())


def test_a_pause_with_an_end_says_what_comes_after_it() -> None:
    promise, began = target(3600, longest_pause=hours(2)), at("2026-11-22T10:00:00+00:00")
    clock = clocks.pause(promise, clocks.start(promise, 1, began, paused=False), began + timedelta(minutes=20))
    face = shown(promise, clock)
    assert (face.state, face.due_at, face.resumes_at) == ("paused", None, at("2026-11-22T12:20:00+00:00"))
    assert face.soon_at == at("2026-11-22T12:45:00+00:00")
    assert rest_by(face, at("2026-11-22T12:00:00+00:00")) == 2400
    assert rest_by(face, at("2026-11-22T12:30:00+00:00")) == 1800


def test_a_breached_clock_is_over_by_the_wall() -> None:
    promise, began = target(60), at("2026-11-22T10:00:00+00:00")
    clock = clocks.resume(promise, clocks.start(promise, 1, began, paused=False), began + timedelta(seconds=90))
    face = shown(promise, clock)
    assert (face.state, face.due_at) == ("breached", began + timedelta(seconds=60))
    assert rest_by(face, began + timedelta(seconds=90)) == 0
    assert face.soon_at is not None


def test_a_clock_that_never_becomes_due_says_so() -> None:
    once = BusinessHours(
        Calendar("UTC", weekly=((),) * 7, opened={at("2026-11-24T00:00:00+00:00").date(): OFFICE.calendar.weekly[0]})
    )
    promise = target(30 * 3600, once)
    face = shown(promise, clocks.start(promise, 1, at("2026-11-23T10:00:00+00:00"), paused=False))
    assert (face.due_at, face.soon_at) == (None, None)
    assert rest_by(face, at("2026-11-23T11:00:00+00:00")) == 30 * 3600
    assert rest_by(face, at("2026-11-25T00:00:00+00:00")) == 23 * 3600


@pytest.mark.parametrize("end", [clocks.stop, lambda p, c, t: clocks.cancel(p, c, t, "merged")])
def test_a_stopped_clock_has_nothing_before_it(end: object) -> None:
    promise, began = target(60), at("2026-11-22T10:00:00+00:00")
    face = shown(promise, end(promise, clocks.start(promise, 1, began, paused=False), began))  # type: ignore[operator]
    assert (face.spans, face.soon_at, face.later_seconds) == ((), None, 0)


@given(calendar=calendars(), facts=histories(max_size=8), seconds=st.integers(1, 400_000), data=st.data())
def test_the_rest_by_the_face_is_the_clocks_own_until_its_next_change(
    calendar: Calendar, facts: list[conversation_clocks.Fact], seconds: int, data: st.DataObject
) -> None:
    pauses = data.draw(st.sampled_from([None, timedelta(hours=1), timedelta(days=3)]))
    promise = Target("agent_work", timedelta(seconds=seconds), BusinessHours(calendar), pauses)
    rules = Rules({name: replace(promise, metric=name) for name in METRICS})
    _, changes = conversation_clocks.recompute(rules, facts)
    for clock in changes.values():
        if clock is None or not clock.is_open:
            continue
        own = target_of(rules, clock)
        face = shown(own, clock)
        now = clock.counted_at + timedelta(seconds=data.draw(st.integers(0, 1_000_000)))
        reading = clocks.read(own, clock, now)
        rest = max((clock.target - reading.elapsed).total_seconds(), 0)
        if face.later_seconds and now > face.spans[-1][1]:  # beyond what is listed the screen holds what is left there
            assert rest <= face.later_seconds + 1, (face, now)
        else:
            assert abs(rest_by(face, now) - rest) <= 1, (face, now)
        if face.due_at is not None and reading.state != "paused":
            assert (now >= face.due_at) == (reading.state == "breached")
        if face.soon_at is not None and reading.state == "running":
            assert (now >= face.soon_at) == (reading.elapsed >= clock.target * 0.75)
