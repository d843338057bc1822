from datetime import timedelta

from app.sla.business_hours import BusinessHours
from app.sla.clock import Target
from app.sla.conversation_state import Rules
from app.sla.explanation import explain
from app.sla.facts import Fact
from tests.unit.sla.calendars_at_hand import at, hours, rules, weekdays

OFFICE = BusinessHours(weekdays("09:00-17:00", zone="UTC"))


def moment(text: str) -> str:
    day, clock = text.split()
    return f"2026-11-{day}T{clock}:00+00:00"


def told(text: str, kind: str, value: str) -> Fact:
    return Fact(at(moment(text)), kind, value)


def test_each_stretch_says_whether_it_counted_and_why_not() -> None:
    facts = [
        told("16 16:00", "message", "customer"),
        told("17 10:00", "status", "pending"),
        told("17 12:00", "message", "customer"),
        told("17 13:00", "status", "resolved"),
        told("18 09:00", "status", "open"),
    ]
    segments = explain(rules(OFFICE, 36_000), facts, at(moment("18 10:00")))["requester_wait", 1]
    assert [(segment.end_at, segment.why, segment.status) for segment in segments] == [
        (at(moment("16 17:00")), "counted", "open"),
        (at(moment("17 09:00")), "closed_hours", "open"),
        (at(moment("17 10:00")), "counted", "open"),
        (at(moment("17 12:00")), "paused", "pending"),
        (at(moment("17 13:00")), "counted", "open"),
        (at(moment("18 09:00")), "stopped", "resolved"),
        (at(moment("18 10:00")), "counted", "open"),
    ]


def test_a_pause_that_lasted_too_long_ends_in_the_explanation_too() -> None:
    facts = [told("16 09:00", "message", "customer"), told("16 10:00", "status", "pending")]
    target = Target("requester_wait", hours(5), OFFICE, longest_pause=hours(1))
    segments = explain(Rules({"requester_wait": target}), facts, at(moment("16 12:00")))["requester_wait", 1]
    assert [(segment.end_at, segment.why) for segment in segments] == [
        (at(moment("16 10:00")), "counted"),
        (at(moment("16 11:00")), "paused"),
        (at(moment("16 12:00")), "counted"),
    ]


def test_an_undone_resolution_leaves_no_trace() -> None:
    facts = [
        told("16 09:00", "message", "customer"),
        told("16 10:00", "status", "resolved"),
        told("16 10:05", "message", "survey"),
        told("16 10:10", "status", "open"),
    ]
    (segment,) = explain(rules(OFFICE), facts, at(moment("16 11:00")))["first_resolution", 1]
    assert (segment.end_at - segment.start_at, segment.why) == (timedelta(hours=2), "counted")
