"""When a queued work item must next be looked at, so that it always has a persisted timer."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from app.routing.rings import COOL_DOWN_ALONE_SECONDS, COOL_DOWN_SECONDS

QUIET_SECONDS = 3600
"""After the last boundary nothing changes by time alone; the timer then only keeps the invariant."""


def next_timer_at(
    now: datetime,
    *,
    ready_at: datetime,
    due_at: datetime,
    sticky_until: datetime | None,
    cool_downs: Mapping[str, str],
    rings_after_seconds: Iterable[float],
    overflow_at: datetime | None = None,
) -> datetime:
    """The next instant after `now` at which waiting alone changes who may be asked or where it waits, or that the work
    is late.
    """
    boundaries = [due_at, *(ready_at + timedelta(seconds=seconds) for seconds in rings_after_seconds)]
    if overflow_at is not None:
        boundaries.append(overflow_at)
    if sticky_until is not None:
        boundaries.append(sticky_until)
    for until in map(datetime.fromisoformat, cool_downs.values()):
        boundaries += (until, until - timedelta(seconds=COOL_DOWN_SECONDS - COOL_DOWN_ALONE_SECONDS))
    return min((at for at in boundaries if at > now), default=now + timedelta(seconds=QUIET_SECONDS))
