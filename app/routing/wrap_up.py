"""Wrap-up: what an agent still does once a conversation has ended or gone elsewhere, and when that is over."""

from datetime import datetime, timedelta
from typing import Literal

from app.core.errors import Conflict, InvalidInput
from app.routing.presence import Presence

WrapUpMode = Literal["none", "timed", "required"]
MIN_WRAP_UP_SECONDS = 5
MAX_WRAP_UP_SECONDS = 3_600
WRAP_UP_SECONDS = 600


def wrap_up_ends_at(mode: str, seconds: int, now: datetime) -> datetime | None:
    """None: work of this queue is not wrapped up."""
    return None if mode == "none" else now + timedelta(seconds=seconds)


def check_end(state: str, mode: str, outcome: str, *, by_owner: bool) -> None:
    """May this wrap-up be ended now. Raises Conflict `not_wrapping`, InvalidInput `outcome_required`."""
    if state != "wrapping":
        raise Conflict("not_wrapping", "This work is not being wrapped up. Reload and try again.")
    if by_owner and mode == "required" and not outcome:
        raise InvalidInput("outcome_required", "Say how it ended: this queue's wrap-up asks for an outcome.")


def may_go_on(presence: Presence) -> bool:
    """Whether the customer who writes during wrap-up goes on with the same agent. Who asked to stop after this work has
    not finished it."""
    return presence.session == "connected" and presence.readiness == "ready" and presence.penalty == "none"
