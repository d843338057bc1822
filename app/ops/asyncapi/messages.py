"""Every message of both sockets and of the webhooks, with the model of its payload; read from the code's own tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_type_hints
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict

from app.core.http import Problem
from app.events.catalogue import EVENTS
from app.events.event import Event
from app.realtime import frames
from app.realtime.commands import AGENT_SIGNALS, VISITOR_COMMANDS, VisitorMark
from app.realtime.event_data import AGENT_DATA, VISITOR_DATA
from app.realtime.frames import Frame
from app.realtime.service.agent_commands import AGENT_COMMANDS
from app.realtime.shapes import SignalTaken, VisitorPosted
from app.webhooks.matching import TEST_TYPE
from app.workspace.schemas import Wallboard


@dataclass(frozen=True, slots=True)
class Message:
    """`name` is its own within a channel."""

    name: str
    payload: type[BaseModel]
    title: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A command and its two answers."""

    command: Message
    result: Message


@dataclass(frozen=True, slots=True)
class Socket:
    """All that goes over one socket."""

    received: tuple[Message, ...]
    """Of the client, but for commands."""
    asked: tuple[Asked, ...]
    refused: Message
    sent: tuple[Message, ...]
    """To the client, but for answers."""

    def all_messages(self) -> list[Message]:
        answers = [each for asked in self.asked for each in (asked.command, asked.result)]
        return [*self.received, *answers, self.refused, *self.sent]


class Refusal(Problem):
    """RFC 9457, with members of its own where the error has more to tell."""

    model_config = ConfigDict(extra="allow")


class WebhookBody(BaseModel):
    """What is posted to an endpoint. `timestamp`: when it happened."""

    type: str
    timestamp: datetime
    data: dict[str, Any]


def _forget_default(schema: JsonDict) -> None:
    """A header that is not there has no value."""
    del schema["default"]


class WebhookHeaders(BaseModel):
    """`webhook-id` stays the same over retries and replays, and replays say so; `webhook-timestamp` is of this try,
    seconds since 1970."""

    id: UUID = Field(alias="webhook-id")
    timestamp: str = Field(alias="webhook-timestamp", pattern=r"^[0-9]{1,12}$")
    signature: str = Field(alias="webhook-signature", pattern=r"^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$")
    replayed: Literal["true"] = Field(default="true", alias="webhook-replayed", json_schema_extra=_forget_default)


class WebhookTestData(BaseModel):
    endpoint_id: UUID


REFUSED = create_model("RefusedFrame", __base__=frames.Refused, problem=(Refusal, ...))
BOARD = create_model(
    "BoardFrame",
    __base__=frames.Board,
    **{name: (field.annotation, ...) for name, field in Wallboard.model_fields.items()},  # type: ignore[call-overload]
)
FROM_ANY_CLIENT = (
    Message("authenticate", frames.Authenticate, "Who I am"),
    Message("subscribe", frames.Subscribe, "Begin, resume, or begin anew"),
    Message("ping", frames.Ping, "I am here"),
)
TO_ANY_CLIENT = (
    Message("caught_up", frames.CaughtUp, "The replay is complete; what follows is live"),
    Message("resync_required", frames.ResyncRequired, "Subscribe with `after: null`"),
    Message("signal", frames.Signal, "Somebody is typing or looking; never stored"),
    Message("pong", frames.Pong, "Everything up to `position` has been sent"),
    Message("bye", frames.Bye, "The last frame before a close of ours"),
)


def agent_socket() -> Socket:
    asked: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
        **{name: (each.data, get_type_hints(each.run)["return"]) for name, each in AGENT_COMMANDS.items()},
        **{name: (data, SignalTaken) for name, data in AGENT_SIGNALS.items()},
    }
    return Socket(
        received=FROM_ANY_CLIENT,
        asked=tuple(_asked("Agent", name, *each) for name, each in asked.items()),
        refused=Message("refused", REFUSED, "The command was refused"),
        sent=(
            Message("hello", frames.AgentHello, "Authenticated"),
            Message("snapshot", frames.AgentSnapshot, "All you start from, as of `position`"),
            *TO_ANY_CLIENT,
            Message("removed", frames.Removed, "You may not see this conversation any more"),
            Message("board", BOARD, "The wallboard, as GET /v1/wallboard"),
            *(_event("Agent", event, data) for event, data in AGENT_DATA.items()),
        ),
    )


def widget_socket() -> Socket:
    answers: dict[str, type[BaseModel]]
    answers = {"message.send": VisitorPosted, "typing": SignalTaken, "delivered": VisitorMark, "read": VisitorMark}
    return Socket(
        received=FROM_ANY_CLIENT,
        asked=tuple(_asked("Visitor", name, data, answers[name]) for name, data in VISITOR_COMMANDS.items()),
        refused=Message("refused", REFUSED, "The command was refused"),
        sent=(
            Message("hello", frames.VisitorHello, "Authenticated"),
            Message("snapshot", frames.VisitorSnapshot, "The running conversation, as of `position`"),
            *TO_ANY_CLIENT,
            Message("queue", frames.InLine, "Your place in line and the estimated wait"),
            *(_event("Visitor", event, data) for event, data in VISITOR_DATA.items()),
        ),
    )


def webhooks() -> tuple[Message, ...]:
    posted = tuple(_posted(event.type, event, summary_of(event)) for event in EVENTS)
    return (*posted, _posted(TEST_TYPE, WebhookTestData, "Sent on demand; it tells nothing"))


def summary_of(model: type[BaseModel]) -> str:
    """The first sentence of its docstring; "" without one."""
    return " ".join((model.__doc__ or "").split()).partition(". ")[0].removesuffix(".")


def _event(audience: str, event: type[Event], data: type[BaseModel]) -> Message:
    frame = create_model(
        f"{audience}{_camel(event.type)}Event",
        __base__=frames.EventFrame,
        event=(_only(event.type), ...),
        version=(_only(event.version), ...),
        data=(data, ...),
    )
    return Message(f"event.{event.type}", frame, summary_of(event) or event.type)


def _asked(audience: str, name: str, data: type[BaseModel], answer: type[BaseModel]) -> Asked:
    # Without members that must be there, `data` may be left out.
    optional = not any(field.is_required() for field in data.model_fields.values())
    command = create_model(
        f"{audience}{_camel(name)}Command",
        __base__=frames.Command,
        name=(_only(name), ...),
        data=(data, Field(default_factory=data) if optional else ...),
    )
    result = create_model(f"{audience}{_camel(name)}Result", __base__=frames.Result, data=(answer, ...))
    return Asked(Message(f"command.{name}", command, name), Message(f"result.{name}", result, name))


def _posted(event: str, data: type[BaseModel], title: str) -> Message:
    body = create_model(f"{_camel(event)}Webhook", __base__=WebhookBody, type=(_only(event), ...), data=(data, ...))
    return Message(event, body, title or event)


def _only(value: str | int) -> Any:
    """The type of this one value; types made at run time are none to a type checker."""
    return Literal[value]


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))


def is_ours(model: type[BaseModel]) -> bool:
    """Whether we are the ones who send it, always with all of its members."""
    sent_by_clients = (frames.Authenticate, frames.Subscribe, frames.Ping, frames.Command)
    return issubclass(model, Frame) and not issubclass(model, sent_by_clients)
