"""Events of the log as facts for the clocks, and as attributes for the choice of policies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.events.conversations import (
    ConversationCategorised,
    ConversationMerged,
    ConversationOpened,
    ConversationPriorityChanged,
    ConversationRightsChanged,
    ConversationStatusChanged,
    MessagePosted,
    MessageReceived,
)
from app.events.event import Event, Rights
from app.events.routing import WorkChanged
from app.events.sla import PromiseCancelled, Promised, PromiseKept
from app.sla.facts import Fact
from app.sla.metrics import WAITING
from app.sla.policies import Attributes

MERGED_FACTS_LIMIT = 2_000
"""Of one merged conversation, kept with the merge."""
AGENT = "agent:"
"""How the actor of a person begins."""
WAITS = frozenset({"queued", "offered"})
SERVED = frozenset({"assigned", "parked", "wrapping", "done"})
TYPES = frozenset(
    event.type
    for event in (
        ConversationCategorised,
        ConversationMerged,
        ConversationOpened,
        ConversationPriorityChanged,
        ConversationRightsChanged,
        ConversationStatusChanged,
        MessagePosted,
        MessageReceived,
        WorkChanged,
        Promised,
        PromiseKept,
        PromiseCancelled,
    )
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The conversation as the events tell it."""

    customer_id: UUID
    channel_account_id: UUID
    attributes: Attributes
    rights: Rights


def opened(event: ConversationOpened) -> Subject:
    attributes = Attributes(
        channel=event.channel,
        brand=event.brand,
        queue_id=event.rights.queue_id,
        priority=event.priority,
        language=event.language,
    )
    return Subject(event.customer_id, event.channel_account_id, attributes, event.rights)


def after(subject: Subject, event: Event) -> Subject:
    """The conversation once this has happened."""
    if isinstance(event, ConversationRightsChanged):
        attributes = replace(subject.attributes, queue_id=event.after.queue_id)
        return replace(subject, attributes=attributes, rights=event.after)
    if isinstance(event, ConversationPriorityChanged):
        return replace(subject, attributes=replace(subject.attributes, priority=event.after))
    if isinstance(event, ConversationCategorised):
        return replace(subject, attributes=replace(subject.attributes, category=event.after))
    return subject


def facts_of(event: Event, occurred_at: datetime, actor: str = "") -> Iterator[Fact]:
    """What it means to the clocks. Notes and marks mean nothing to them."""
    if isinstance(event, ConversationOpened):
        yield Fact(occurred_at, "status", "open")
        if event.rights.team_id is not None:
            yield Fact(occurred_at, "group", str(event.rights.team_id))
    elif isinstance(event, MessageReceived):
        yield Fact(event.effective_at, "message", event.message_class)
    elif isinstance(event, MessagePosted):
        yield Fact(event.arrived_at, "message", event.message_class)
    elif isinstance(event, ConversationStatusChanged):
        by = actor.removeprefix(AGENT) if actor.startswith(AGENT) and event.after in WAITING else ""
        yield Fact(event.effective_at, "status", event.after, by=by)
    elif isinstance(event, ConversationRightsChanged) and event.before.team_id != event.after.team_id:
        yield Fact(occurred_at, "group", str(event.after.team_id or ""))
    elif isinstance(event, WorkChanged):
        yield from _leg(event, occurred_at)
    elif isinstance(event, ConversationMerged):
        yield Fact(occurred_at, "cancelled", "merged")
    elif isinstance(event, Promised | PromiseKept | PromiseCancelled):
        yield _of_promise(event, occurred_at)


def merge_of(told_there: Sequence[Fact], occurred_at: datetime) -> Fact:
    """What a merge tells the conversation that goes on: all that was told to the other one; of a very long history
    without what lies furthest back."""
    told = tuple(fact for fact in told_there if fact.at <= occurred_at)
    return Fact(occurred_at, "merged", merged=told[-MERGED_FACTS_LIMIT:])


def _of_promise(event: Promised | PromiseKept | PromiseCancelled, occurred_at: datetime) -> Fact:
    if isinstance(event, Promised):
        since = event.made_at if event.made_at < occurred_at else None
        value = str(event.promise_id)
        return Fact(occurred_at, "promised", value, event.metric, event.seq, event.due_at, since)
    if isinstance(event, PromiseKept):
        return Fact(occurred_at, "kept", "", event.metric, event.seq)
    return Fact(occurred_at, "cancelled", event.reason, event.metric, event.seq)


def _leg(event: WorkChanged, occurred_at: datetime) -> Iterator[Fact]:
    """One wait in one queue. An offer that comes back is the same wait; a requeue or a transfer begins another."""
    waited, waits = event.before in WAITS, event.after in WAITS
    if waits and not waited:
        yield Fact(occurred_at, "enqueued")
    elif waited and event.after in SERVED:
        yield Fact(occurred_at, "accepted")
    elif waited and not waits:
        yield Fact(occurred_at, "dequeued", event.after)
