from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sla import checkpoint, conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.calendar_versions import CalendarVersions
from app.sla.calendars import around_the_clock
from app.sla.conversation_clocks import (
    GRACE_FACTS_LIMIT,
    Changes,
    LateFactError,
    Rules,
    State,
    fold,
    in_order,
    recompute,
)
from app.sla.explanation import explain
from app.sla.facts import Fact
from tests.unit.sla.calendars_at_hand import NOVEMBER, at, histories, hours, rules, weekdays
from tests.unit.sla.steps import lines_run

OFFICE = BusinessHours(weekdays("08:30-12:00", "13:30-17:30", zone="America/New_York"))
ALWAYS = BusinessHours(around_the_clock())


def after(seconds: float, kind: str, value: str = "") -> Fact:
    return Fact(NOVEMBER + timedelta(seconds=seconds), kind, value)


def folded_in_batches(rules_: Rules, facts: list[Fact], cuts: Iterable[int]) -> tuple[State, Changes]:
    """As a consumer does: a batch, the state to JSON, the next batch from what was stored."""
    state, stored = State(), Changes()
    edges = [0, *sorted(cut % (len(facts) + 1) for cut in cuts), len(facts)]
    for start, end in pairwise(edges):
        state, changes = fold(rules_, state, facts[start:end])
        stored |= changes
        state = checkpoint.load(checkpoint.dump(state))
    return state, stored


def kept(changes: Changes) -> Changes:
    return {key: clock for key, clock in changes.items() if clock is not None}


@settings(max_examples=150, deadline=None)
@given(histories(), st.lists(st.integers(0, 30), max_size=6), st.booleans())
def test_incremental_is_recompute_for_any_history_and_any_batch_cut(
    facts: list[Fact], cuts: list[int], grace: bool
) -> None:
    rules_ = rules(OFFICE, 7_200, reopen_grace=timedelta(seconds=600 if grace else 0), bot_answers=True)
    state, stored = folded_in_batches(rules_, facts, cuts)
    whole_state, whole = recompute(rules_, facts)
    assert state == whole_state
    assert kept(stored) == kept(whole)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_an_explanation_counts_what_the_clock_counted_and_leaves_no_gap(facts: list[Fact]) -> None:
    rules_ = rules(OFFICE, 7_200)
    now = (facts[-1].at if facts else NOVEMBER) + timedelta(hours=30)
    _, changes = recompute(rules_, facts)
    explained = explain(rules_, facts, now)
    started = [clock for clock in changes.values() if clock is not None]
    assert set(explained) == {(clock.metric, clock.seq) for clock in started}
    for reading in conversation_clocks.read(rules_, started, now):
        segments = explained[reading.metric, reading.seq]
        counted = [segment.end_at - segment.start_at for segment in segments if segment.why == "counted"]
        assert sum(counted, timedelta(0)) == reading.elapsed
        ends = [reading.started_at, *(segment.end_at for segment in segments)]
        assert [segment.start_at for segment in segments] == ends[:-1]
        assert ends[-1] == (reading.stopped_at or now)


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 7_199), st.integers(1, 500_000))
def test_pause_and_resume_keep_the_rest(facts: list[Fact], worked: int, paused: int) -> None:
    rules_ = rules(ALWAYS, 7_200)
    story = [
        after(0, "message", "customer"),
        after(worked, "status", "pending"),
        after(worked + paused, "status", "open"),
    ]
    clock = recompute(rules_, story)[0].clocks["requester_wait"]
    assert clock.due_at == NOVEMBER + timedelta(seconds=7_200 + paused)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_a_due_time_moves_only_with_a_new_generation(facts: list[Fact]) -> None:
    rules_ = rules(OFFICE, 7_200)
    state, seen = State(), {}
    for fact in facts:
        state, _ = fold(rules_, state, [fact])
        for clock in state.clocks.values():
            key = (clock.metric, clock.seq, clock.generation)
            assert seen.setdefault(key, (clock.due_at, clock.is_open)) == (clock.due_at, clock.is_open)


