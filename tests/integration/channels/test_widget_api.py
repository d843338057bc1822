from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from app.channels.chat import api
from app.channels.chat.guards import WidgetCors
from app.channels.chat.service import ChatFront
from app.channels.intake import Intake
from app.core.http import Manners, install_error_handlers
from tests.integration.channels.world import World

SHOP = {"Origin": "https://shop.example"}


@pytest.fixture
async def http(world: World, intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(api.router)
    app.add_middleware(WidgetCors)
    app.add_middleware(Manners)
    app.state.clock, app.state.database, app.state.intake = world.clock, world.database, intake
    app.state.chat = ChatFront("a secret of at least thirty-two bytes", world.database)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers=SHOP) as client:
        yield client


async def begin(http: httpx.AsyncClient, world: World, **given: Any) -> dict[str, str]:
    answer = await http.post("/v1/widget/visitors", json={"key": world.public_key, **given})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def test_a_visitor_writes_resends_and_reads_their_own(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world, name="Ada", language="en")
    sent = {"client_id": "c1", "body": "Hello <script>"}
    first = await http.post("/v1/widget/messages", json=sent, headers=visitor)
    again = await http.post("/v1/widget/messages", json=sent, headers=visitor)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"duplicate": True}
    assert first.headers["access-control-allow-origin"] == SHOP["Origin"]

    listed = (await http.get("/v1/widget/messages", headers=visitor)).json()
    assert [(item["body"], item["client_id"], item["sequence"]) for item in listed["items"]] == [
        ("Hello <script>", "c1", 1)
    ]
    assert await world.value("SELECT name FROM customer") == "Ada"
    other = await begin(http, world)
    assert (await http.get("/v1/widget/messages", headers=other)).json()["items"] == []


async def test_the_visitors_id_is_its_contact_points_id(http: httpx.AsyncClient, world: World) -> None:
    answer = (await http.post("/v1/widget/visitors", json={"key": world.public_key})).json()
    await http.post(
        "/v1/widget/messages",
        json={"client_id": "c1", "body": "x"},
        headers={"Authorization": f"Bearer {answer['token']}"},
    )
    assert await world.value("SELECT id FROM contact_point") == UUID(answer["visitor_id"])


async def test_reading_goes_on_after_a_sequence(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world)
    for number in range(7):
        await http.post("/v1/widget/messages", json={"client_id": f"c{number}", "body": "x"}, headers=visitor)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = (await http.get(f"/v1/widget/messages?after={after}&limit=3", headers=visitor)).json()
        seen += [item["sequence"] for item in page["items"]]
        after = page["next_after"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_a_foreign_page_is_refused_and_may_not_read_the_answer(http: httpx.AsyncClient, world: World) -> None:
    for origin in ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"):
        answer = await http.post("/v1/widget/visitors", json={"key": world.public_key}, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in answer.headers
    ours = await http.post(
        "/v1/widget/visitors", json={"key": world.public_key}, headers={"Origin": "http://desk.example"}
    )
    assert ours.status_code == 201


async def test_preflights_are_answered_for_the_widget_only(http: httpx.AsyncClient) -> None:
    asked = SHOP | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = await http.options("/v1/widget/messages", headers=asked)
    assert answer.status_code == 204
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert (await http.options("/v1/conversations", headers=asked)).status_code == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "not_authenticated"), ({"Authorization": "Bearer x.y"}, "visitor_token_invalid"),
     ({"Authorization": "Basic x"}, "not_authenticated")],
)  # fmt: skip
async def test_a_stranger_gets_401_before_anything_else(
    http: httpx.AsyncClient, headers: dict[str, str], code: str
) -> None:
    answer = await http.post("/v1/widget/messages", content=b"{not json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["access-control-allow-origin"] == SHOP["Origin"]


async def test_an_expired_token_is_told(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world)
    world.clock.advance(timedelta(days=31).total_seconds())
    answer = await http.get("/v1/widget/messages", headers=visitor)
    assert answer.json()["code"] == "visitor_token_expired"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{not json", "malformed_json"), (b"[]", "invalid_input"),
     (b'{"client_id": "c", "body": "a\\u0000b"}', "text_has_nul"),
     (b'{"client_id": "c"}', "text_empty"), (b'{"client_id": "c d", "body": "x"}', "invalid_input"),
     (b'{"client_id": "c", "body": "' + b"x" * 4_001 + b'"}', "invalid_input"),
     (b'{"client_id": "c", "body": "\\ud800"}', "malformed_json"), (b"\xff\xfe", "malformed_json")],
)  # fmt: skip
async def test_bad_input_is_a_clear_problem(http: httpx.AsyncClient, world: World, body: bytes, code: str) -> None:
    visitor = await begin(http, world)
    answer = await http.post("/v1/widget/messages", content=body, headers=visitor)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.value("SELECT count(*) FROM message") == 0


async def test_a_visitor_who_floods_is_slowed(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world)
    answers = [
        await http.post("/v1/widget/messages", json={"client_id": f"c{n}", "body": "x"}, headers=visitor)
        for n in range(21)
    ]
    assert [answer.status_code for answer in answers] == [201] * 20 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    world.clock.advance(1)
    again = await http.post("/v1/widget/messages", json={"client_id": "c20", "body": "x"}, headers=visitor)
    assert again.status_code == 201


async def test_unknown_keys_and_config(http: httpx.AsyncClient, world: World) -> None:
    assert (await http.get("/v1/widget/config", params={"key": "pk_nobody"})).status_code == 404
    config = await http.get("/v1/widget/config", params={"key": world.public_key})
    assert (config.json()["name"], config.json()["max_body_characters"]) == ("Shop", 4_000)


async def test_marks_without_a_conversation_are_ignored(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world)
    answer = await http.post("/v1/widget/marks", json={"state": "read", "sequence": 3}, headers=visitor)
    assert answer.status_code == 204


async def test_a_visitor_ends_it_and_it_is_open_again_when_they_write(http: httpx.AsyncClient, world: World) -> None:
    visitor = await begin(http, world)
    assert (await http.post("/v1/widget/end", headers=visitor)).status_code == 204
    sent = await http.post("/v1/widget/messages", json={"client_id": "c1", "body": "Hello"}, headers=visitor)
    for _ in range(2):
        assert (await http.post("/v1/widget/end", headers=visitor)).status_code == 204
    assert await world.value("SELECT status || ' ' || disposition FROM conversation") == "resolved ended_by_customer"
    told = await world.value("SELECT string_agg(actor, ' ') FROM event WHERE type = 'conversation.status_changed'")
    assert told.startswith("visitor:")
    assert " " not in told
    again = await http.post("/v1/widget/messages", json={"client_id": "c2", "body": "One more"}, headers=visitor)
    assert again.json()["conversation_id"] == sent.json()["conversation_id"]
    assert await world.value("SELECT status FROM conversation") == "open"


async def test_only_the_visitor_ends_their_own(http: httpx.AsyncClient, world: World) -> None:
    visitor, other = await begin(http, world), await begin(http, world)
    await http.post("/v1/widget/messages", json={"client_id": "c1", "body": "Hello"}, headers=visitor)
    assert (await http.post("/v1/widget/end", headers=other)).status_code == 204
    assert await world.value("SELECT status FROM conversation") == "open"
    assert (await http.post("/v1/widget/end")).status_code == 401
