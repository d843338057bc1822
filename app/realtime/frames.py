"""Every frame of both sockets as a strict model; docs/realtime.md shows each with an example."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.realtime.shapes import AgentIdentity, PublicConversation, PublicMessage, PublicQueue, VisitorIdentity
from app.routing.schemas import OfferView, PresenceView
from app.sla.schemas import ClockedSummary

PROTOCOL = 1
HEARTBEAT_SECONDS = 15
MAX_FRAME_BYTES = 64 * 1024
MAX_REASON_CHARACTERS = 120  # a close frame carries 123 bytes

Json = dict[str, Any]


class Close:
    """Close codes. 1009, 1012 and 1013 are the protocol's own."""

    FRAME_TOO_LARGE = 1009
    RESTARTING = 1012
    SLOW_READER = 4290
    MALFORMED = 4400
    NOT_AUTHENTICATED = 4401
    NOT_ALLOWED = 4403
    TOO_LATE = 4408
    TOO_MANY = 4429
    TRY_AGAIN_LATER = 1013


CLOSE_MEANINGS = {
    1002: "Not the WebSocket protocol: unmasked, a control frame in parts, an unknown opcode.",
    1007: "A text that is no UTF-8.",
    Close.FRAME_TOO_LARGE: "A frame over 64 KiB.",
    Close.RESTARTING: "Restart; come back after `retry_after_ms`.",
    Close.TRY_AGAIN_LATER: "A part we need does not answer; try again later.",
    Close.SLOW_READER: "1,000 frames or 4 MiB were waiting for you. Reconnect and resume.",
    Close.MALFORMED: "No frame of ours; the reason says which part. A bug in the client.",
    Close.NOT_AUTHENTICATED: "Unknown, expired or revoked token. Log in again.",
    Close.NOT_ALLOWED: "Known, but a scope is missing.",
    Close.TOO_LATE: "No authentication in 10 s, or no frame for 45 s. Reconnect.",
    Close.TOO_MANY: "Over 20 frames a second, 60 at once; or the oldest of more than 20 sockets of one person.",
}
"""For clients: the first two are the WebSocket engine's own."""


class Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def text(self) -> str:
        return self.model_dump_json()


# --- from the client -------------------------------------------------------------------------------------------------


class Authenticate(Frame):
    type: Literal["authenticate"]
    token: str = Field(min_length=1, max_length=4096)


class Subscribe(Frame):
    """`after`: the last position the client applied; null asks for a snapshot."""

    type: Literal["subscribe"]
    after: str | None = Field(default=None, max_length=64)
    board: bool = False


class Ping(Frame):
    type: Literal["ping"]


class Command(Frame):
    """`id` names the answer on this socket; `key` makes a repeat safe on any socket. `data` is the command's own."""

    type: Literal["command"]
    id: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=64)
    key: str | None = Field(default=None, min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")
    data: Json = Field(default_factory=dict)


Incoming = Annotated[Authenticate | Subscribe | Ping | Command, Field(discriminator="type")]
_INCOMING: TypeAdapter[Authenticate | Subscribe | Ping | Command] = TypeAdapter(Incoming)


class MalformedFrame(Exception):
    """The frame is no frame of ours. The message says what is wrong with it, short enough for a close frame."""


def parse_incoming(text: str) -> Authenticate | Subscribe | Ping | Command:
    try:
        return _INCOMING.validate_json(text)
    except ValidationError as error:
        raise MalformedFrame(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """One line about the first thing wrong: where, then what. Never repeats what was sent."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}".removeprefix(": ")[:MAX_REASON_CHARACTERS]


# --- positions -------------------------------------------------------------------------------------------------------


def position_text(incarnation: int, number: int) -> str:
    return f"{incarnation}-{number}"


def parse_position(text: str) -> tuple[int, int]:
    """(incarnation, number). Raises MalformedFrame."""
    incarnation, dash, number = text.partition("-")
    if not (dash and incarnation.isascii() and incarnation.isdigit() and number.isascii() and number.isdigit()):
        raise MalformedFrame('after: expected a position such as "1-5321"')
    if len(incarnation) > 9 or len(number) > 18:
        raise MalformedFrame("after: no position is that large")
    return int(incarnation), int(number)


# --- to the client ---------------------------------------------------------------------------------------------------


class Hello(Frame):
    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    heartbeat_seconds: int = HEARTBEAT_SECONDS
    server_time: datetime
    incarnation: int


class AgentHello(Hello):
    principal: AgentIdentity


class VisitorHello(Hello):
    principal: VisitorIdentity


class AgentSnapshot(Frame):
    """Holds the effects of every event up to `position`, and maybe of some that follow it."""

    type: Literal["snapshot"] = "snapshot"
    position: str
    conversations: list[ClockedSummary]
    offers: list[OfferView]
    presence: PresenceView | None


class VisitorSnapshot(Frame):
    type: Literal["snapshot"] = "snapshot"
    position: str
    conversation: PublicConversation | None
    messages: list[PublicMessage]
    queue: PublicQueue | None


class CaughtUp(Frame):
    type: Literal["caught_up"] = "caught_up"
    position: str


ResyncReason = Literal["too_old", "incarnation", "rights_changed", "log_gap"]


class ResyncRequired(Frame):
    type: Literal["resync_required"] = "resync_required"
    reason: ResyncReason


class EventFrame(Frame):
    type: Literal["event"] = "event"
    position: str
    id: UUID
    event: str
    version: int
    at: datetime
    data: Json


class Removed(Frame):
    type: Literal["removed"] = "removed"
    position: str
    conversation_id: UUID


class Who(Frame):
    """`id` is null towards visitors: they learn a display name and nothing else."""

    kind: Literal["agent", "customer"]
    id: UUID | None
    name: str


class Signal(Frame):
    """Passing by: not in the log, never replayed."""

    type: Literal["signal"] = "signal"
    name: Literal["typing", "viewing"]
    conversation_id: UUID
    who: Who
    on: bool


class Board(Frame):
    type: Literal["board"] = "board"
    as_of: datetime
    timezone: str
    queues: list[Json]
    agents: list[Json]
    sla: Json


class InLine(Frame):
    """To a visitor whose conversation waits, whenever the line moved. `queue` null: it stands in line no more."""

    type: Literal["queue"] = "queue"
    conversation_id: UUID
    queue: PublicQueue | None


class Pong(Frame):
    """`position`: everything up to it has been put on this socket, also when nothing of it was for this client."""

    type: Literal["pong"] = "pong"
    server_time: datetime
    position: str | None = None


class Result(Frame):
    type: Literal["result"] = "result"
    id: str
    ok: Literal[True] = True
    data: Json
    events: list[UUID]


class Refused(Frame):
    type: Literal["result"] = "result"
    id: str
    ok: Literal[False] = False
    problem: Json


ByeReason = Literal[
    "slow_reader",
    "session_ended",
    "shutting_down",
    "heartbeat",
    "replaced",
    "malformed",
    "too_many",
    "too_late",
    "unavailable",
]


class Bye(Frame):
    """The last frame. `position`: the last one handed to the network; come back after `retry_after_ms`."""

    type: Literal["bye"] = "bye"
    reason: ByeReason
    position: str | None = None
    retry_after_ms: int = Field(default=0, ge=0)
    detail: str = ""