def test_facts_count_by_their_time_and_in_the_order_given_at_one_instant() -> None:
    asked, answered = after(0, "message", "customer"), after(60, "message", "agent_public")
    rules_ = rules(ALWAYS)
    assert recompute(rules_, [answered, asked]) == recompute(rules_, [asked, answered])
    at_once = [replace(answered, at=asked.at), asked]
    assert in_order(at_once) == at_once
    assert recompute(rules_, at_once)[0].clocks["first_reply"].is_open


def test_a_late_fact_is_not_folded_in_silence() -> None:
    rules_ = rules(ALWAYS)
    state, _ = fold(rules_, State(), [after(60, "message", "customer")])
    with pytest.raises(LateFactError, match="recompute"):
        fold(rules_, state, [after(59, "message", "agent_public")])


def test_a_recompute_after_a_late_fact_silences_the_timers_set_before() -> None:
    rules_ = rules(ALWAYS)
    asked, answered = after(0, "message", "customer"), after(60, "message", "agent_public")
    state, _ = fold(rules_, State(), [asked])
    corrected, changes = recompute(rules_, [asked, answered], generation=state.generation)
    assert min(clock.generation for clock in changes.values() if clock) > state.generation
    assert corrected.clocks["first_reply"].stopped_at == answered.at


def test_a_clock_started_in_an_undone_resolution_is_withdrawn() -> None:
    rules_ = rules(ALWAYS)
    state, _ = fold(rules_, State(), [after(0, "group", "a"), after(10, "status", "resolved"), after(20, "group", "a")])
    assert state.clocks["group_ownership"].seq == 2
    state, changes = fold(rules_, state, [after(30, "status", "open")])
    assert changes["group_ownership", 2] is None
    assert state.clocks["group_ownership"].started_at == NOVEMBER
    assert state.clocks["group_ownership"].is_open


def test_the_checkpoint_does_not_grow_with_the_conversation() -> None:
    rules_ = rules(ALWAYS)
    chatter = [after(10 * n, "message", ("customer", "agent_public")[n % 2]) for n in range(400)]
    short = len(checkpoint.dump(recompute(rules_, chatter[:40])[0]))
    assert len(checkpoint.dump(recompute(rules_, chatter)[0])) < short + 100


def test_a_message_costs_the_same_however_long_the_conversation_is() -> None:
    rules_ = rules(OFFICE)
    chatter = [after(10 * n, "message", ("customer", "agent_public")[n % 2]) for n in range(1_000)]
    early, late = recompute(rules_, chatter[:100])[0], recompute(rules_, chatter)[0]
    assert lines_run(lambda: fold(rules_, late, [after(10_000, "message", "customer")])) == lines_run(
        lambda: fold(rules_, early, [after(1_000, "message", "customer")])
    )


def test_with_too_much_said_after_it_a_resolution_stands() -> None:
    rules_ = rules(ALWAYS)
    story = [after(0, "message", "customer"), after(1, "status", "resolved")]
    story += [after(2, "message", "agent_internal")] * (GRACE_FACTS_LIMIT + 1)
    story += [after(3, "status", "open")]
    assert recompute(rules_, story)[0].clocks["first_resolution"].stopped_at == story[1].at


def test_an_edited_calendar_moves_what_is_left_and_nothing_that_has_elapsed() -> None:
    monday = at("2026-11-16T09:00:00-05:00")
    facts = [Fact(monday, "message", "customer"), Fact(monday, "message", "agent_public")]
    before = rules(OFFICE, 8 * 3_600)
    state, _ = fold(before, State(), facts)
    later_hours = BusinessHours(weekdays("10:00-18:00", zone="America/New_York"))
    edited = CalendarVersions([(NOVEMBER, OFFICE), (monday + hours(2), later_hours)])
    counted_anew, _ = recompute(rules(edited, 8 * 3_600), facts)
    for metric, clock in state.clocks.items():
        again = counted_anew.clocks[metric]
        assert (again.elapsed, again.stopped_at, again.used_up_at) == (
            clock.elapsed,
            clock.stopped_at,
            clock.used_up_at,
        )
    assert counted_anew.clocks["total_resolution"].due_at == at("2026-11-16T17:00:00-05:00")
    assert state.clocks["total_resolution"].due_at == at("2026-11-17T09:30:00-05:00")
