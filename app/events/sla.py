"""What the clocks of conversations say: each change, each warning, each breach and its correction."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict

from app.events.event import ConversationEvent, Event

Seconds = Annotated[float, Ge(0), Le(4_000_000_000)]
"""A span of working time, beyond any target and finite, so that it goes through JSON."""
ClockState = Literal["running", "paused", "met", "breached", "met_late", "cancelled"]
ActionCode = Literal[
    "notify_owner",
    "notify_lead",
    "notify_team",
    "raise_priority",
    "advance_due",
    "requeue",
    "reassign",
    "open_ring",
    "webhook",
    "create_task",
]
Ladder = Literal["functional", "hierarchical"]
EscalationEnd = Literal["met", "cancelled", "corrected", "accepted_elsewhere"]
RemedyKind = Literal["voucher", "apology", "refund", "other"]


class ClockFace(BaseModel):
    """All a screen needs to show the rest of one clock, at any instant until the clock's next change.

    The rest at an instant t is the part of `spans` after t plus `later_seconds`; after `due_at` it is over by the wall.
    `spans`: open stretches from `counted_at` to `due_at`, at most 12; `later_seconds`: working time beyond the last.
    `half_at`, `soon_at`: half and three quarters are used, `counted_at` where that was so before. `rest_seconds`: of a
    paused clock. `resumes_at`: its longest pause is over then, and `spans` begin there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock_id: UUID
    metric: str
    seq: int
    state: ClockState
    policy: str
    target_seconds: Seconds
    counted_at: datetime
    due_at: datetime | None = None
    half_at: datetime | None = None
    soon_at: datetime | None = None
    rest_seconds: Seconds | None = None
    resumes_at: datetime | None = None
    spans: tuple[tuple[datetime, datetime], ...] = ()
    later_seconds: Seconds = 0.0


class ClockFacts(BaseModel):
    """One clock as of its last change. `due_at` is null while it is paused; `face` is null where
    an older release told it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clock_id: UUID
    metric: str
    seq: int
    state: ClockState
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    breached_at: datetime | None
    face: ClockFace | None = None


class ClocksChanged(ConversationEvent):
    """These clocks of the conversation started, paused, went on or stopped; `withdrawn` never were after all."""

    type = "sla.clocks_changed"
    clocks: tuple[ClockFacts, ...]
    withdrawn: tuple[UUID, ...] = ()


class Addressed(ConversationEvent):
    """It also reaches whom it names, whatever they may otherwise see of the conversation."""

    to_agent_ids: tuple[UUID, ...] = ()
    to_team_ids: tuple[UUID, ...] = ()


class Promised(ConversationEvent):
    """Somebody promised something by a date; its clock has the promise's id. `made_at` lies before the event only when
    the promise came with a conversation that was merged into this one."""

    type = "sla.promised"
    promise_id: UUID
    metric: str
    seq: int
    due_at: datetime
    made_at: datetime


class PromiseKept(ConversationEvent):
    type = "sla.promise_kept"
    promise_id: UUID
    metric: str
    seq: int


class PromiseCancelled(ConversationEvent):
    """Nobody owes it any more. `reason` is a code."""

    type = "sla.promise_cancelled"
    promise_id: UUID
    metric: str
    seq: int
    reason: str


class ClockEvent(Addressed):
    """`actions` are what the policy asks for; the members after them say of each what it needs.

    `ring` is null for the next one. `endpoints` are names: whoever delivers webhooks knows their addresses.
    """

    clock_id: UUID
    metric: str
    seq: int
    due_at: datetime | None
    detected_at: datetime
    actions: tuple[ActionCode, ...] = ()
    reassign_agent_id: UUID | None = None
    reassign_queue_id: UUID | None = None
    ring: int | None = None
    endpoints: tuple[str, ...] = ()


class SlaWarned(ClockEvent):
    """A share of the target is used up, or only so much is left. `threshold`: "75%" or "rest:600"."""

    type = "sla.warned"
    threshold: str


class SlaBreached(ClockEvent):
    """The target was used up at `breached_at`, whenever that was noticed. It asks its owner for a cause."""

    type = "sla.breached"
    breached_at: datetime


class SlaEscalated(ClockEvent):
    """A breach goes to whom its ladder names next; the owner stays owner until somebody accepts."""

    type = "sla.escalated"
    escalation_id: UUID | None = None
    """Null in events of releases before acceptance."""
    ladder: Ladder
    step: int
    to_team_id: UUID | None
    to_agent_id: UUID | None


class EscalationAccepted(Addressed):
    """`accepted_by` is the owner from now on (functional), or the one responsible beside the owner (hierarchical)."""

    type = "sla.escalation_accepted"
    escalation_id: UUID
    clock_id: UUID
    ladder: Ladder
    step: int
    accepted_by: UUID


class EscalationEnded(Addressed):
    """Nobody needs to accept it any more: `met` by an answer, taken at another step, or no breach after all."""

    type = "sla.escalation_ended"
    escalation_id: UUID
    clock_id: UUID
    ladder: Ladder
    step: int
    reason: EscalationEnd


class PauseOver(ClockEvent):
    """The longest pause the policy allows has passed: the clock counts again although the status still waits."""

    type = "sla.pause_over"


class SlaCorrected(ConversationEvent):
    """What was told as a breach was none, or was one at another instant: a fact arrived late, or rules changed."""

    type = "sla.corrected"
    clock_id: UUID
    metric: str
    seq: int
    told_breached_at: datetime
    breached_at: datetime | None


class CauseGiven(ConversationEvent):
    """Why a promise was broken, as a code of the installation's list."""

    type = "sla.cause_given"
    clock_id: UUID
    cause_code: str


class RemedyNoted(ConversationEvent):
    """What the customer gets for it. `amount` is a decimal number in `currency`."""

    type = "sla.remedy_noted"
    clock_id: UUID
    remedy_id: UUID
    kind: RemedyKind
    amount: str | None
    currency: str | None


class TaskCreated(Addressed):
    """Something to do besides answering. `title` is a code."""

    type = "task.created"
    task_id: UUID
    clock_id: UUID
    title: str
    agent_id: UUID | None
    team_id: UUID | None


class TaskDone(Addressed):
    type = "task.done"
    task_id: UUID
    done_by: UUID


class PolicyChanged(Event):
    """A policy was made, edited (`number` grows) or retired. Open conversations keep the version they have."""

    type = "sla.policy_changed"
    policy_id: UUID
    version_id: UUID
    number: int
    """Of the version, from 1."""
    retired: bool = False

    @property
    def key(self) -> UUID:
        return self.policy_id


class CalendarChanged(Event):
    """A business calendar was made or edited: `number` counts from `effective_at` on, the time before stays."""

    type = "sla.calendar_changed"
    calendar_id: UUID
    number: int
    effective_at: datetime

    @property
    def key(self) -> UUID:
        return self.calendar_id
