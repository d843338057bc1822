"""The statuses of a conversation, which follow which, and what a change brings with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.errors import Conflict, InvalidInput
from app.events.conversations import Status

CLOSE_AFTER = timedelta(days=7)
MAX_SNOOZE = timedelta(days=366)

UNRESOLVED: frozenset[Status] = frozenset({"open", "pending", "on_hold", "snoozed"})

# A status may be changed to each of these by a person, a due row or a customer's message.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    "open": frozenset({"pending", "on_hold", "snoozed", "resolved"}),
    "pending": frozenset({"open", "on_hold", "snoozed", "resolved"}),
    "on_hold": frozenset({"open", "pending", "snoozed", "resolved"}),
    "snoozed": frozenset({"open", "pending", "on_hold", "snoozed", "resolved"}),
    "resolved": frozenset({"open", "closed"}),
    "closed": frozenset(),
}


@dataclass(frozen=True, slots=True)
class StatusEffect:
    """What a change of status writes into the conversation. `run_at`: when its due row acts next."""

    status: Status
    reopened: bool
    resolved_at: datetime | None
    snoozed_until: datetime | None
    disposition: str | None
    run_at: datetime | None
    answered: bool
    """Nobody waits for an answer any longer."""


def change(
    before: Status,
    after: Status,
    now: datetime,
    *,
    resolved_at: datetime | None = None,
    disposition: str | None = None,
    snoozed_until: datetime | None = None,
) -> StatusEffect:
    """The effect of going from `before` to `after`. Conflict `status_change_not_allowed` where the table has no way.

    `resolved_at` and `disposition` are the conversation's present ones, or the new ones when it is resolved.
    """
    if after not in TRANSITIONS[before]:
        raise Conflict(
            "status_change_not_allowed",
            f"A conversation that is {before} cannot become {after}.",
            present_status=before,
        )
    if after == "snoozed":
        snoozed_until = _wake_time(snoozed_until, now)
        return StatusEffect(after, False, None, snoozed_until, None, snoozed_until, False)
    if snoozed_until is not None:
        raise InvalidInput("snooze_time_not_allowed", "Only a snoozed conversation has a time to wake.")
    match after:
        case "resolved":
            return StatusEffect(after, False, now, None, disposition, now + CLOSE_AFTER, True)
        case "closed":
            return StatusEffect(after, False, resolved_at, None, disposition, None, True)
        case _:
            return StatusEffect(after, before == "resolved", None, None, None, None, False)


def _wake_time(until: datetime | None, now: datetime) -> datetime:
    if until is None or until.tzinfo is None or not now < until <= now + MAX_SNOOZE:
        raise InvalidInput(
            "snooze_time_invalid", f"Give the time to wake, with its zone, within {MAX_SNOOZE.days} days from now."
        )
    return until


def due_change(status: Status) -> Status | None:
    """What a due row does to a conversation: it wakes the snoozed, closes the resolved, leaves the others."""
    match status:
        case "snoozed":
            return "open"
        case "resolved":
            return "closed"
        case _:
            return None
