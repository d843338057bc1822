"""Promises with their own date, and conversations that become one: what goes on, from which start."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sla import checkpoint, conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.calendars import around_the_clock
from app.sla.clock import Reading
from app.sla.conversation_clocks import recompute
from app.sla.conversation_state import Rules
from app.sla.explanation import explain
from app.sla.facts import Fact
from app.sla.metrics import CARRIED_BY_MERGE
from tests.unit.sla.calendars_at_hand import NOVEMBER, histories, rules, weekdays

ALWAYS = BusinessHours(around_the_clock())
OFFICE = BusinessHours(weekdays("08:30-12:00", "13:30-17:30", zone="America/New_York"))


def after(seconds: float, kind: str, value: str = "", **more: object) -> Fact:
    return Fact(NOVEMBER + timedelta(seconds=seconds), kind, value, **more)


def promised(seconds: float, due: float, metric: str = "callback_promise", **more: object) -> Fact:
    return after(seconds, "promised", metric=metric, due_at=NOVEMBER + timedelta(seconds=due), **more)


def readings(facts: list[Fact], now: float, rules_: Rules | None = None) -> dict[tuple[str, int], Reading]:
    used = rules_ or rules(ALWAYS)
    _, changes = recompute(used, facts)
    clocks = [clock for clock in changes.values() if clock is not None]
    found = conversation_clocks.read(used, clocks, NOVEMBER + timedelta(seconds=now))
    return {(reading.metric, reading.seq): reading for reading in found}


def test_a_promise_with_its_own_date_needs_no_target_and_is_due_at_that_date() -> None:
    reading = readings([promised(0, 500)], 100, Rules({}))["callback_promise", 1]
    assert (reading.state, reading.due_at) == ("running", NOVEMBER + timedelta(seconds=500))
    assert reading.elapsed == timedelta(seconds=100)


@pytest.mark.parametrize(("kept_at", "state"), [(499, "met"), (500, "met"), (501, "met_late")])
def test_a_promise_kept_at_its_date_is_met_and_any_later_one_met_late(kept_at: int, state: str) -> None:
    facts = [promised(0, 500), after(kept_at, "kept", metric="callback_promise")]
    assert readings(facts, 900)["callback_promise", 1].state == state


@pytest.mark.parametrize("metric", ["callback_promise", "complaint_decision"])
@pytest.mark.parametrize("status", ["pending", "on_hold", "snoozed", "resolved", "closed"])
def test_a_promise_with_its_own_date_never_pauses_and_no_status_ends_it(metric: str, status: str) -> None:
    reading = readings([promised(0, 500, metric), after(10, "status", status)], 600)[metric, 1]
    assert (reading.state, reading.breached_at) == ("breached", NOVEMBER + timedelta(seconds=500))


def test_several_promises_run_at_once_and_the_oldest_is_kept_first() -> None:
    facts = [promised(0, 500), promised(10, 300), after(100, "kept", metric="callback_promise")]
    found = readings(facts, 200)
    assert [found["callback_promise", seq].state for seq in (1, 2)] == ["met", "running"]
    facts = [promised(0, 500), promised(10, 300), after(100, "kept", metric="callback_promise", seq=2)]
    assert [readings(facts, 200)["callback_promise", seq].state for seq in (1, 2)] == ["running", "met"]


def test_only_a_cancellation_that_names_it_ends_a_promise() -> None:
    facts = [promised(0, 500, "complaint_ack"), after(10, "cancelled", "merged")]
    assert readings(facts, 20)["complaint_ack", 1].state == "running"
    facts.append(after(20, "cancelled", "withdrawn", metric="complaint_ack"))
    assert readings(facts, 900)["complaint_ack", 1].state == "cancelled"


def test_a_promise_told_twice_with_one_number_is_given_once() -> None:
    facts = [promised(0, 500, seq=4), promised(0, 900, seq=4), promised(5, 600)]
    found = readings(facts, 10)
    assert set(found) - {("callback_promise", 4), ("callback_promise", 5)} == {
        (name, 1) for name in ("requester_wait", "agent_work", "first_resolution", "total_resolution")
    }
    assert found["callback_promise", 4].due_at == NOVEMBER + timedelta(seconds=500)


def test_the_checkpoint_forgets_promises_that_are_over() -> None:
    facts = [fact for n in range(200) for fact in (promised(n, 1000), after(n, "kept", metric="callback_promise"))]
    state, _ = recompute(Rules({}), facts)
    assert state.promises == {}
    assert len(checkpoint.dump(state)) < 500


def test_a_fact_comes_back_from_json_as_it_went() -> None:
    fact = after(9, "merged", merged=(after(1, "message", "customer"), promised(2, 9, seq=3, since=NOVEMBER)))
    assert checkpoint.load_fact(json.loads(json.dumps(checkpoint.dump_fact(fact)))) == fact


def merged(at: float, *facts: Fact) -> Fact:
    return after(at, "merged", merged=facts)


def test_a_merge_keeps_the_earliest_open_start() -> None:
    own = after(100, "message", "customer")
    earlier = readings([own, merged(200, after(40, "message", "customer"))], 300)["first_reply", 1]
    assert (earlier.started_at, earlier.elapsed) == (NOVEMBER + timedelta(seconds=40), timedelta(seconds=260))
    later = readings([own, merged(200, after(140, "message", "customer"))], 300)["first_reply", 1]
    assert later.started_at == own.at


def test_a_merge_keeps_what_was_paused_where_the_clock_came_from() -> None:
    theirs = (
        after(0, "message", "customer"),
        after(10, "status", "pending"),
        after(70, "status", "open"),
        after(80, "status", "pending"),
    )
    reading = readings([after(50, "message", "customer"), merged(100, *theirs)], 130)["requester_wait", 1]
    assert (reading.started_at, reading.state) == (NOVEMBER, "running")
    assert reading.elapsed == timedelta(seconds=10 + 10 + 30)


def test_who_was_answered_here_and_waits_there_is_owed_a_next_reply_from_that_start() -> None:
    own = [after(0, "message", "customer"), after(10, "message", "agent_public")]
    found = readings([*own, merged(100, after(40, "message", "customer"))], 150)
    assert found["first_reply", 1].state == "met"
    assert found["next_reply", 1].started_at == NOVEMBER + timedelta(seconds=40)
    assert found["next_reply", 1].elapsed == timedelta(seconds=110)


def test_a_breach_the_merged_conversation_brings_was_one_at_its_own_instant() -> None:
    short = rules(ALWAYS, 60)
    found = readings([after(100, "message", "customer"), merged(150, after(40, "message", "customer"))], 200, short)
    assert found["first_reply", 1].breached_at == NOVEMBER + timedelta(seconds=100)


def test_a_queue_that_is_left_by_merging_is_waited_in_no_more() -> None:
    facts = [after(0, "status", "open"), merged(20, after(5, "enqueued"))]
    assert not any(metric == "queue_wait" for metric, _ in readings(facts, 30))


@settings(max_examples=100, deadline=None)
@given(histories(merges=False), histories(merges=False), st.integers(0, 900))
def test_of_two_open_clocks_the_one_that_began_first_goes_on_and_is_explained(
    own: list[Fact], theirs: list[Fact], later: int
) -> None:
    rules_ = rules(OFFICE, 7_200)
    at = max([NOVEMBER, *(fact.at for fact in (*own, *theirs))]) + timedelta(seconds=later)
    merge = Fact(at, "merged", merged=tuple(theirs))
    before, other = recompute(rules_, own)[0], recompute(rules_, theirs)[0]
    if not own or not theirs:
        return
    state, changes = recompute(rules_, [*own, merge])
    for name, clock in state.clocks.items():
        known = (before.clocks.get(name), other.clocks.get(name))
        starts = [one.started_at for one in known if one is not None and one.is_open]
        if clock.is_open and known[0] is not None and known[0].is_open and name not in CARRIED_BY_MERGE:
            assert clock.started_at == min(starts)
    now = at + timedelta(hours=30)
    explained = explain(rules_, [*own, merge], now)
    for reading in conversation_clocks.read(rules_, [clock for clock in changes.values() if clock], now):
        segments = explained[reading.metric, reading.seq]
        counted = [segment.end_at - segment.start_at for segment in segments if segment.why == "counted"]
        assert sum(counted, timedelta(0)) == reading.elapsed
        ends = [reading.started_at, *(segment.end_at for segment in segments)]
        assert [segment.start_at for segment in segments] == ends[:-1]
