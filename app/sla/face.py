"""The face of a clock: what a screen needs to show its rest, from one change of the clock to the next."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from app.events.sla import ClockFace
from app.sla import clock as clocks
from app.sla.business_hours import HORIZON_YEARS
from app.sla.clock import ZERO, Clock, Reading, Target

SPANS_LIMIT = 12
"""Two weeks of an office: a screen that shows a clock longer than that unchanged counts the rest in `later_seconds`."""
HALF, SOON = 0.5, 0.75
"""Shares of the target: below the first a screen shows the rest, from the second on it warns."""
HORIZON = timedelta(days=365 * HORIZON_YEARS)


def face_of(target: Target, clock: Clock, reading: Reading, *, clock_id: UUID, policy: str) -> ClockFace:
    """As of the clock's last change. `reading`: what the clock says then."""
    face = ClockFace(
        clock_id=clock_id,
        metric=clock.metric,
        seq=clock.seq,
        state=reading.state,
        policy=policy,
        target_seconds=clock.target.total_seconds(),
        counted_at=clock.counted_at,
        due_at=reading.due_at,
    )
    if not clock.is_open:
        return face
    if reading.state == "breached":
        return face.model_copy(update={"soon_at": clock.counted_at})
    if reading.state != "paused":
        return face.model_copy(update=_ahead(target, clock, clock.counted_at))
    rest = {"rest_seconds": (clock.target - clock.elapsed).total_seconds()}
    resumes_at = clocks.pause_ends_at(target, clock)
    if resumes_at is None:
        return face.model_copy(update=rest)
    ahead = _ahead(target, replace(clock, paused_at=None, counted_at=resumes_at), resumes_at)
    return face.model_copy(update={**ahead, **rest, "resumes_at": resumes_at})


def _ahead(target: Target, clock: Clock, start: datetime) -> dict[str, object]:
    """What a clock that runs from `start` on has before it."""
    rest = clock.target - clock.elapsed
    due_at = clocks.due_at(target, clock)
    spans = tuple(islice(target.hours.spans(start, due_at or start + HORIZON), SPANS_LIMIT))
    listed = sum((end - begin for begin, end in spans), ZERO)
    half_at, soon_at = _marks(target, clock)
    return {
        "half_at": half_at,
        "soon_at": soon_at,
        "spans": spans,
        "later_seconds": max(rest - listed, ZERO).total_seconds(),
    }


def _marks(target: Target, clock: Clock) -> Iterator[datetime | None]:
    for share in (HALF, SOON):
        used = clock.target * share
        yield clocks.reaches_at(target, clock, used) if clock.elapsed < used else clock.counted_at
