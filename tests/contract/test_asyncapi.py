"""The AsyncAPI document: valid, complete, and sharp enough to refuse what is not in it."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import jsonschema_rs
import pytest
from pydantic import TypeAdapter

from app.access.permissions import ROLE_SCOPES
from app.access.schemas import Principal
from app.core.config import Settings
from app.events.catalogue import EVENTS
from app.events.event import Event, Rights
from app.main import create_app
from app.ops.asyncapi.document import asyncapi_document
from app.realtime import frames
from app.realtime.audience import Delivery, Visitor, delivery_to_agent, delivery_to_visitor
from app.realtime.commands import VISITOR_COMMANDS
from app.realtime.event_data import AGENT_DATA, VISITOR_DATA
from app.realtime.service.agent_commands import AGENT_COMMANDS
from tests import protocol
from tests.protocol import AGENT, WEBHOOKS, WIDGET, Line, fault_of, judge_webhook, take_complaints
from tests.real_parts import published

META_SCHEMA = "@asyncapi/specs/schemas/3.0.0-without-$id.json"
META_SCHEMA_SHA256 = "abe96881dbfaad495ccbb6bd8d3fb43ca18a13b9d7564849ccb66f39d5e5b20f"
DOCUMENT = asyncapi_document()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
SOMEBODY = UUID(int=1)
CLIENT_TYPES = ("authenticate", "subscribe", "ping", "command")


@pytest.fixture(autouse=True)
def made_up_frames_are_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "seen", set())


def names_of(channel: str, prefix: str) -> set[str]:
    start = f"{channel}.{prefix}"
    return {name.removeprefix(start) for name in MESSAGES if name.startswith(start)}


def example(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(json.dumps(MESSAGES[name]["examples"][0]["payload"]))
    return payload


def test_the_document_is_valid_asyncapi() -> None:
    written = published(META_SCHEMA).read_bytes()
    assert hashlib.sha256(written).hexdigest() == META_SCHEMA_SHA256
    faults = jsonschema_rs.Draft7Validator(json.loads(written)).iter_errors(DOCUMENT)
    assert [f"{fault.instance_path}: {fault.message[:200]}" for fault in faults] == []


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_everything_the_document_refers_to_is_in_it() -> None:
    for reference in set(references(DOCUMENT)):
        found: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_operations_and_replies_name_only_messages_of_their_channel_and_together_all_of_them() -> None:
    named = set()
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        for message in [*operation["messages"], *operation.get("reply", {}).get("messages", [])]:
            assert message["$ref"].startswith(f"{channel}/messages/")
            named.add(message["$ref"])
    there = {
        f"#/channels/{name}/messages/{each}" for name, one in DOCUMENT["channels"].items() for each in one["messages"]
    }
    assert named == there


async def test_anybody_may_read_it() -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", DOCUMENT)


# --- complete --------------------------------------------------------------------------------------------------------


def test_every_event_of_the_catalogue_is_there_for_webhooks() -> None:
    assert names_of(WEBHOOKS, "") == {event.type for event in EVENTS} | {"webhook.test"}


def made(event: type[Event]) -> Event:
    """One about SOMEBODY, where it is about an agent."""
    values = example(f"{WEBHOOKS}.{event.type}")["data"]
    return event.model_validate(values | ({"agent_id": SOMEBODY} if "agent_id" in values else {}))


def reaches_agents(event: Event) -> bool:
    principal = Principal("agent", SOMEBODY, "admin", ROLE_SCOPES["admin"], "all")
    told = (Delivery.EVENT, Delivery.OFFER, Delivery.GAINED)
    return delivery_to_agent(principal, event, Rights(owner_id=SOMEBODY)) in told


def test_the_sockets_have_exactly_the_events_that_can_reach_their_readers() -> None:
    events = [made(event) for event in EVENTS]
    visitor = Visitor(contact_point_id=SOMEBODY, channel_account_id=SOMEBODY)
    for_visitors = {each.type for each in events if delivery_to_visitor(visitor, each, SOMEBODY) is Delivery.EVENT}
    assert (
        names_of(AGENT, "event.") == {each.type for each in AGENT_DATA} == {e.type for e in events if reaches_agents(e)}
    )
    assert names_of(WIDGET, "event.") == {each.type for each in VISITOR_DATA} == for_visitors


def test_every_command_is_there_with_its_answer() -> None:
    for channel, commands in ((AGENT, {*AGENT_COMMANDS, "typing", "viewing"}), (WIDGET, {*VISITOR_COMMANDS})):
        assert names_of(channel, "command.") == names_of(channel, "result.") == commands


def test_every_kind_of_frame_is_there() -> None:
    kinds = {
        model.model_fields["type"].default
        for model in vars(frames).values()
        if isinstance(model, type)
        and issubclass(model, frames.Frame)
        and "type" in model.model_fields
        and isinstance(model.model_fields["type"].default, str)
    }
    there = {example(f"{channel}.{name}")["type"] for channel in (AGENT, WIDGET) for name in names_of(channel, "")}
    assert there == {*kinds, *CLIENT_TYPES}


def test_every_close_code_has_its_meaning() -> None:
    codes = {value for name, value in vars(frames.Close).items() if name.isupper()}
    assert codes | {1002, 1007} == set(frames.CLOSE_MEANINGS)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_message_has_an_example_that_is_as_it_says(name: str) -> None:
    (given,) = MESSAGES[name]["examples"]
    for part, value in given.items():
        assert fault_of(name, value, part) is None


@pytest.mark.parametrize("name", sorted(name for name in MESSAGES if example(name).get("type") in CLIENT_TYPES))
def test_what_a_client_may_send_is_what_the_server_takes(name: str) -> None:
    parsed = frames.parse_incoming(json.dumps(example(name)))
    channel, _, command = name.partition(".command.")
    if isinstance(parsed, frames.Command):
        tables = {AGENT: {n: each.data for n, each in AGENT_COMMANDS.items()}, WIDGET: VISITOR_COMMANDS}
        TypeAdapter(tables[channel].get(command, dict)).validate_python(parsed.data)


# --- sharp -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_member_too_many_or_a_missing_one_is_found(name: str) -> None:
    given = example(name)
    assert fault_of(name, {**given, "surprise": 1}) is not None
    for member in SCHEMAS[MESSAGES[name]["payload"]["$ref"].rpartition("/")[2]]["required"]:
        assert fault_of(name, {key: value for key, value in given.items() if key != member}) is not None


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        (f"{AGENT}.event.message.received", ("data", "message", "author", "email"), "ada@example.com"),
        (f"{AGENT}.event.message.received", ("data", "sequence"), "three"),
        (f"{AGENT}.event.sla.clocks_changed", ("data", "sla", "due_at"), "tomorrow"),
        (f"{AGENT}.board", ("queues", 0, "queue", "id"), "no id"),
        (f"{AGENT}.snapshot", ("conversations", 0, "status"), "lost"),
        (f"{WIDGET}.event.message.posted", ("data", "author_id"), str(SOMEBODY)),
        (f"{WEBHOOKS}.sla.breached", ("data", "customer_name"), "Ada"),
    ],
)
def test_what_is_wrong_deep_inside_is_found(name: str, path: tuple[str | int, ...], value: Any) -> None:
    given = example(name)
    assert fault_of(name, given) is None
    place: Any = given
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert fault_of(name, given) is not None


def test_a_line_complains_of_unknown_frames_events_and_answers_nobody_asked_for() -> None:
    line = Line("ws://desk/v1/socket", strict=True)
    line.hears(json.dumps({"type": "gossip"}))
    line.hears(json.dumps({**example(f"{AGENT}.event.note.added"), "event": "note.burnt"}))
    line.hears(json.dumps(example(f"{AGENT}.result.note.add")))
    line.says('{"type":"ping","loud":true}')
    line.says("hello")
    assert len(take_complaints()) == 5
    line.says(json.dumps(example(f"{AGENT}.command.note.add")))
    line.hears(json.dumps(example(f"{AGENT}.result.note.add")))
    assert take_complaints() == []


def test_a_server_that_takes_what_the_document_refuses_is_found() -> None:
    line = Line("ws://desk/v1/widget/socket?key=pk", strict=False)
    wrong = example(f"{WIDGET}.command.read")
    wrong["data"]["sequence"] = -1
    line.says(json.dumps(wrong))
    line.hears(json.dumps(example(f"{WIDGET}.refused")))
    assert take_complaints() == []
    line.hears(json.dumps(example(f"{WIDGET}.result.read")))
    assert len(take_complaints()) == 1


def test_a_webhook_with_an_unknown_event_or_header_is_found() -> None:
    headers = dict(MESSAGES[f"{WEBHOOKS}.note.added"]["examples"][0]["headers"])
    body = example(f"{WEBHOOKS}.note.added")
    judge_webhook({**headers, "content-length": "7"}, json.dumps(body).encode())
    assert take_complaints() == []
    judge_webhook({**headers, "webhook-signature": "none"}, json.dumps({**body, "type": "note.burnt"}).encode())
    assert len(take_complaints()) == 2
