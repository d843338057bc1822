"""An example of each message, made from its schema, so that no example can be out of date."""

import hashlib
from typing import Any

Json = dict[str, Any]

INSTANT = "2026-11-22T06:00:00Z"
WORDS = {
    "amount": "20.00",
    "body": "Good morning",
    "brand": "shop",
    "category": "billing",
    "cause_code": "staffing",
    "channel": "chat",
    "client_id": "7f3c",
    "code": "offer_expired",
    "currency": "CNY",
    "detail": "",
    "disposition": "answered",
    "first_words": "Where is my order?",
    "id": "c1",
    "key": "8f2e",
    "kind": "email",
    "language": "en",
    "metric": "first_reply",
    "name": "Wu Gang",
    "policy": "Shop",
    "position": "1-5401",
    "preview": "Where is my order?",
    "reason": "",
    "request_id": "01a202b6cb50",
    "role": "agent",
    "threshold": "75%",
    "title": "Conflict",
    "token": "sbs_3x4mpl3",
    "type": "/docs/errors#offer_expired",
    "after": "1-5400",
    "why": "skills",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    "webhook-timestamp": "1795341600",
}
"""What a text stands for, by the member that holds it."""


def example_of(schema: Json, schemas: Json, name: str = "") -> Any:
    """A value the schema takes; `name`: the member it is for. All members are there, and lists hold one item."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas, name)
    return _of_type(schema, schemas, name)


def _of_type(schema: Json, schemas: Json, name: str) -> Any:
    match schema.get("type"):
        case "object":
            return {each: example_of(one, schemas, each) for each, one in schema.get("properties", {}).items()}
        case "array":
            return _list_of(schema, schemas, name)
        case "boolean":
            return True
        case "integer" | "number":
            return _number(schema, name)
        case "string":
            return _text(schema, name)
        case _:
            return None


def _list_of(schema: Json, schemas: Json, name: str) -> list[Any]:
    items = schema.get("items", {})
    if isinstance(items, list):
        return [example_of(each, schemas, name) for each in items]
    return [example_of(items, schemas, name.removesuffix("s"))]


def _number(schema: Json, name: str) -> int:
    named = {"heartbeat_seconds": 15, "protocol": 1, "status": 409, "priority": 5}
    return max(int(schema.get("minimum", 0)), named.get(name, 3))


def _text(schema: Json, name: str) -> str:
    if schema.get("format") == "uuid":
        return _uuid(name)
    if schema.get("format") == "date-time":
        return INSTANT
    return WORDS.get(name, "")


def _uuid(name: str) -> str:
    """The same for the same name, so that a conversation has one id throughout the document."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"019ab3f0-{digits[:4]}-7{digits[4:7]}-9{digits[7:10]}-{digits[10:22]}"
