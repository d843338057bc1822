"""Events of the log as facts for the clocks, and as attributes for the choice of policies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.events.conversations import (
    ConversationOpened,
    ConversationPriorityChanged,
    ConversationRightsChanged,
    ConversationStatusChanged,
    MessagePosted,
    MessageReceived,
)
from app.events.event import Event, Rights
from app.events.routing import WorkChanged
from app.sla.facts import Fact
from app.sla.policies import Attributes

WAITS = frozenset({"queued", "offered"})
SERVED = frozenset({"assigned", "parked", "wrapping", "done"})
TYPES = frozenset(
    event.type
    for event in (
        ConversationOpened,
        ConversationPriorityChanged,
        ConversationRightsChanged,
        ConversationStatusChanged,
        MessagePosted,
        MessageReceived,
        WorkChanged,
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
    return subject


def facts_of(event: Event, occurred_at: datetime) -> Iterator[Fact]:
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
        yield Fact(event.effective_at, "status", event.after)
    elif isinstance(event, ConversationRightsChanged) and event.before.team_id != event.after.team_id:
        yield Fact(occurred_at, "group", str(event.after.team_id or ""))
    elif isinstance(event, WorkChanged):
        yield from _leg(event, occurred_at)


def _leg(event: WorkChanged, occurred_at: datetime) -> Iterator[Fact]:
    """One wait in one queue. An offer that comes back is the same wait; a requeue or a transfer begins another."""
    waited, waits = event.before in WAITS, event.after in WAITS
    if waits and not waited:
        yield Fact(occurred_at, "enqueued")
    elif waited and event.after in SERVED:
        yield Fact(occurred_at, "accepted")
    elif waited and not waits:
        yield Fact(occurred_at, "dequeued", event.after)
