"""One clock: what it has counted, and what that means at any instant."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from app.sla.business_hours import WorkingTime

ClockState = Literal["running", "paused", "met", "breached", "met_late", "cancelled"]
ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Target:
    """What a policy promises for one metric, in the working time of `hours`.

    `longest_pause` is time on the wall: a pause that lasts longer counts from there on. None: a pause has no end.
    """

    metric: str
    amount: timedelta
    hours: WorkingTime
    longest_pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of one conversation, exact as of `counted_at`; see `read` for what it says at another instant.

    `used_up_at` is the first instant at which the whole target had been counted. `due_at` is null while paused, and
    when the calendar never gets there. `generation` grows whenever `due_at` may have moved: a timer that carries an
    older one does nothing.
    """

    metric: str
    seq: int
    target: timedelta
    started_at: datetime
    counted_at: datetime
    elapsed: timedelta = ZERO
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    used_up_at: datetime | None = None
    cancelled_reason: str | None = None
    due_at: datetime | None = None
    generation: int = 0

    @property
    def is_open(self) -> bool:
        return self.stopped_at is None

    @property
    def breached_at(self) -> datetime | None:
        """A stop at the very instant at which the target was used up still keeps the promise."""
        late = self.used_up_at is not None and (self.stopped_at is None or self.stopped_at > self.used_up_at)
        return self.used_up_at if late else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock says at one instant."""

    metric: str
    seq: int
    state: ClockState
    started_at: datetime
    due_at: datetime | None
    elapsed: timedelta
    stopped_at: datetime | None
    breached_at: datetime | None


def start(target: Target, seq: int, at: datetime, *, paused: bool) -> Clock:
    clock = Clock(target.metric, seq, target.amount, started_at=at, counted_at=at, paused_at=at if paused else None)
    return settle(target, clock)


def count(target: Target, clock: Clock, to: datetime) -> Clock:
    """The clock with the working time up to `to` counted. A stopped clock stays as it is."""
    if not clock.is_open or to <= clock.counted_at:
        return clock
    counts_from = clock.counted_at
    if clock.paused_at is not None and clock.used_up_at is None:
        pause_ends = pause_ends_at(target, clock)
        counts_from = to if pause_ends is None else min(max(counts_from, pause_ends), to)
    worked = target.hours.between(counts_from, to)
    used_up_at = clock.used_up_at
    if used_up_at is None and clock.elapsed + worked >= clock.target:
        used_up_at = target.hours.add(counts_from, clock.target - clock.elapsed)
    return replace(clock, counted_at=to, elapsed=clock.elapsed + worked, used_up_at=used_up_at)


def pause(target: Target, clock: Clock, at: datetime) -> Clock:
    return settle(target, replace(count(target, clock, at), paused_at=at))


def resume(target: Target, clock: Clock, at: datetime) -> Clock:
    return settle(target, replace(count(target, clock, at), paused_at=None))


def stop(target: Target, clock: Clock, at: datetime) -> Clock:
    return settle(target, replace(count(target, clock, at), stopped_at=at, paused_at=None))


def cancel(target: Target, clock: Clock, at: datetime, reason: str) -> Clock:
    return settle(target, replace(stop(target, clock, at), cancelled_reason=reason))


def go_on(target: Target, clock: Clock, at: datetime, *, paused: bool) -> Clock:
    """A stopped clock runs again from `at`; the time since its stop is left out."""
    again = replace(clock, stopped_at=None, counted_at=at, paused_at=at if paused else None)
    return settle(target, again)


def settle(target: Target, clock: Clock) -> Clock:
    """The clock with its `due_at` computed anew, after a change of its own or of its calendar."""
    return replace(clock, due_at=due_at(target, clock))


def due_at(target: Target, clock: Clock) -> datetime | None:
    if clock.used_up_at is not None:
        return clock.used_up_at
    if clock.cancelled_reason is not None:
        return None
    return reaches_at(target, clock, clock.target)


def reaches_at(target: Target, clock: Clock, elapsed: timedelta) -> datetime | None:
    """The instant at which the clock will have counted `elapsed` if nothing happens: warnings at a share of the target.

    For a stopped clock: at which it would have. None: paused, or the calendar never gets there. Needs an amount that it
    has not counted yet.
    """
    if clock.paused_at is not None and clock.used_up_at is None:
        return None
    return target.hours.add(clock.counted_at, elapsed - clock.elapsed)


def pause_ends_at(target: Target, clock: Clock) -> datetime | None:
    """When the longest pause is over. None: not paused, or a pause without end."""
    if clock.paused_at is None or target.longest_pause is None:
        return None
    return clock.paused_at + target.longest_pause


def read(target: Target, clock: Clock, now: datetime) -> Reading:
    """What the clock says at `now`, which must not lie before its last change."""
    clock = count(target, clock, now)
    pause_ends = pause_ends_at(target, clock)
    if pause_ends is not None and pause_ends <= now:
        clock = replace(clock, paused_at=None)
    clock = settle(target, clock)
    return Reading(
        metric=clock.metric,
        seq=clock.seq,
        state=_state(clock),
        started_at=clock.started_at,
        due_at=clock.due_at,
        elapsed=clock.elapsed,
        stopped_at=clock.stopped_at,
        breached_at=clock.breached_at,
    )


def _state(clock: Clock) -> ClockState:
    if clock.cancelled_reason is not None:
        return "cancelled"
    late = clock.breached_at is not None
    if not clock.is_open:
        return "met_late" if late else "met"
    if late:
        return "breached"
    return "paused" if clock.paused_at is not None else "running"
