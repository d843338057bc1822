"""What may be asked for over a socket: the strict data of each command that has no schema elsewhere, and its name."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.channels.chat.schemas import WidgetMessageIn
from app.conversations.schemas import MAX_ATTACHMENTS, ClientId, SequenceNumber
from app.core.plain_text import NO_NUL
from app.events.routing import Readiness

MAX_BODY_CHARACTERS = 10_000

# Whether it may be empty is for the service to say: a file can speak for itself.
Body = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_BODY_CHARACTERS)]
AttachmentIds = Annotated[tuple[UUID, ...], Field(max_length=MAX_ATTACHMENTS)]
# PostgreSQL stores no NUL.
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=NO_NUL)]
OfferToken = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


class CommandData(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfferAccept(CommandData):
    offer_id: UUID
    token: OfferToken


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
    body: Body = ""
    attachments: AttachmentIds = ()
    expected_public_sequence: SequenceNumber | None = None


class NoteAdd(CommandData):
    conversation_id: UUID
    client_id: ClientId
    body: Body = ""
    attachments: AttachmentIds = ()


class ConversationReadMark(CommandData):
    conversation_id: UUID
    sequence: SequenceNumber


class PassingSignal(CommandData):
    """Typing or viewing: told to others in the conversation, never stored."""

    conversation_id: UUID
    on: bool


class VisitorTyping(CommandData):
    on: bool


class VisitorMark(CommandData):
    sequence: SequenceNumber


AGENT_SIGNALS = {"typing": PassingSignal, "viewing": PassingSignal}
"""Beside the commands of app/realtime/service/agent_commands.py."""
VISITOR_COMMANDS: dict[str, type[BaseModel]] = {
    "message.send": WidgetMessageIn,
    "typing": VisitorTyping,
    "delivered": VisitorMark,
    "read": VisitorMark,
}
