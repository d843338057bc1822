"""The AsyncAPI document as the judge of every frame that our tests' clients and browsers send and hear."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from websockets.asyncio.client import ClientConnection

AGENT, WIDGET, WEBHOOKS = "agentSocket", "widgetSocket", "webhooks"

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

complaints: list[str] = []
"""What did not match the document. A fixture for all tests looks here at the end of each."""
seen: set[str] = set()
"""Messages of the document that were met and matched: `agentSocket.event.message.posted`."""


@cache
def judge_of(message: str, part: str = "payload") -> jsonschema_rs.Draft7Validator | None:
    """None: the document knows no such message."""
    components = _components()
    if message not in components["messages"]:
        return None
    reference = components["messages"][message][part]
    schema = {**reference, "components": {"schemas": components["schemas"]}}
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True, formats={"uuid": is_uuid})


def is_uuid(text: str) -> bool:
    """Draft 07 has no such format yet; AsyncAPI lets us use it."""
    return UUID_TEXT.fullmatch(text) is not None


def _components() -> dict[str, Any]:
    # Here, so that tests without a socket do not pay for it.
    from app.ops.asyncapi.document import asyncapi_document

    components: dict[str, Any] = asyncapi_document()["components"]
    return components


def unseen() -> list[str]:
    return sorted(set(_components()["messages"]) - seen)


def fault_of(message: str, value: Any, part: str = "payload") -> str | None:
    """What the document has against it, if anything."""
    judge = judge_of(message, part)
    if judge is None:
        return f"{message} is not in the document: {value}"
    fault = next(iter(judge.iter_errors(value)), None)
    if fault is not None:
        return f"{message}: {'.'.join(map(str, fault.instance_path))}: {fault.message} in {value}"
    return None


def meet(message: str, value: Any) -> str | None:
    """As `fault_of`, of what really went over the line."""
    fault = fault_of(message, value)
    if fault is None:
        seen.add(message)
    return fault


class Line:
    """The frames of one socket. `strict`: its client is ours, and never sends what the document does not know.

    Other clients make mistakes on purpose; but a command the document refuses, the server must refuse as well.
    """

    def __init__(self, url: str, *, strict: bool) -> None:
        self._channel = WIDGET if "/v1/widget/socket" in url else AGENT
        self._strict = strict
        self._asked: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        """By the id of the command."""

    def says(self, text: str | bytes) -> None:
        try:
            frame = json.loads(text)
            name = f"command.{frame['name']}" if frame["type"] == "command" else frame["type"]
        except (ValueError, TypeError, KeyError):
            self._complain(f"{self._channel}: {text!r} is no frame" if self._strict else None)
            return
        fault = meet(f"{self._channel}.{name}", frame)
        self._complain(fault if self._strict else None)
        if frame["type"] == "command":
            self._asked[frame.get("id")] = frame["name"]
            if fault is not None:
                self._faults[frame.get("id")] = fault

    def hears(self, text: str | bytes) -> None:
        frame = json.loads(text)
        self._complain(meet(f"{self._channel}.{self._name_of(frame)}", frame))
        if frame["type"] == "result" and frame["ok"] and frame["id"] in self._faults:
            self._complain(f"The server took what the document does not: {self._faults[frame['id']]}")

    def _name_of(self, frame: Mapping[str, Any]) -> str:
        match frame["type"]:
            case "event":
                return f"event.{frame['event']}"
            case "result":
                return f"result.{self._asked.get(frame['id'])}" if frame["ok"] else "refused"
            case other:
                return str(other)

    @staticmethod
    def _complain(fault: str | None) -> None:
        if fault is not None:
            complaints.append(fault[:2_000])


class JudgedConnection(ClientConnection):
    """A client's connection of which every frame is judged; a false one fails the test, not the connection."""

    line: Line | None = None

    async def send(self, message: Any, *args: Any, **options: Any) -> None:
        self._line().says(message)
        await super().send(message, *args, **options)

    async def recv(self, *args: Any, **options: Any) -> Any:
        text = await super().recv(*args, **options)
        self._line().hears(text)
        return text

    def _line(self) -> Line:
        if self.line is None:
            assert self.request is not None
            self.line = Line(self.request.path, strict=False)
        return self.line


def judge_webhook(headers: Mapping[str, str], body: bytes) -> None:
    """A delivery as its receiver got it."""
    value = json.loads(body)
    message = f"{WEBHOOKS}.{value['type']}"
    sent = {name: value for name, value in headers.items() if name.startswith("webhook-")}
    for fault in (meet(message, value), fault_of(message, sent, "headers")):
        if fault is not None:
            complaints.append(fault)


def take_complaints() -> list[str]:
    taken = list(complaints)
    complaints.clear()
    return taken
