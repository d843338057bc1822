"""Why a clock says what it says: which stretches of its life counted, and why the others did not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from app.sla import conversation_clocks
from app.sla.business_hours import WorkingTime
from app.sla.clock import Clock, Target, pause_ends_at
from app.sla.conversation_state import ClockKey, Rules, State, clocks_of, target_of
from app.sla.facts import Fact

Why = Literal["counted", "closed_hours", "paused", "stopped"]


@dataclass(frozen=True, slots=True)
class Segment:
    """[start_at, end_at) of one clock. `status` is the conversation's then: it names the cause of a pause."""

    start_at: datetime
    end_at: datetime
    why: Why
    status: str


def explain(rules: Rules, facts: Iterable[Fact], now: datetime) -> dict[ClockKey, list[Segment]]:
    """The life of each clock up to `now` or its last stop, without a gap. The counted stretches sum up to `elapsed`.

    A resolution that was undone within the grace is left out, as it is for the clocks.
    """
    found = _lives(rules, facts, now)
    return {key: list(_joined(_without_end(segments))) for key, segments in found.items()}


def _lives(rules: Rules, facts: Iterable[Fact], now: datetime) -> dict[ClockKey, list[Segment]]:
    trail = _trail(rules, facts)
    found: dict[ClockKey, list[Segment]] = {}
    ends = [state.last_at for _, state in trail[1:]] + [now]
    for (fact, state), end in zip(trail, ends, strict=True):
        if fact is not None and fact.merged:
            found |= _brought_by(rules, fact, state, found)
        for clock in clocks_of(state):
            segments = found.setdefault((clock.metric, clock.seq), [])
            if fact is not None and fact.kind == "promised" and not segments and clock.started_at < fact.at:
                segments.append(Segment(clock.started_at, fact.at, "counted", state.status))
            if state.last_at is not None and end is not None:
                segments += _segments(target_of(rules, clock), clock, state, end)
    return found


def _brought_by(
    rules: Rules, merge: Fact, state: State, known: Mapping[ClockKey, list[Segment]]
) -> dict[ClockKey, list[Segment]]:
    """What the clocks that the merged conversation had begun earlier counted there."""
    brought: dict[ClockKey, list[Segment]] = {}
    lives = _lives(rules, merge.merged, merge.at)
    theirs = conversation_clocks.recompute(rules, merge.merged)[0].clocks
    for clock in state.clocks.values():
        key = (clock.metric, clock.seq)
        own = known.get(key)
        if clock.started_at < merge.at and (not own or own[0].start_at > clock.started_at):
            source = next(
                theirs[name]
                for name in (clock.metric, "first_reply")
                if name in theirs and theirs[name].started_at == clock.started_at
            )
            brought[key] = list(lives[source.metric, source.seq])
    return brought


Trail = list[tuple[Fact | None, State]]


def _trail(rules: Rules, facts: Iterable[Fact]) -> Trail:
    """Each fact and the state after it, as if no undone resolution had ever been."""
    trail: Trail = [(None, State())]
    for fact in conversation_clocks.in_order(facts):
        _extend(rules, trail, fact)
    return trail


def _extend(rules: Rules, trail: Trail, fact: Fact) -> None:
    if conversation_clocks.undoes_resolution(rules, trail[-1][1], fact):
        undo = trail[-1][1].before_resolution
        assert undo is not None
        while trail and trail[-1][1].resolved_at is not None:
            trail.pop()
        trail.append((None, undo.state))
        for each in (*undo.since, fact):
            _extend(rules, trail, each)
        return
    trail.append((fact, conversation_clocks.apply(rules, trail[-1][1], fact)[0]))


def _segments(target: Target, clock: Clock, state: State, end: datetime) -> Iterator[Segment]:
    start = state.last_at
    assert start is not None
    if not clock.is_open:
        yield Segment(start, end, "stopped", state.status)
        return
    if clock.paused_at is not None and clock.used_up_at is None:
        resumes_at = pause_ends_at(target, clock) or end
        yield Segment(start, min(max(start, resumes_at), end), "paused", state.status)
        start = min(max(start, resumes_at), end)
    yield from _by_hours(target.hours, start, end, state.status)


def _by_hours(hours: WorkingTime, start: datetime, end: datetime, status: str) -> Iterator[Segment]:
    at = start
    for opens, closes in hours.spans(start, end):
        yield Segment(at, opens, "closed_hours", status)
        yield Segment(opens, closes, "counted", status)
        at = closes
    yield Segment(at, end, "closed_hours", status)


def _without_end(segments: list[Segment]) -> list[Segment]:
    """Less the time after the last stop, which is no part of the clock's life."""
    lived = [number for number, segment in enumerate(segments, start=1) if segment.why != "stopped"]
    return segments[: lived[-1]] if lived else []


def _joined(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Less the empty ones; neighbours of one kind as one."""
    current: Segment | None = None
    for segment in segments:
        if segment.start_at >= segment.end_at:
            continue
        if current is not None and (current.why, current.status) == (segment.why, segment.status):
            current = replace(current, end_at=segment.end_at)
            continue
        if current is not None:
            yield current
        current = segment
    if current is not None:
        yield current
