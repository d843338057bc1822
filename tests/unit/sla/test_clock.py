"""One clock at a time, on an office in Shanghai that opens 09:00-17:00 on weekdays. 2026-11-16 is a Monday."""

from datetime import datetime, timedelta

import pytest

from app.sla import conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.clock import Reading, Target, reaches_at
from app.sla.conversation_state import Rules, State
from app.sla.facts import Fact, FactKind
from tests.unit.sla.calendars_at_hand import at, hours, rules, weekdays

OFFICE = BusinessHours(weekdays("09:00-17:00"))


def moment(text: str) -> datetime:
    """ "16 09:30" in November 2026."""
    day, clock = text.split()
    return at(f"2026-11-{day}T{clock}:00+08:00" if clock.count(":") == 1 else f"2026-11-{day}T{clock}+08:00")


def told(*lines: str) -> list[Fact]:
    """ "16 09:30 message customer", "16 10:00 status pending"."""
    facts = []
    for line in lines:
        day, clock, kind, *value = line.split()
        known: FactKind = kind
        facts.append(Fact(moment(f"{day} {clock}"), known, *value))
    return facts


def clocks(rules_: Rules, facts: list[Fact], now: str, metric: str) -> list[Reading]:
    _, changes = conversation_clocks.recompute(rules_, facts)
    readings = conversation_clocks.read(rules_, [clock for clock in changes.values() if clock], moment(now))
    return [reading for reading in readings if reading.metric == metric]


def one(facts: list[Fact], now: str, metric: str, seconds: int = 3_600, grace: int = 0) -> Reading:
    rules_ = rules(OFFICE, seconds, reopen_grace=timedelta(seconds=grace))
    (reading,) = clocks(rules_, facts, now, metric)
    return reading


def test_closed_hours_leave_a_clock_running_and_its_elapsed_time_still() -> None:
    reading = one(told("16 16:30 message customer"), "17 08:00", "first_reply")
    assert (reading.state, reading.elapsed, reading.due_at) == ("running", hours(0.5), moment("17 09:30"))


def test_a_target_used_up_at_the_end_of_a_span_is_due_there_and_breached_all_night() -> None:
    reading = one(told("16 16:00 message customer"), "17 03:00", "first_reply")
    assert (reading.state, reading.breached_at, reading.elapsed) == ("breached", moment("16 17:00"), hours(1))


@pytest.mark.parametrize(
    ("answered", "state", "breached_at"),
    [
        ("16 10:29:59", "met", None),
        ("16 10:30", "met", None),
        ("16 10:30:01", "met_late", "16 10:30"),
        ("16 19:00", "met_late", "16 10:30"),
    ],
)
def test_a_stop_at_the_instant_due_is_met_and_any_later_one_late(
    answered: str, state: str, breached_at: str | None
) -> None:
    facts = told("16 09:30 message customer", f"{answered} message agent_public")
    reading = one(facts, "18 12:00", "first_reply")
    assert (reading.state, reading.stopped_at) == (state, moment(answered))
    assert reading.breached_at == (breached_at and moment(breached_at))


def test_a_stop_in_closed_hours_after_the_last_open_minute_was_used_is_late() -> None:
    facts = told("16 16:00 message customer", "16 17:00:01 message agent_public")
    assert one(facts, "18 12:00", "first_reply").state == "met_late"


@pytest.mark.parametrize("message_class", ["agent_internal", "bot", "auto_ack", "system", "survey", "customer"])
def test_only_agent_public_answers(message_class: str) -> None:
    facts = told("16 09:30 message customer", f"16 09:40 message {message_class}")
    assert one(facts, "16 09:50", "first_reply").state == "running"


def test_a_bot_answers_where_the_policy_says_so_and_an_automatic_acknowledgement_never() -> None:
    rules_ = rules(OFFICE, bot_answers=True)
    facts = told("16 09:30 message customer", "16 09:31 message auto_ack", "16 09:32 message bot")
    assert [reading.stopped_at for reading in clocks(rules_, facts, "16 10:00", "first_reply")] == [moment("16 09:32")]


