"""What `data` of an event frame is: the event's payload, what the sockets add, and what of it a visitor may learn."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, create_model

from app.conversations.schemas import MessageOut
from app.events.agents import AgentUpdated, SkillChanged, TeamChanged
from app.events.catalogue import EVENTS
from app.events.conversations import (
    ConversationOpened,
    ConversationRightsChanged,
    ConversationStatusChanged,
    DeliveryChanged,
    DeliveryState,
    MessageClass,
    MessagePosted,
    MessageReceived,
    NoteAdded,
    Status,
)
from app.events.event import ConversationEvent, Event
from app.events.routing import OfferMade, PresenceChanged, QueueChanged, WrapUpBegan, WrapUpEnded
from app.events.sla import ClockFace, ClocksChanged
from app.realtime.shapes import PublicConversation, PublicMessage, PublicName, Shape
from app.routing.schemas import OfferView
from app.sla.schemas import ClockedSummary

ADDED: dict[type[Event], dict[str, Any]] = {
    MessageReceived: {"message": (MessageOut | None, ...)},
    MessagePosted: {"message": (MessageOut | None, ...)},
    NoteAdded: {"message": (MessageOut | None, ...)},
    ConversationOpened: {"conversation": (ClockedSummary | None, ...)},
    ConversationRightsChanged: {"conversation": (ClockedSummary | None, None)},
    ClocksChanged: {"sla": (ClockFace | None, ...)},
    OfferMade: {"offer": (OfferView | None, None)},
}
"""Members the agents' socket adds, null where the thing is gone. Those with a default go to some readers only."""


def _agent_data(event: type[Event]) -> type[BaseModel]:
    added = ADDED.get(event)
    return event if added is None else create_model(f"{event.__name__}Data", __base__=event, **added)


AGENT_DATA: dict[type[Event], type[BaseModel]] = {
    event: _agent_data(event)
    for event in EVENTS
    if issubclass(
        event,
        ConversationEvent
        | (PresenceChanged | WrapUpBegan | WrapUpEnded)
        | (QueueChanged | TeamChanged | SkillChanged | AgentUpdated),
    )
}


class OpenedForVisitor(Shape):
    conversation_id: UUID
    number: int
    conversation: PublicConversation


class StatusForVisitor(Shape):
    conversation_id: UUID
    before: Status
    after: Status
    reopened: bool = False


class AgentForVisitor(Shape):
    """`queue` is there, and null, once somebody serves the visitor."""

    conversation_id: UUID
    agent: PublicName | None
    queue: None = None


class ReceivedForVisitor(Shape):
    conversation_id: UUID
    message_id: UUID
    sequence: int
    message_class: MessageClass
    arrived_at: datetime
    message: PublicMessage | None


class PostedForVisitor(ReceivedForVisitor):
    client_id: str | None = None


class DeliveryForVisitor(Shape):
    conversation_id: UUID
    message_id: UUID | None
    sequence: int
    state: DeliveryState
    watermark: bool = False


VISITOR_DATA: dict[type[Event], type[BaseModel]] = {
    ConversationOpened: OpenedForVisitor,
    ConversationStatusChanged: StatusForVisitor,
    ConversationRightsChanged: AgentForVisitor,
    MessageReceived: ReceivedForVisitor,
    MessagePosted: PostedForVisitor,
    DeliveryChanged: DeliveryForVisitor,
}
