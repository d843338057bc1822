"""A message that goes on with an open conversation: nothing about it needs to be decided."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.conversations.arrival import Received, effective_time
from app.conversations.schemas import MessageOut
from app.events.conversations import MessageReceived
from app.events.event import Rights

NOT_KNOWN_YET = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Continuation:
    """One incoming message without files, of a contact that is known by an id of ours, in answer to nothing."""

    channel: str
    channel_account_id: UUID
    contact_point_id: UUID
    provider_id: str
    body: str
    provider_at: datetime | None
    client_id: str | None
    automatic: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class Continued:
    """One that was stored: where, and who could see its conversation at that instant."""

    message: Continuation
    received: Received
    rights: Rights

    def content(self) -> MessageOut:
        """As `load_contents` would find it."""
        return MessageOut(
            id=self.received.message_id,
            conversation_id=self.received.conversation_id,
            sequence=self.received.sequence,
            message_class="customer",
            direction="inbound",
            visibility="public",
            author=None,
            body=self.message.body,
            attachments=[],
            client_id=self.message.client_id,
            provider_at=self.message.provider_at,
            arrived_at=self.received.arrived_at,
            delivery_state=None,
        )


def told(one: Continuation, message_id: UUID, now: datetime) -> MessageReceived:
    """What it tells the log, but for the conversation and the sequence, which whoever stores it fills in."""
    return MessageReceived(
        conversation_id=NOT_KNOWN_YET,
        message_id=message_id,
        sequence=0,
        message_class="customer",
        channel=one.channel,
        channel_account_id=one.channel_account_id,
        provider_at=one.provider_at,
        arrived_at=now,
        effective_at=effective_time(one.provider_at, now),
    )
