"""The metrics: which signals start and stop each, in which statuses it pauses, and whether it runs again."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Signal(StrEnum):
    """What a fact means to the clocks, given what came before it."""

    CREATED = "created"
    CUSTOMER_WROTE = "customer_wrote"
    CUSTOMER_ASKED_AGAIN = "customer_asked_again"
    """The customer wrote after we had answered for the first time."""
    ANSWERED = "answered"
    """A message that counts as an answer: agent_public, and bot where the policy says so."""
    AGENT_WROTE = "agent_wrote"
    AGENT_WROTE_WHILE_OPEN = "agent_wrote_while_open"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    ENQUEUED = "enqueued"
    ACCEPTED = "accepted"
    GROUP_LEFT = "group_left"
    GROUP_SET = "group_set"


Again = Literal["never", "each", "goes_on"]
"""After a stop: never again; a new clock with the next seq; or the same clock goes on when the conversation reopens."""


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    starts_on: Signal
    stops_on: frozenset[Signal]
    again: Again
    pauses_in: frozenset[str] = field(default_factory=frozenset)
    """Statuses in which its time does not count, unless it is breached already."""


PENDING = frozenset({"pending"})
WAITING = frozenset({"pending", "on_hold", "snoozed"})


def _metric(
    name: str, starts: Signal, stops: set[Signal], again: Again, pauses: frozenset[str] = frozenset()
) -> Metric:
    return Metric(name, starts, frozenset(stops), again, pauses)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("queue_wait", Signal.ENQUEUED, {Signal.ACCEPTED}, "each"),
        _metric("first_reply", Signal.CUSTOMER_WROTE, {Signal.ANSWERED}, "never"),
        _metric("next_reply", Signal.CUSTOMER_ASKED_AGAIN, {Signal.ANSWERED}, "each"),
        _metric("periodic_update", Signal.AGENT_WROTE_WHILE_OPEN, {Signal.AGENT_WROTE, Signal.RESOLVED}, "each"),
        _metric(
            "pausable_update", Signal.AGENT_WROTE_WHILE_OPEN, {Signal.AGENT_WROTE, Signal.RESOLVED}, "each", PENDING
        ),
        _metric("requester_wait", Signal.CREATED, {Signal.RESOLVED}, "goes_on", PENDING),
        _metric("agent_work", Signal.CREATED, {Signal.RESOLVED}, "goes_on", WAITING),
        _metric("first_resolution", Signal.CREATED, {Signal.RESOLVED}, "never"),
        _metric("total_resolution", Signal.CREATED, {Signal.RESOLVED}, "goes_on"),
        _metric("group_ownership", Signal.GROUP_SET, {Signal.GROUP_LEFT, Signal.RESOLVED}, "each"),
    )
}

DATE_METRICS = ("callback_promise", "followup_due", "approval_step", "complaint_ack", "complaint_decision")
"""Promises that are given with their own date: no policy sets it, no status pauses them, several may run at once."""
STATUTORY = frozenset({"complaint_ack", "complaint_decision"})
"""Dates that a law or a regulator set: only whoever holds the scope for it cancels one, with a reason."""
CARRIED_BY_MERGE = frozenset({"first_reply", "next_reply", "periodic_update", "pausable_update"})
"""What the customer of a merged conversation is still owed though the surviving one has no such clock open. The others
speak of the surviving conversation itself: its queue, its group, its own resolution."""
