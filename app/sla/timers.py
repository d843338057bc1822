"""The timers of one clock: which warnings, which breach and which steps of a ladder are still to come, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from app.sla import clock as clocks
from app.sla.clock import Clock, Target
from app.sla.policies import PolicyBody

Kind = Literal["warning", "breach", "pause_over", "escalation"]


@dataclass(frozen=True, slots=True)
class Timer:
    """`name` is unique within a clock: "75%", "rest:600", "breach", "pause_over", "functional:1"."""

    at: datetime
    kind: Kind
    name: str


def timers_of(
    target: Target, clock: Clock, body: PolicyBody, fired: Mapping[str, datetime], now: datetime
) -> list[Timer]:
    """By time. What was told and lies behind is not told again; what was told and now lies ahead is."""
    wanted = sorted(_all(target, clock, body, fired), key=lambda timer: timer.at)
    return [timer for timer in wanted if not _told(timer, fired, now)]


def accepted(ladder: str) -> str:
    """Under this name `fired` remembers when somebody took what the ladder asks for."""
    return f"{ladder}:accepted"


def is_of_ladder(kind: str, name: str, ladder: str) -> bool:
    return kind == "escalation" and name.partition(":")[0] == ladder


def _told(timer: Timer, fired: Mapping[str, datetime], now: datetime) -> bool:
    if timer.kind in ("breach", "pause_over"):  # another pause is another one, also when it is heard of late
        return fired.get(timer.name) == timer.at
    return timer.name in fired and timer.at <= now


def _all(target: Target, clock: Clock, body: PolicyBody, fired: Mapping[str, datetime]) -> Iterator[Timer]:
    if clock.cancelled_reason is not None:
        return
    if clock.breached_at is not None:
        yield Timer(clock.breached_at, "breach", "breach")
        if clock.is_open:
            yield from _ladders(body, clock.breached_at, fired)
        return
    if not clock.is_open:
        return
    if clock.paused_at is not None:
        ends_at = clocks.pause_ends_at(target, clock)
        if ends_at is None:
            return
        yield Timer(ends_at, "pause_over", "pause_over")
        clock = replace(clocks.count(target, clock, ends_at), paused_at=None)
    yield from _running(target, clock, body, fired)


def _running(target: Target, clock: Clock, body: PolicyBody, fired: Mapping[str, datetime]) -> Iterator[Timer]:
    due_at = clocks.due_at(target, clock)
    for threshold in body.thresholds:
        if threshold.percent is not None:
            amount = clock.target * threshold.percent / 100
        elif threshold.rest_seconds is not None:
            amount = clock.target - timedelta(seconds=threshold.rest_seconds)
        else:
            continue
        if clock.elapsed < amount:
            at = clocks.reaches_at(target, clock, amount)
        else:
            at = _missed_at(clock, amount, threshold.name, fired)
        if at is not None:
            yield Timer(at, "warning", threshold.name)
    if due_at is not None:
        yield Timer(due_at, "breach", "breach")
        yield from _ladders(body, due_at, fired)


def _missed_at(clock: Clock, amount: timedelta, name: str, fired: Mapping[str, datetime]) -> datetime | None:
    """A share that was used up while nobody told, or before another policy asked for it, is told late rather than
    never. None: it was told, or is no less than the whole target before it."""
    return clock.counted_at if amount > clocks.ZERO and name not in fired else None


def _ladders(body: PolicyBody, breached_at: datetime, fired: Mapping[str, datetime]) -> Iterator[Timer]:
    for name, steps in body.ladders.named:
        accepted_at = fired.get(accepted(name))
        if accepted_at is not None and accepted_at >= breached_at:
            continue  # somebody has it; a breach that is told later is asked about anew
        for number, step in enumerate(steps, start=1):
            yield Timer(breached_at + timedelta(seconds=step.after_seconds), "escalation", f"{name}:{number}")
