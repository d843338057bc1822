"""What may be asked for over a socket: the strict data of each command that has no schema elsewhere."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.events.routing import Readiness

MAX_BODY_CHARACTERS = 10_000

Body = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_BODY_CHARACTERS)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
Sequence = Annotated[int, Field(ge=0, le=2_147_483_647)]


class CommandData(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfferAccept(CommandData):
    offer_id: UUID
    token: str = Field(max_length=200)


class OfferDecline(OfferAccept):
    reason: Reason


class PresenceSet(CommandData):
    readiness: Readiness
    reason: Reason = ""


class Nothing(CommandData):
    pass


class MessageSend(CommandData):
    """`client_id` is made by the page: sending the same one again gives the first message."""

    conversation_id: UUID
    client_id: ClientId
    body: Body
    expected_public_sequence: Sequence | None = None


class NoteAdd(CommandData):
    conversation_id: UUID
    client_id: ClientId
    body: Body


class ConversationReadMark(CommandData):
    conversation_id: UUID
    sequence: Sequence


class PassingSignal(CommandData):
    """Typing or viewing: told to others in the conversation, never stored."""

    conversation_id: UUID
    on: bool


class VisitorTyping(CommandData):
    on: bool


class VisitorMark(CommandData):
    sequence: Sequence
