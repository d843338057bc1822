"""Requests that a fool or an attacker could send, derived from the OpenAPI document: the same ones every time."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from app.core.http import BODY_LIMIT_BYTES, encode_cursor

Json = dict[str, Any]
T = TypeVar("T")
METHODS = ("get", "post", "put", "patch", "delete")
UNKNOWN_ID = "019ab3f0-0000-7000-8000-00000000dead"
JSON = "application/json"

# Each stands for a way of its own to go wrong: a type, a range, a character, a length. Every field gets the first
# ones, and some of the others that depend on its name only.
ALWAYS: tuple[Any, ...] = (None, 2**63, 10**400, float("inf"), "a\0b", "\ud800 and nine more", ["\0"], {"\ud800": "\0"})
SOMETIMES: tuple[Any, ...] = (
    True, -1, 2**31, float("nan"), "", "🫖" * 150, "x" * 100_000, "<script>alert(1)</script>", UNKNOWN_ID,
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01", [None], ["\ud800"], [UNKNOWN_ID] * 2,
    {"\0": "\0"}, {"en": "a\0b"}, {UNKNOWN_ID: 5},
)  # fmt: skip
TEXTS = ("%00", "a%00b", "%ff", "%ed%a0%80", "-1", "9" * 30, "x" * 500, "..%2f..%2fetc%2fpasswd", UNKNOWN_ID, "W10")
CURSORS = tuple(
    encode_cursor(*values)
    for values in (
        (), ("\0", UNKNOWN_ID), ("\ud800", UNKNOWN_ID), ("routing", 2**70), ("\0", 1), ("x", "y"), (UNKNOWN_ID,),
        ("9999-12-31T23:59:59-14:00", UNKNOWN_ID), ("0001-01-01T00:00:00+14:00", UNKNOWN_ID),
    )
)  # fmt: skip
HEADERS = (
    ("X-Request-Id", "\xff\xfe"), ("X-Request-Id", "x" * 5_000), ("Origin", "http://["), ("Origin", "\xff"),
    ("Cookie", "switchboard_session=\xff"), ("X-Forwarded-For", "\xff, ]["), ("Content-Encoding", "gzip"),
)  # fmt: skip
DOCUMENTS: tuple[tuple[bytes, str], ...] = (
    (b"", JSON), (b"{", JSON), (b"null", JSON), (b"[]", JSON), (b"NaN", JSON), (b"\xed\xa0\x80", JSON),
    (b"[" * 100_000, JSON), (b'{"n":' + b"9" * 5_000 + b"}", JSON), (b"{" + b" " * BODY_LIMIT_BYTES + b"}", JSON),
    (b"a=b", "text/plain"), (b"--x", "multipart/form-data"), (b"{", "application/\xff"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """`refused`: nothing good can come of it, so the answer is an error and no row may change."""

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.url[:200]} {(self.body or b'')[:120]!r} {dict(self.headers)}"


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    id: str
    is_public: bool
    parameters: list[Json]
    example: Json | None
    fields: tuple[str, ...]

    def with_ids(self, ids: Mapping[str, str]) -> str:
        return self.path.format(**{p["name"]: ids.get(p["name"], UNKNOWN_ID) for p in self._in("path")})

    def _in(self, place: str) -> list[Json]:
        return [parameter for parameter in self.parameters if parameter["in"] == place]

    def _request(self, url: str, body: Any = None, **options: Any) -> Request:
        if body is None:
            body = self.example
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = (
            {"Content-Type": JSON, **options.pop("headers", {})} if raw is not None else options.pop("headers", {})
        )
        return Request(self.method, url, raw, headers, **options)

    def _some(self, choice: Sequence[T], number: int, name: str) -> list[T]:
        """Others for another operation, so that each is sent somewhere; for this one always the same."""
        return random.Random(f"{self.id} {name}").sample(choice, number)

    def plain(self, ids: Mapping[str, str]) -> Request:
        """The documented example."""
        return self._request(self.with_ids(ids))

    def few(self, ids: Mapping[str, str]) -> Iterator[Request]:
        """What anybody may try: the example on unknown ids, and no JSON at all."""
        for name in ids:
            if f"{{{name}}}" in self.path:
                yield self._request(self.with_ids({**ids, name: UNKNOWN_ID}))
                yield self._request(self.path.replace(f"{{{name}}}", "a%00b").format_map(ids), refused=True)
        if self.example is not None:
            yield self._request(self.with_ids(ids), b"{", refused=True)
            yield self._request(self.with_ids(ids), {**self.example, next(iter(self.example)): "\0"})

    def many(self, ids: Mapping[str, str]) -> Iterator[Request]:
        yield from self.few(ids)
        yield from self._bad_addresses(ids)
        yield from self._bad_headers(ids)
        if self.example is not None:
            yield from self._bad_bodies(ids)

    def _bad_addresses(self, ids: Mapping[str, str]) -> Iterator[Request]:
        for parameter in self._in("path"):
            for text in self._some(TEXTS, 2, parameter["name"]):
                yield self._request(self.path.replace(f"{{{parameter['name']}}}", text).format_map(ids))
        for parameter in self._in("query"):
            cursors = self._some(CURSORS, 3, "cursor") if parameter["name"] == "cursor" else ()
            for text in (*self._some(TEXTS, 2, parameter["name"]), *cursors):
                yield self._request(f"{self.with_ids(ids)}?{quote(parameter['name'])}={text}")
            yield self._request(f"{self.with_ids(ids)}?{urlencode([(parameter['name'], 'open')] * 2_000)}")

    def _bad_headers(self, ids: Mapping[str, str]) -> Iterator[Request]:
        url = self.with_ids(dict.fromkeys(ids, UNKNOWN_ID))
        for parameter in self._in("header"):
            for text in ("", "\xff", '"-1"', "9" * 30, "x" * 300):
                yield self._request(url, headers={parameter["name"]: text})
        for name, text in self._some(HEADERS, 2, "headers"):
            yield self._request(url, headers={name: text})

    def _bad_bodies(self, ids: Mapping[str, str]) -> Iterator[Request]:
        assert self.example is not None
        url = self.with_ids(ids)
        for document, content_type in self._some(DOCUMENTS, 3, "documents"):
            yield self._request(url, document, headers={"Content-Type": content_type}, refused=True)
        for name in ("\ud800", "no_such_field"):
            yield self._request(url, {**self.example, name: name}, refused="login" not in self.example)
        for name in self.fields:
            for value in (*ALWAYS, *self._some(SOMETIMES, 1, name)):
                yield self._request(url, {**self.example, name: value})


def operations_of(document: Json) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(document, method, path, item[method])


def _operation(document: Json, method: str, path: str, given: Json) -> Operation:
    schema = given.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return Operation(
        method=method.upper(),
        path=path,
        id=given["operationId"],
        is_public=given.get("security") == [],
        parameters=given.get("parameters", []),
        example=schema.get("example"),
        fields=tuple(schema.get("properties", ())),
    )
