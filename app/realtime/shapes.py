"""What the frames hold: who somebody is, what a visitor may see, and the answers to commands."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.access.schemas import PrincipalKind, Visibility
from app.conversations.schemas import AttachmentDescription
from app.events.conversations import DeliveryState, MessageClass, Status


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- who is on the line ----------------------------------------------------------------------------------------------


class AgentIdentity(Shape):
    """`name` is empty for an API key."""

    kind: PrincipalKind
    id: UUID
    name: str
    role: str
    visibility: Visibility
    team_id: UUID | None
    scopes: list[str]


class VisitorIdentity(Shape):
    kind: Literal["visitor"] = "visitor"
    id: UUID


# --- what a visitor may see ------------------------------------------------------------------------------------------


class PublicName(Shape):
    name: str


class PublicConversation(Shape):
    id: UUID
    number: int
    status: Status
    agent: PublicName | None


class PublicQueue(Shape):
    """`names` by language tag. A `queue` frame tells the rest, in whole minutes: `position` 1 is next; half of those
    who stand there wait no longer than `eta_p50_seconds`, nine of ten no longer than `eta_p90_seconds`. Null: not
    known."""

    name: str
    names: dict[str, str]
    position: int | None = None
    eta_p50_seconds: int | None = None
    eta_p90_seconds: int | None = None


class PublicMessage(Shape):
    """A message as its customer may see it."""

    id: UUID
    conversation_id: UUID
    sequence: int
    message_class: MessageClass
    direction: Literal["inbound", "outbound", "internal"]
    body: str
    attachments: list[AttachmentDescription]
    client_id: str | None
    provider_at: datetime | None
    arrived_at: datetime
    delivery_state: DeliveryState | None
    author: PublicName | None


# --- answers to commands ---------------------------------------------------------------------------------------------


class OfferSettled(Shape):
    offer_id: UUID
    conversation_id: UUID


class VisitorPosted(Shape):
    """`duplicate`: it was sent before, and this is the first result."""

    conversation_id: UUID
    message_id: UUID
    sequence: int
    client_id: str
    duplicate: bool


class SignalTaken(Shape):
    """`dropped` is there, and true, when signals come faster than they are passed on."""

    dropped: bool = False
