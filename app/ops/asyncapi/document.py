"""The AsyncAPI 3.0 document of the two sockets and the webhooks, made from the code's own types."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from app import __version__
from app.ops.asyncapi.examples import example_of
from app.ops.asyncapi.messages import (
    Asked,
    Message,
    Socket,
    WebhookHeaders,
    agent_socket,
    is_ours,
    webhooks,
    widget_socket,
)
from app.ops.asyncapi.schemas import schemas_of
from app.realtime.frames import CLOSE_MEANINGS

Json = dict[str, Any]

DESCRIPTION = """The two WebSocket endpoints and the webhooks, seen from the server: it receives what clients send.

Each frame is one JSON object in a text frame. `docs/realtime.md` tells the protocol in order, with what it promises;
`docs/webhooks.md` the same of webhooks. The HTTP API is described by `/openapi.json`.
"""
SECURITY: Json = {
    "token": {
        "type": "apiKey",
        "in": "password",
        "description": "A session token, an API key or a visitor token, in the first frame: `authenticate`.",
    },
    "cookie": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "switchboard_session",
        "description": "Of a log-in, from our own origin; `authenticate` may then be left out.",
    },
    "signature": {
        "type": "httpApiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "HMAC-SHA256 of id, timestamp and body under the endpoint's secret, as of Standard Webhooks.",
    },
}
SERVER: Json = {
    "host": "{host}",
    "protocol": "wss",
    "description": "Your installation; ws where it is reached without TLS.",
    "variables": {"host": {"default": "localhost:8080"}},
}
WIDGET_QUERY: Json = {
    "type": "object",
    "properties": {"key": {"type": "string", "description": "The public key of the channel account."}},
    "required": ["key"],
}
AGENT, WIDGET, WEBHOOKS = "agentSocket", "widgetSocket", "webhooks"


@cache
def asyncapi_document() -> Json:
    """To be read only: every caller gets the same object."""
    agent, widget, posted = agent_socket(), widget_socket(), webhooks()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchboard",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"installation": SERVER},
        "channels": {
            AGENT: _socket_channel("/v1/socket", "Agents' pages and API clients", AGENT, agent),
            WIDGET: _socket_channel("/v1/widget/socket", "A visitor's chat widget", WIDGET, widget, WIDGET_QUERY),
            WEBHOOKS: _webhook_channel(posted),
        },
        "operations": {
            **_socket_operations(AGENT, agent, ("token", "cookie")),
            **_socket_operations(WIDGET, widget, ("token",)),
            f"{WEBHOOKS}.post": _operation("send", WEBHOOKS, "What happened", posted, ("signature",)),
        },
        "components": _components({AGENT: agent.all_messages(), WIDGET: widget.all_messages(), WEBHOOKS: list(posted)}),
    }


def _components(channels: Mapping[str, Iterable[Message]]) -> Json:
    models = {each.payload for messages in channels.values() for each in messages} | {WebhookHeaders}
    by_name = sorted(models, key=lambda model: model.__name__)
    schemas = schemas_of(by_name, whole=[model for model in by_name if is_ours(model)])
    messages = {
        f"{channel}.{message.name}": _message(channel, message, schemas)
        for channel, messages in channels.items()
        for message in messages
    }
    return {"messages": messages, "schemas": schemas, "securitySchemes": SECURITY}


def _socket_channel(address: str, title: str, channel: str, socket: Socket, query: Json | None = None) -> Json:
    binding = {"method": "GET", "bindingVersion": "0.1.0", **({"query": query} if query else {})}
    return {
        "title": title,
        "address": address,
        "servers": [{"$ref": "#/servers/installation"}],
        "messages": _references(channel, socket.all_messages()),
        "bindings": {"ws": binding},
        "x-close-codes": [{"code": code, "meaning": meaning} for code, meaning in sorted(CLOSE_MEANINGS.items())],
    }


def _webhook_channel(posted: Iterable[Message]) -> Json:
    return {
        "title": "Webhooks",
        "description": "A signed POST to each address of yours that listens to the event.",
        "address": None,
        "messages": _references(WEBHOOKS, posted),
    }


def _references(channel: str, messages: Iterable[Message]) -> Json:
    return {each.name: {"$ref": f"#/components/messages/{channel}.{each.name}"} for each in messages}


def _socket_operations(channel: str, socket: Socket, security: Sequence[str]) -> Json:
    commands = {
        f"{channel}.{asked.command.name}": _command_operation(channel, asked, socket.refused, security)
        for asked in socket.asked
    }
    return {
        f"{channel}.receive": _operation("receive", channel, "Frames of the client", socket.received, security),
        f"{channel}.send": _operation("send", channel, "Frames of the server", socket.sent, security),
        **commands,
    }


def _command_operation(channel: str, asked: Asked, refused: Message, security: Sequence[str]) -> Json:
    operation = _operation("receive", channel, asked.command.title, (asked.command,), security)
    reply = {"channel": _channel(channel), "messages": _within(channel, (asked.result, refused))}
    return operation | {"reply": reply}


def _operation(action: str, channel: str, title: str, messages: Iterable[Message], security: Sequence[str]) -> Json:
    return {
        "action": action,
        "channel": _channel(channel),
        "title": title,
        "messages": _within(channel, messages),
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in security],
    }


def _channel(channel: str) -> Json:
    return {"$ref": f"#/channels/{channel}"}


def _within(channel: str, messages: Iterable[Message]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{each.name}"} for each in messages]


def _message(channel: str, message: Message, schemas: Json) -> Json:
    schema = message.payload.__name__
    example = {"payload": example_of(schemas[schema], schemas)}
    made = {"name": message.name, "title": message.title, "payload": {"$ref": f"#/components/schemas/{schema}"}}
    if channel == WEBHOOKS:
        headers = WebhookHeaders.__name__
        made["headers"] = {"$ref": f"#/components/schemas/{headers}"}
        example["headers"] = example_of(schemas[headers], schemas)
    return {**made, "examples": [example]}