def test_a_pause_hides_the_due_time_and_keeps_the_rest() -> None:
    facts = told("16 09:00 message customer", "16 09:20 status pending")
    reading = one(facts, "18 12:00", "requester_wait")
    assert (reading.state, reading.due_at, reading.elapsed) == ("paused", None, hours(1 / 3))
    reading = one([*facts, *told("18 12:00 status open")], "18 12:00", "requester_wait")
    assert (reading.state, reading.due_at) == ("running", moment("18 12:40"))


def test_the_customers_answer_resumes_at_its_own_time() -> None:
    facts = told("16 09:00 message customer", "16 09:20 status on_hold", "17 09:00 message customer")
    reading = one(facts, "17 09:10", "agent_work")
    assert (reading.state, reading.elapsed) == ("running", hours(0.5))


def test_breached_outranks_paused_and_keeps_counting() -> None:
    facts = told("16 09:00 message customer", "16 11:00 status pending")
    reading = one(facts, "16 12:00", "requester_wait")
    assert (reading.state, reading.elapsed, reading.due_at) == ("breached", hours(3), moment("16 10:00"))


def test_a_pause_at_the_very_instant_due_comes_too_late() -> None:
    facts = told("16 09:00 message customer", "16 10:00 status pending")
    assert one(facts, "16 10:00", "requester_wait").state == "breached"
    facts += told("16 10:00 status resolved")
    assert one(facts, "16 11:00", "requester_wait").state == "met"


def test_a_clock_that_goes_on_keeps_its_seq_and_its_breach_and_leaves_the_resolved_time_out() -> None:
    facts = told("16 09:00 message customer", "16 11:00 status resolved", "16 13:00 message customer")
    reading = one(facts, "16 14:00", "total_resolution")
    assert (reading.seq, reading.state, reading.stopped_at) == (1, "breached", None)
    assert (reading.elapsed, reading.breached_at) == (hours(3), moment("16 10:00"))


def test_first_resolution_never_runs_again() -> None:
    facts = told("16 09:00 message customer", "16 09:30 status resolved", "16 13:00 status open")
    assert one(facts, "16 14:00", "first_resolution").stopped_at == moment("16 09:30")


@pytest.mark.parametrize(("reopened", "stopped_at"), [("09:40", None), ("09:40:01", "16 09:30")])
def test_a_reopen_within_the_grace_undoes_the_stop(reopened: str, stopped_at: str | None) -> None:
    facts = told("16 09:00 message customer", "16 09:30 status resolved", f"16 {reopened} message customer")
    reading = one(facts, "16 09:50", "first_resolution", grace=600)
    assert reading.stopped_at == (stopped_at and moment(stopped_at))


def test_the_time_of_an_undone_resolution_counts() -> None:
    facts = told("16 09:00 message customer", "16 09:30 status resolved", "16 09:35 status open")
    assert one(facts, "16 09:50", "total_resolution", grace=600).elapsed == timedelta(minutes=50)
    assert one(facts, "16 09:50", "total_resolution", grace=0).elapsed == timedelta(minutes=45)


def test_closed_after_resolved_reopens_nothing_and_open_after_closed_does() -> None:
    facts = told("16 09:00 message customer", "16 09:30 status resolved", "16 10:00 status closed")
    assert one([*facts, *told("16 11:00 message customer")], "16 12:00", "agent_work").state == "met"
    assert one([*facts, *told("16 11:00 status open")], "16 11:20", "agent_work").elapsed == timedelta(minutes=50)


def test_next_reply_counts_from_the_oldest_unanswered_message_and_numbers_its_clocks() -> None:
    facts = told(
        "16 09:00 message customer",
        "16 09:10 message agent_public",
        "16 09:20 message customer",
        "16 09:30 message customer",
        "16 09:40 message agent_public",
        "16 09:50 message agent_public",
        "16 10:00 message customer",
    )
    found = clocks(rules(OFFICE), facts, "16 10:10", "next_reply")
    assert [(reading.seq, reading.started_at, reading.state) for reading in found] == [
        (1, moment("16 09:20"), "met"),
        (2, moment("16 10:00"), "running"),
    ]


