"""The bodies of the widget's operations."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.conversations.schemas import ClientId, MessageOut, SequenceNumber
from app.customers.schemas import Language, Name, TimezoneName
from app.events.conversations import MessageClass

MAX_BODY_CHARACTERS = 4_000
MAX_ATTACHMENTS = 10
PublicKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class WidgetConfig(BaseModel):
    name: str
    brand: str
    max_body_characters: int
    max_attachments: int
    max_attachment_bytes: int


class VisitorIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"key": "pk_shop", "language": "en"}})

    key: PublicKey
    name: Name = ""
    language: Language = ""
    timezone: TimezoneName = Field(default="", description="The browser's IANA name; one we do not know is left out")


class VisitorOut(BaseModel):
    visitor_id: UUID
    token: str
    expires_at: datetime


class WidgetMessageIn(BaseModel):
    """`client_id` is made by the widget: sending the same one again gives the first message."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"example": {"client_id": "7f3e", "body": "Hello"}}
    )

    client_id: ClientId
    body: Annotated[str, StringConstraints(max_length=MAX_BODY_CHARACTERS)] = ""
    attachments: list[UUID] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)


class WidgetReceived(BaseModel):
    conversation_id: UUID
    message_id: UUID
    sequence: int
    arrived_at: datetime
    client_id: str
    duplicate: bool


class WidgetMessage(BaseModel):
    """A message as its customer sees it."""

    id: UUID
    conversation_id: UUID
    sequence: int
    message_class: MessageClass
    direction: Literal["inbound", "outbound", "internal"]
    author: str | None
    body: str
    attachments: list[dict[str, Any]]
    client_id: str | None
    arrived_at: datetime


class WidgetMessages(BaseModel):
    """In the order of their sequence. `next_after` is where to go on, null when nothing is left."""

    conversation_id: UUID | None
    items: list[WidgetMessage]
    next_after: int | None = None


class MarkIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"state": "read", "sequence": 3}})

    state: Literal["delivered", "read"]
    sequence: SequenceNumber


def widget_message(message: MessageOut) -> WidgetMessage:
    return WidgetMessage(
        id=message.id,
        conversation_id=message.conversation_id,
        sequence=message.sequence,
        message_class=message.message_class,
        direction=message.direction,
        author=message.author.name if message.author else None,
        body=message.body,
        attachments=message.attachments,
        client_id=message.client_id,
        arrived_at=message.arrived_at,
    )
