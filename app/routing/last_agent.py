"""Ring 0: for how long work is kept for the agent who served its customer last."""

from datetime import datetime, timedelta

from app.routing.capacity import WHOLE_AGENT_CHANNELS

REMEMBERED_SECONDS_DIGITAL = 72 * 3600
REMEMBERED_SECONDS_WHOLE_AGENT = 0
"""A caller hears the silence: calls go to whoever is free."""
LONGEST_MEMORY_SECONDS = 30 * 86_400
LONGEST_HOLD_SECONDS = 86_400


def remembered_seconds(channel: str, configured: int | None) -> int:
    """How long ago the last agent may have served the customer; `configured` is the queue's own, 0 for never."""
    if configured is not None:
        return configured
    return REMEMBERED_SECONDS_WHOLE_AGENT if channel in WHOLE_AGENT_CHANNELS else REMEMBERED_SECONDS_DIGITAL


def held_until(
    now: datetime,
    *,
    served_at: datetime,
    memory_seconds: float,
    due_at: datetime,
    patience_seconds: float | None = None,
) -> datetime | None:
    """Until when the last agent is asked alone: never longer than they are remembered, than the customer's patience
    or than half the time to the deadline. None: everybody is asked at once.
    """
    bounds = [served_at + timedelta(seconds=memory_seconds), now + (due_at - now) / 2]
    if patience_seconds is not None:
        bounds.append(now + timedelta(seconds=patience_seconds))
    until = min(bounds)
    return until if until > now else None