def test_updates_start_only_while_open_and_the_pausable_one_pauses() -> None:
    facts = told("16 09:00 message agent_public", "16 09:30 status pending", "16 09:40 message agent_public")
    found = clocks(rules(OFFICE), facts, "16 09:50", "periodic_update")
    assert [(reading.seq, reading.state, reading.elapsed) for reading in found] == [(1, "met", timedelta(minutes=40))]
    found = clocks(rules(OFFICE), facts[:2], "16 09:50", "pausable_update")
    assert [(reading.state, reading.elapsed) for reading in found] == [("paused", timedelta(minutes=30))]


def test_each_leg_in_a_queue_has_its_own_clock() -> None:
    facts = told(
        "16 09:00 enqueued", "16 09:10 accepted", "16 09:20 enqueued", "16 09:30 enqueued", "16 09:40 dequeued"
    )
    found = clocks(rules(OFFICE), facts, "16 10:00", "queue_wait")
    assert [(reading.seq, reading.state) for reading in found] == [(1, "met"), (2, "cancelled"), (3, "cancelled")]


def test_a_group_owns_until_another_does_or_it_is_resolved() -> None:
    facts = told(
        "16 09:00 group a", "16 09:10 group a", "16 09:20 group b", "16 09:30 status resolved", "16 12:00 group b"
    )
    found = clocks(rules(OFFICE), facts, "16 12:10", "group_ownership")
    assert [(reading.started_at, reading.stopped_at) for reading in found] == [
        (moment("16 09:00"), moment("16 09:20")),
        (moment("16 09:20"), moment("16 09:30")),
        (moment("16 12:00"), None),
    ]


def test_a_cancelled_clock_is_never_due_and_does_not_go_on() -> None:
    facts = told(
        "16 09:00 message customer", "16 09:10 cancelled merged", "16 09:20 status resolved", "16 11:00 status open"
    )
    reading = one(facts, "16 12:00", "total_resolution")
    assert (reading.state, reading.due_at, reading.stopped_at) == ("cancelled", None, moment("16 09:10"))


def test_a_longest_pause_counts_from_its_end() -> None:
    target = Target("requester_wait", hours(1), OFFICE, longest_pause=hours(2))
    facts = told("16 09:00 message customer", "16 09:30 status pending")
    rules_ = Rules({"requester_wait": target})
    (paused,) = clocks(rules_, facts, "16 11:29", "requester_wait")
    (resumed,) = clocks(rules_, facts, "16 11:40", "requester_wait")
    (breached,) = clocks(rules_, facts, "16 12:00", "requester_wait")
    assert (paused.state, paused.elapsed, paused.due_at) == ("paused", hours(0.5), None)
    assert (resumed.state, resumed.elapsed, resumed.due_at) == ("running", timedelta(minutes=40), moment("16 12:00"))
    assert (breached.state, breached.breached_at) == ("breached", moment("16 12:00"))


def test_a_warning_at_a_share_of_the_target_has_its_instant() -> None:
    rules_ = rules(OFFICE)
    state, _ = conversation_clocks.fold(rules_, State(), told("16 16:30 message customer"))
    clock = state.clocks["first_reply"]
    assert reaches_at(rules_.targets["first_reply"], clock, 0.75 * clock.target) == moment("17 09:15")


def test_a_clock_on_a_calendar_that_opens_no_more_runs_and_is_never_due() -> None:
    one_day = weekdays(zone="UTC")
    reading = clocks(rules(BusinessHours(one_day)), told("16 09:00 message customer"), "18 09:00", "first_reply")[0]
    assert (reading.state, reading.due_at, reading.elapsed) == ("running", None, hours(0))
