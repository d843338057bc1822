"""What happens to conversations and their messages."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from app.events.event import ConversationEvent, Rights

Status = Literal["open", "pending", "on_hold", "snoozed", "resolved", "closed"]
MessageClass = Literal["customer", "agent_public", "agent_internal", "bot", "auto_ack", "system", "survey"]
DeliveryState = Literal["queued", "sent", "delivered", "read", "failed"]


class ConversationOpened(ConversationEvent):
    type = "conversation.opened"
    number: int
    customer_id: UUID
    contact_point_id: UUID
    channel: str
    channel_account_id: UUID
    priority: int
    language: str
    rights: Rights
    follows_id: UUID | None = None
    synthetic: bool = False
    brand: str = ""


class ConversationStatusChanged(ConversationEvent):
    """Any change of status. `reopened` is true when it came out of resolved."""

    type = "conversation.status_changed"
    before: Status
    after: Status
    reopened: bool = False
    effective_at: datetime
    rights: Rights
    channel: str
    priority: int
    snoozed_until: datetime | None = None
    disposition: str | None = None


class ConversationRightsChanged(ConversationEvent):
    """Owner, team or queue changed: whoever follows it may gain or lose sight of it."""

    type = "conversation.rights_changed"
    before: Rights
    after: Rights
    reason: Literal["accepted", "picked", "assigned", "transferred", "released", "taken_over", "agent_gone", "queued"]
    note: str = ""
    """A code of the caller's choice (a transfer reason), never free text about a person."""


class ConversationPriorityChanged(ConversationEvent):
    """0 to 9, 9 first. `reason` is a code: who or what asked for it."""

    type = "conversation.priority_changed"
    before: int
    after: int
    reason: str


class ConversationCategorised(ConversationEvent):
    """What it is about: codes of the installation's own, "" for none."""

    type = "conversation.categorised"
    before: str
    after: str


class ConversationMerged(ConversationEvent):
    """It is the same matter as `into_id`, which goes on alone; this one is closed, and its messages stay where they
    are."""

    type = "conversation.merged"
    into_id: UUID


class MessageReceived(ConversationEvent):
    """The customer wrote."""

    type = "message.received"
    message_id: UUID
    sequence: int
    message_class: MessageClass
    channel: str
    channel_account_id: UUID
    provider_at: datetime | None
    arrived_at: datetime
    effective_at: datetime


class MessagePosted(ConversationEvent):
    """We wrote to the customer."""

    type = "message.posted"
    message_id: UUID
    sequence: int
    message_class: MessageClass
    channel: str
    channel_account_id: UUID
    author_id: UUID | None
    arrived_at: datetime
    client_id: str | None = None


class NoteAdded(ConversationEvent):
    """An internal note: never visible to the customer."""

    type = "note.added"
    message_id: UUID
    sequence: int
    author_id: UUID
    arrived_at: datetime
    client_id: str | None = None


class DeliveryChanged(ConversationEvent):
    """Marks on messages we sent. `up_to_sequence` covers all earlier ones too when `watermark` is true."""

    type = "message.delivery_changed"
    message_id: UUID | None
    sequence: int
    state: DeliveryState
    watermark: bool = False
    error_code: str | None = None


class ConversationRead(ConversationEvent):
    """An agent has read up to `sequence`."""

    type = "conversation.read"
    agent_id: UUID
    sequence: int
