"""HTTP manners over a small application: commit before the answer, problems, limits, idempotency."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Response
from prometheus_client import REGISTRY
from pydantic import BaseModel, Field
from sqlalchemy import text

from app.core.act import system_act
from app.core.database import Database, SessionDep
from app.core.errors import Conflict, InvalidInput, TooManyRequests
from app.core.http import BODY_LIMIT_BYTES, NO_ROUTE, Manners, decode_cursor, encode_cursor, install_error_handlers
from app.core.idempotency import OnceDep
from tests.clocks import ManualClock


class Entry(BaseModel):
    word: str = Field(max_length=10)


class Count(BaseModel):
    words: int


def build(database: Database, clock: ManualClock) -> FastAPI:
    app = FastAPI()
    app.state.database = database
    install_error_handlers(app)

    async def insert(session: SessionDep, entry: Entry) -> Count:
        await session.execute(text("INSERT INTO entry VALUES (:word)"), {"word": entry.word})
        return Count(words=(await session.execute(text("SELECT count(*) FROM entry"))).scalar_one())

    @app.post("/entries")
    async def add(entry: Entry, session: SessionDep, once: OnceDep) -> Response:
        return await once(session, system_act(clock, "agent:1"), lambda: insert(session, entry), status=201)

    @app.post("/refused")
    async def refused(entry: Entry, session: SessionDep) -> Count:
        await insert(session, entry)
        raise Conflict("wrong_state", "Reopen it first.", state="closed")

    @app.post("/crash")
    async def crash(entry: Entry, session: SessionDep) -> Count:
        await insert(session, entry)
        raise RuntimeError("secret internals")

    @app.get("/slow-down")
    async def slow_down() -> None:
        raise TooManyRequests("rate_limited", "Try again in 4 s.", retry_after_seconds=4)

    app.add_middleware(Manners)
    return app


@pytest.fixture
async def client(database: Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE entry (word text)"))
    transport = httpx.ASGITransport(build(database, clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def count(database: Database) -> int:
    async with database.transaction() as session:
        return int((await session.execute(text("SELECT count(*) FROM entry"))).scalar_one())


async def test_the_commit_comes_before_the_first_byte_of_the_answer(database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE entry (word text)"))
    app = build(database, clock)
    seen: list[int] = []
    body = b'{"word": "hello"}'

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            seen.append(await count(database))

    scope = {
        "type": "http", "method": "POST", "path": "/entries", "raw_path": b"/entries", "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    assert seen == [1]


async def test_an_error_rolls_back_and_is_a_problem_document(client: httpx.AsyncClient, database: Database) -> None:
    answer = await client.post("/refused", json={"word": "x"}, headers={"X-Request-Id": "abc-1"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.json() == {
        "type": "/docs/errors#wrong_state",
        "title": "Conflict",
        "status": 409,
        "code": "wrong_state",
        "detail": "Reopen it first.",
        "request_id": "abc-1",
        "state": "closed",
    }
    assert await count(database) == 0


async def test_a_crash_tells_no_internals_and_leaves_nothing(client: httpx.AsyncClient, database: Database) -> None:
    answer = await client.post("/crash", json={"word": "x"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert await count(database) == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "malformed_json"),
        (b"\xff\xfe", 422, "malformed_json"),
        (b'{"word": 5}', 422, "invalid_input"),
        (b'{"word": "longer than ten"}', 422, "invalid_input"),
        (b'{"word": "' + b"x" * BODY_LIMIT_BYTES + b'"}', 413, "body_too_large"),
    ],
)
async def test_bad_bodies_get_a_clear_answer(
    client: httpx.AsyncClient, database: Database, body: bytes, status: int, code: str
) -> None:
    headers = {"content-type": "application/json", "authorization": "Bearer something"}
    answer = await client.post("/entries", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await count(database) == 0


async def test_a_stranger_is_not_told_what_is_wrong_with_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/entries", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def test_an_oversize_body_without_a_length_is_stopped_while_it_comes(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    answer = await client.post("/entries", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_unknown_paths_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nowhere")).json()["code"] == "not_found"
    assert (await client.delete("/entries")).json()["code"] == "method_not_allowed"


async def test_requests_are_counted_by_few_words_whatever_callers_send(client: httpx.AsyncClient) -> None:
    def counted(method: str, route: str, status: int) -> float:
        labels = {"method": method, "route": route, "status": str(status)}
        return REGISTRY.get_sample_value("switchboard_http_requests_total", labels) or 0

    names = [("POST", "/entries", 201), ("GET", NO_ROUTE, 404), ("OTHER", NO_ROUTE, 404), ("POST", "/crash", 500)]
    before = [counted(*name) for name in names]
    await client.post("/entries", json={"word": "one"})
    await client.get("/nowhere/1")
    await client.get("/nowhere/2")
    await client.request("BREW", "/nowhere")
    await client.post("/crash", json={"word": "one"})
    after = [counted(*name) for name in names]
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [1, 2, 1, 1]


async def test_rate_limits_say_when_to_come_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/slow-down")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "4")


async def test_the_same_key_and_body_write_once(client: httpx.AsyncClient, database: Database) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/entries", json={"word": "a"}, headers=headers)
    again = await client.post("/entries", json={"word": "a"}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"words": 1})
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(database) == 1


async def test_the_same_key_with_another_body_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    headers = {"Idempotency-Key": "k1"}
    await client.post("/entries", json={"word": "a"}, headers=headers)
    answer = await client.post("/entries", json={"word": "b"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(database) == 1


def test_a_cursor_comes_back_as_it_went() -> None:
    assert decode_cursor(encode_cursor("2026-11-22T00:00:00Z", 5), (str, int)) == ["2026-11-22T00:00:00Z", 5]


@pytest.mark.parametrize("cursor", ["", "!", "e30", "W10", encode_cursor("a", "b"), encode_cursor(1), "\u00e4"])
def test_a_cursor_we_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(cursor, (str, int))
