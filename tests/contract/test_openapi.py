"""The OpenAPI document: complete, and true about who may call what."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.config import Settings
from app.main import create_app
from tests.contract.public_operations import PUBLIC

METHODS = ("get", "post", "put", "patch", "delete")


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    settings = Settings(DATABASE_URL=database_url, secret_key=SecretStr("x" * 32))  # type: ignore[call-arg]
    made = create_app(settings)
    async with made.router.lifespan_context(made):
        yield made


def test_every_operation_says_who_may_call_it() -> None:
    document = create_app(Settings()).openapi()
    public = {(method, path) for method, path, operation in operations(document) if operation.get("security") == []}
    silent = {(method, path) for method, path, operation in operations(document) if "security" not in operation}
    assert silent == set()
    assert public == set(PUBLIC)


def test_every_operation_has_a_summary_and_tells_its_errors() -> None:
    document = create_app(Settings()).openapi()
    for method, path, operation in operations(document):
        assert operation["summary"], f"{method} {path}"
        if operation["security"]:
            assert "401" in operation["responses"], f"{method} {path}"


def test_operation_ids_are_readable_and_none_is_ever_renamed() -> None:
    ids = [operation["operationId"] for _, _, operation in operations(create_app(Settings()).openapi())]
    assert len(set(ids)) == len(ids)
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", each)] == []
    known = (Path(__file__).parent / "operations.txt").read_text().split()
    assert set(known) - set(ids) == set(), "generated clients call these by name"
    assert set(ids) - set(known) == set(), "add the new ones to operations.txt"


def test_every_body_shows_an_example() -> None:
    document = create_app(Settings()).openapi()
    for method, path, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            schema = document["components"]["schemas"][name] if name else content["schema"]
            is_file = schema.get("format") == "binary" or any(
                "contentMediaType" in field or field.get("format") == "binary"
                for field in schema.get("properties", {}).values()
            )
            assert is_file or "example" in schema, f"{method} {path}"


def test_a_file_may_be_of_any_type() -> None:
    follow = create_app(Settings()).openapi()["paths"]["/v1/files/{signed}"]["get"]
    assert list(follow["responses"]["200"]["content"]) == ["*/*"]


def test_everything_the_document_refers_to_is_in_it() -> None:
    document = create_app(Settings()).openapi()
    referred = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(document)))
    assert referred - set(document["components"]["schemas"]) == set()
    assert "request_id" in document["components"]["schemas"]["Problem"]["properties"]


async def test_a_stranger_gets_401_before_anything_else(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path, operation in operations(app.openapi()):
            if operation["security"] == []:
                continue
            url = path.format(**{p["name"]: UUID(int=0) for p in operation.get("parameters", []) if p["in"] == "path"})
            answer = await client.request(
                method, url, content=b"not even json", headers={"content-type": "application/json"}
            )
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), path
