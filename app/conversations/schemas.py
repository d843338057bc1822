"""What other packages, the API and the sockets see of conversations and messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, WithJsonSchema

from app.conversations.texts import MAX_BODY_CHARACTERS
from app.core.numbers import WholeNumber
from app.events.conversations import DeliveryState, MessageClass, Status
from app.events.event import Rights

MAX_CLIENT_ID = 64
MAX_SEQUENCE = 2_147_483_647
MAX_ATTACHMENTS = 10

View = Literal["mine", "queue", "team", "all"]
Sort = Literal["newest", "longest_unanswered"]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$", max_length=MAX_CLIENT_ID)]
Body = Annotated[str, StringConstraints(max_length=MAX_BODY_CHARACTERS)]
Disposition = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,60}$")]
Category = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,60}$")]
SequenceNumber = Annotated[WholeNumber, Field(ge=0, le=MAX_SEQUENCE)]
# Passed on as stored; the package of the files makes and checks them.
AttachmentDescription = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "name": {"type": "string"},
                "media_type": {"type": "string"},
                "size_bytes": {"type": "integer"},
            },
            "required": ["id", "name", "media_type", "size_bytes"],
            "additionalProperties": False,
        }
    ),
]


@dataclass(frozen=True, slots=True)
class Unowned:
    """An open conversation that nobody owns, and whose it is."""

    id: UUID
    contact_point_id: UUID
    channel_account_id: UUID


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """What routing and sockets decide by."""

    channel: str
    priority: int
    language: str
    status: Status
    rights: Rights
    synthetic: bool
    customer_id: UUID
    contact_point_id: UUID
    channel_account_id: UUID
    merged_into_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """How far a conversation has come. `is_unanswered`: the customer wrote last."""

    last_public_sequence: int
    last_message_at: datetime
    is_unanswered: bool


@dataclass(frozen=True, slots=True)
class LastOwner:
    """Who has or had the customer's newest conversation that anybody had, and when it was last written in."""

    agent_id: UUID
    served_at: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """Another queue with its team, another priority, or both; None leaves what is there."""

    conversation_id: UUID
    queue_id: UUID | None = None
    team_id: UUID | None = None
    priority: int | None = None


class CustomerRef(BaseModel):
    id: UUID
    name: str
    language: str
    segments: list[str]


class OwnerRef(BaseModel):
    id: UUID
    name: str


class QueueRef(BaseModel):
    id: UUID
    name: str
    names: dict[str, str]


class Summary(BaseModel):
    """One row of a list of conversations. `my_read_sequence` and `unread` are the reader's own."""

    id: UUID
    number: int
    customer: CustomerRef
    channel: str
    channel_account_id: UUID
    status: Status
    owner: OwnerRef | None
    team_id: UUID | None
    queue: QueueRef | None
    priority: int
    language: str
    last_sequence: int
    last_public_sequence: int
    preview: str
    preview_class: MessageClass
    last_message_at: datetime
    unanswered_since: datetime | None
    my_read_sequence: int
    unread: int
    customer_delivered_sequence: int
    customer_read_sequence: int
    opened_at: datetime
    resolved_at: datetime | None
    snoozed_until: datetime | None
    disposition: str | None
    category: str
    follows_id: UUID | None
    merged_into_id: UUID | None
    version: int


class AuthorRef(BaseModel):
    id: UUID
    name: str


class MessageOut(BaseModel):
    id: UUID
    conversation_id: UUID
    sequence: int
    message_class: MessageClass
    direction: Literal["inbound", "outbound", "internal"]
    visibility: Literal["public", "internal"]
    author: AuthorRef | None
    body: str
    attachments: list[AttachmentDescription]
    client_id: str | None
    provider_at: datetime | None
    arrived_at: datetime
    delivery_state: DeliveryState | None


class PostedMessage(BaseModel):
    """Where a message of ours went. `duplicate`: it was sent before, and this is the first result."""

    conversation_id: UUID
    message_id: UUID
    sequence: int
    arrived_at: datetime
    client_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What a channel needs to send one message. `try_number` counts from 1."""

    message_id: UUID
    conversation_id: UUID
    sequence: int
    channel: str
    channel_account_id: UUID
    contact_kind: str
    contact_value: str
    body: str
    attachments: tuple[dict[str, Any], ...]
    state: DeliveryState
    try_number: int


class MessageIn(BaseModel):
    """`client_id` is made by the sender: the same one again gives the first result."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"client_id": "7f3c", "body": "Good morning"}}
    )

    client_id: ClientId
    body: Body = ""
    expected_public_sequence: SequenceNumber | None = None
    attachments: list[UUID] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)


class NoteIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"client_id": "7f3d", "body": "Wants it by Friday"}}
    )

    client_id: ClientId
    body: Body = ""
    attachments: list[UUID] = Field(default_factory=list, max_length=MAX_ATTACHMENTS)


class StatusIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"status": "snoozed", "snoozed_until": "2099-01-01T09:00:00Z"}}
    )

    status: Literal["open", "pending", "on_hold", "snoozed"]
    snoozed_until: datetime | None = None


class ResolveIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"disposition": "answered"}})

    disposition: Disposition


class CategoryIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"category": "billing"}})

    category: Category


class MergeIn(BaseModel):
    """`into` goes on. `other_customer` is a supervisor's yes to joining the conversations of two customers."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"into": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10"}}
    )

    into: UUID
    other_customer: StrictBool = False


class ReadIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"sequence": 3}})

    sequence: SequenceNumber
