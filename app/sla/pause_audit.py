"""Pauses behind which nobody should hide: the conversation waited for the customer, who had written already."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.sla.conversation_clocks import in_order
from app.sla.facts import Fact
from app.sla.metrics import WAITING

SILENT_AFTER = WAITING | {"resolved"}
"""Statuses that a message of the customer ends."""


@dataclass(frozen=True, slots=True)
class UnansweredPause:
    """[start_at, end_at), null while it lasts. `by` paused it, of `team`; "" where it is not known."""

    start_at: datetime
    end_at: datetime | None
    status: str
    by: str
    team: str

    def lasted(self, now: datetime) -> timedelta:
        return (self.end_at or max(now, self.start_at)) - self.start_at


@dataclass(slots=True)
class _Walk:
    status: str = "open"
    team: str = ""
    waits_for_us: bool = False
    current: UnansweredPause | None = None


def unanswered_pauses(facts: Iterable[Fact]) -> list[UnansweredPause]:
    """In order. Each begins with the status and ends with another one, our answer or the customer's next message."""
    walk, found = _Walk(), list[UnansweredPause]()
    for fact in in_order(facts):
        before = walk.current
        _take(walk, fact)
        if before is not None and walk.current is not before:
            found.append(replace(before, end_at=fact.at))
    if walk.current is not None:
        found.append(walk.current)
    return [pause for pause in found if pause.end_at != pause.start_at]


def _take(walk: _Walk, fact: Fact) -> None:
    if fact.kind == "group":
        walk.team = fact.value
    elif fact.kind == "status":
        walk.status = fact.value
        hidden = walk.waits_for_us and fact.value in WAITING
        walk.current = UnansweredPause(fact.at, None, fact.value, fact.by, walk.team) if hidden else None
    elif fact.kind == "message" and fact.value == "customer":
        walk.waits_for_us, walk.current = True, None
        walk.status = "open" if walk.status in SILENT_AFTER else walk.status
    elif fact.kind == "message" and fact.value == "agent_public":
        walk.waits_for_us, walk.current = False, None
