"""What happens to work, offers, presence and queues."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.events.event import AgentEvent, ConversationEvent, Event

WorkState = Literal["queued", "offered", "assigned", "parked", "wrapping", "done", "abandoned", "cancelled", "moved"]
SessionState = Literal["connected", "suspect", "gone"]
Readiness = Literal["ready", "not_ready"]
Penalty = Literal["none", "not_responding"]
OverflowTrigger = Literal[
    "longer_than",
    "estimated_wait_over_seconds",
    "age_over_seconds",
    "nobody_staffed",
    "outside_hours",
    "tries_exhausted",
]
RunningWrapUpMode = Literal["timed", "required"]


class WorkChanged(ConversationEvent):
    """A work item came to be or changed state. `before` is null for a new one."""

    type = "work.changed"
    work_id: UUID
    queue_id: UUID
    before: WorkState | None
    after: WorkState
    reason: str
    agent_id: UUID | None = None


class WorkUnroutable(ConversationEvent):
    """No configured agent could ever take it, at the widest ring."""

    type = "work.unroutable"
    work_id: UUID
    queue_id: UUID
    reason: str


class WorkReassignRefused(ConversationEvent):
    """An SLA policy wanted it elsewhere, which cannot be: it waits in its queue."""

    type = "work.reassign_refused"
    work_id: UUID
    queue_id: UUID
    to_agent_id: UUID | None
    to_queue_id: UUID | None
    reason: Literal["no_capacity", "agent_disabled", "queue_unknown"]


class WorkOverflowed(ConversationEvent):
    """A step of its queue's overflow was done: it goes on in `to_queue_id`, or, where that is null, words were said.

    `over`: the trigger's number, 0 for those that hold or do not. `hops`: how often it has gone on so, with this one.
    """

    type = "work.overflowed"
    work_id: UUID
    queue_id: UUID
    trigger: OverflowTrigger
    over: int
    to_queue_id: UUID | None
    hops: int


class OfferMade(ConversationEvent):
    type = "offer.made"
    offer_id: UUID
    work_id: UUID
    queue_id: UUID
    agent_id: UUID
    deadline_at: datetime


class OfferEnded(ConversationEvent):
    type = "offer.ended"
    offer_id: UUID
    work_id: UUID
    queue_id: UUID
    agent_id: UUID
    state: Literal["accepted", "declined", "expired", "withdrawn"]
    reason: str = ""


class TransferOffered(ConversationEvent):
    """A warm transfer: a colleague has an offer, and the owner keeps the conversation until they accept."""

    type = "transfer.offered"
    offer_id: UUID
    from_agent_id: UUID
    to_agent_id: UUID
    deadline_at: datetime


class TransferEnded(ConversationEvent):
    """The colleague answered a warm transfer or did not; but for `accepted` the owner has the conversation still."""

    type = "transfer.ended"
    offer_id: UUID
    from_agent_id: UUID
    to_agent_id: UUID
    state: Literal["accepted", "declined", "expired", "withdrawn"]


class PresenceState(BaseModel):
    """The independent fields of presence; routable = connected, ready and no penalty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: SessionState
    readiness: Readiness
    reason: str
    penalty: Penalty


class PresenceChanged(AgentEvent):
    type = "presence.changed"
    before: PresenceState | None
    after: PresenceState


class WrapUpBegan(AgentEvent):
    """The conversation ended or went elsewhere; the agent keeps the work's units for what is left to do."""

    type = "wrap_up.began"
    work_id: UUID
    conversation_id: UUID
    queue_id: UUID
    mode: RunningWrapUpMode
    ends_at: datetime


class WrapUpEnded(AgentEvent):
    """`outcome`: the code that was given with it, or empty."""

    type = "wrap_up.ended"
    work_id: UUID
    conversation_id: UUID
    queue_id: UUID
    reason: Literal["agent", "supervisor", "time", "reopened"]
    outcome: str = ""


class QueueChanged(Event):
    type = "queue.changed"
    queue_id: UUID
    change: Literal["created", "updated", "members", "deleted"]

    @property
    def key(self) -> UUID:
        return self.queue_id


class RoutingRulesChanged(Event):
    """The whole list has a new version, which is in force for all that comes to routing from now on."""

    type = "routing_rules.changed"
    version_id: UUID
    number: int

    @property
    def key(self) -> UUID:
        return self.version_id
