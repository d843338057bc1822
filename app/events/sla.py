"""What the clocks of conversations say: each change, each warning, each breach and its correction."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict

from app.events.event import ConversationEvent

ClockState = Literal["running", "paused", "met", "breached", "met_late", "cancelled"]
Seconds = Annotated[float, Ge(0), Le(4_000_000_000)]
"""A span of working time, beyond any target and finite, so that it goes through JSON."""
ActionCode = Literal["notify_owner", "notify_team", "raise_priority", "advance_due", "requeue"]


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


class _ClockEvent(ConversationEvent):
    clock_id: UUID
    metric: str
    seq: int
    due_at: datetime | None
    detected_at: datetime
    actions: tuple[ActionCode, ...] = ()


class SlaWarned(_ClockEvent):
    """A share of the target is used up, or only so much is left. `threshold`: "75%" or "rest:600"."""

    type = "sla.warned"
    threshold: str


class SlaBreached(_ClockEvent):
    """The target was used up at `breached_at`, whenever that was noticed."""

    type = "sla.breached"
    breached_at: datetime


class SlaEscalated(_ClockEvent):
    """A breach goes to whom its ladder names next; the owner stays owner until somebody accepts."""

    type = "sla.escalated"
    ladder: Literal["functional", "hierarchical"]
    step: int
    to_team_id: UUID | None
    to_agent_id: UUID | None


class PauseOver(_ClockEvent):
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
