from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.channels import api as channels
from app.channels.intake import Intake
from app.channels.replies import api as replies
from app.conversations import api as conversations
from app.core.bus import PostgresBus
from app.customers import api as customers
from app.workspace import api as workspace
from tests.access_apps import browser, log_in, make_account, make_app
from tests.integration.channels.world import World


@pytest.fixture
async def http(world: World, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    bus = PostgresBus(database_url)
    await bus.start()
    app = make_app(world.database, world.clock, bus)
    for api in (conversations, customers, channels, replies):
        app.include_router(api.router)
    app.include_router(workspace.conversations_router)
    account_id = await make_account(world.database, world.clock, "root", "admin")
    await world.rows(
        "INSERT INTO agent (id, name, languages, updated_at) VALUES ($1, 'Root', '{en}', $2)",
        account_id, world.clock.now(),
    )  # fmt: skip
    async with browser(app, token=await log_in(app, "root")) as client:
        yield client
    await bus.close()


@pytest.fixture
async def conversation(world: World, intake: Intake) -> str:
    return f"/v1/conversations/{(await intake.submit(world.envelope(customer_name='Ada'))).conversation_id}"


async def test_a_conversation_over_the_api(http: httpx.AsyncClient, conversation: str, world: World) -> None:
    sent = await http.post(f"{conversation}/messages", json={"client_id": "c1", "body": "Hello"})
    assert (sent.status_code, sent.json()["sequence"]) == (201, 2)
    assert (await http.post(f"{conversation}/notes", json={"client_id": "n1", "body": "VIP"})).status_code == 201
    assert (await http.post(f"{conversation}/read", json={"sequence": 3})).status_code == 204
    listed = (await http.get(f"{conversation}/messages", params={"limit": 2})).json()
    assert ([item["sequence"] for item in listed["items"]], listed["next_cursor"]) == ([2, 3], "2")
    earlier = (await http.get(f"{conversation}/messages", params={"before": 2})).json()
    assert [item["body"] for item in earlier["items"]] == ["hello"]
    status = await http.post(f"{conversation}/status", json={"status": "pending"})
    assert status.json()["status"] == "pending"
    resolved = await http.post(f"{conversation}/resolve", json={"disposition": "solved"})
    assert (resolved.json()["status"], resolved.json()["disposition"]) == ("resolved", "solved")
    assert (await http.post(f"{conversation}/reopen")).json()["status"] == "open"


async def test_an_idempotency_key_gives_the_first_answer_again(
    http: httpx.AsyncClient, conversation: str, world: World
) -> None:
    sent: dict[str, Any] = {"json": {"client_id": "c1", "body": "Hello"}, "headers": {"Idempotency-Key": "k1"}}
    first, again = [await http.post(f"{conversation}/messages", **sent) for _ in range(2)]
    assert first.json() == again.json()
    assert await world.value("SELECT count(*) FROM message") == 2


async def test_a_resolve_that_is_sent_again_under_its_key_is_no_conflict(
    http: httpx.AsyncClient, conversation: str
) -> None:
    async def resolve(key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await http.post(f"{conversation}/resolve", json={"disposition": "solved"}, headers=headers)

    first, again, other = await resolve("k1"), await resolve("k1"), await resolve("k2")
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert again.json() == first.json()


async def test_lists_page_by_cursor(http: httpx.AsyncClient, world: World, intake: Intake) -> None:
    ids = [str((await intake.submit(world.envelope(f"v{n}"))).conversation_id) for n in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2, "view": "queue", "status": "open"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/conversations", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [("messages", {"client_id": "c", "body": ""}, 422, "text_empty"),
     ("messages", {"client_id": "c", "body": "a\0"}, 422, "text_has_nul"),
     ("messages", {"client_id": "c", "body": "x" * 16_001}, 422, "invalid_input"),
     ("messages", {"body": "x"}, 422, "invalid_input"),
     ("status", {"status": "snoozed"}, 422, "snooze_time_invalid"),
     ("status", {"status": "closed"}, 422, "invalid_input"),
     ("resolve", {"disposition": "Not A Code"}, 422, "invalid_input"),
     ("reopen", {}, 409, "status_change_not_allowed"),
     ("read", {"sequence": -1}, 422, "invalid_input")],
)  # fmt: skip
async def test_bad_input_is_a_clear_problem_and_changes_nothing(
    http: httpx.AsyncClient, conversation: str, world: World, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await http.post(f"{conversation}/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await world.value("SELECT version FROM conversation") == 1


async def test_unknown_ids_and_cursors_are_told(http: httpx.AsyncClient) -> None:
    nowhere = f"/v1/conversations/{UUID(int=1)}"
    assert (await http.get(nowhere)).json()["code"] == "conversation_not_found"
    assert (await http.get(f"{nowhere}/messages")).status_code == 404
    assert (await http.get("/v1/conversations", params={"cursor": "bm8"})).json()["code"] == "invalid_cursor"
    assert (await http.post(f"/v1/messages/{UUID(int=1)}/resend")).json()["code"] == "message_not_found"


async def test_customers_are_entered_changed_and_listed(http: httpx.AsyncClient) -> None:
    new = {"name": "Ada", "language": "en", "contact_points": [{"kind": "email", "value": " Ada@Example.org"}]}
    made = (await http.post("/v1/customers", json=new)).json()
    assert [(point["value"], point["verified"]) for point in made["contact_points"]] == [("ada@example.org", False)]
    path = f"/v1/customers/{made['id']}"
    assert made["timezone"] == ""
    changed = await http.patch(path, json={"segments": ["vip"]}, headers={"If-Match": '"1"'})
    assert (changed.json()["segments"], changed.json()["version"]) == (["vip"], 2)
    moved = await http.patch(path, json={"timezone": "Europe/Berlin"})
    assert moved.json()["timezone"] == "Europe/Berlin"
    stale = await http.patch(path, json={"name": "B"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "customer_changed")
    added = await http.post(f"{path}/contact-points", json={"kind": "phone", "value": "+44 (20) 7946-0000"})
    values = {point["value"] for point in added.json()["contact_points"]}
    assert values == {"ada@example.org", "+442079460000"}
    listed = (await http.get("/v1/customers", params={"limit": 1})).json()
    assert ([item["name"] for item in listed["items"]], listed["next_cursor"]) == (["Ada"], None)
    assert (await http.get(f"/v1/customers/{UUID(int=1)}")).json()["code"] == "customer_not_found"
    twice = {"contact_points": [{"kind": "email", "value": "a@b.c"}] * 2}
    assert (await http.post("/v1/customers", json=twice)).json()["code"] == "contact_point_twice"
    assert (await http.post("/v1/customers", json={"name": "a\0b"})).status_code == 422


async def test_channel_accounts_are_made_and_changed(http: httpx.AsyncClient, world: World) -> None:
    new = {"name": "Web", "queue_id": str(world.queue_id), "allowed_origins": ["https://Shop.example"]}
    made = (await http.post("/v1/channel-accounts", json=new)).json()
    assert made["public_key"].startswith("pk_")
    assert made["allowed_origins"] == ["https://shop.example"]
    changed = await http.patch(f"/v1/channel-accounts/{made['id']}", json={"enabled": False})
    assert (changed.json()["enabled"], changed.json()["version"]) == (False, 2)
    assert made["acknowledgement"] == {"when": "outside_hours", "texts": {}}
    wish = {"when": "always", "texts": {"en": "Thank you! {due}"}}
    wished = await http.patch(f"/v1/channel-accounts/{made['id']}", json={"acknowledgement": wish})
    assert (wished.json()["acknowledgement"], wished.json()["enabled"]) == (wish, False)
    wrong = {"acknowledgement": {"texts": {"en": "Thank you, {name}!"}}}
    refused = await http.patch(f"/v1/channel-accounts/{made['id']}", json=wrong)
    assert refused.status_code == 422
    assert "{name} is no placeholder" in refused.json()["errors"][0]["message"]
    lost = await http.post("/v1/channel-accounts", json=new | {"queue_id": str(UUID(int=1))})
    assert (lost.status_code, lost.json()["code"]) == (422, "queue_not_found")
    assert (await http.post("/v1/channel-accounts", json=new | {"allowed_origins": ["*"]})).status_code == 422
    assert len((await http.get("/v1/channel-accounts")).json()["items"]) == 2
