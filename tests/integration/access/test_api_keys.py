import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.bus import Bus
from app.core.database import Database
from tests.access_apps import browser, events_of


async def make_key(admin: httpx.AsyncClient, *scopes: str) -> dict[str, Any]:
    answer = await admin.post("/v1/api-keys", json={"name": "CRM", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_key_may_do_what_its_scopes_say_and_no_more(app: FastAPI, admin: httpx.AsyncClient) -> None:
    key = await make_key(admin, "agents:read")
    async with browser(app, token=key["token"]) as client:
        assert (await client.get("/v1/agents")).status_code == 200
        assert (await client.post("/v1/teams", json={"name": "x"})).json()["code"] == "scope_missing"
        about = (await client.get("/v1/me")).json()
    assert (about["kind"], about["scopes"], about["agent"]) == ("api_key", ["agents:read"], None)


async def test_a_key_is_shown_once_and_kept_as_its_hash(admin: httpx.AsyncClient, database: Database) -> None:
    key = await make_key(admin, "agents:read")
    assert key["token"].startswith(key["prefix"])
    assert key["token"].startswith("sbk_")
    assert key["token"] not in (await admin.get("/v1/api-keys")).text
    async with database.transaction() as session:
        assert key["token"] not in str((await session.execute(text("SELECT api_key::text FROM api_key"))).all())


async def test_a_revoked_key_opens_nothing_and_sockets_hear_of_it(
    app: FastAPI, admin: httpx.AsyncClient, bus: Bus, database: Database
) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    bus.subscribe("session", heard.put_nowait)
    key = await make_key(admin, "agents:read")
    for _ in range(2):
        assert (await admin.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
    async with browser(app, token=key["token"]) as client:
        assert (await client.get("/v1/agents")).status_code == 401
    async with asyncio.timeout(10):
        assert await heard.get() == {"api_key_id": key["id"]}
    changes = [payload["change"] for kind, payload in await events_of(database) if kind == "api_key.changed"]
    assert changes == ["created", "revoked"]
    assert (await admin.get("/v1/api-keys")).json()["items"][0]["revoked_at"] is not None


async def test_a_key_passes_on_no_more_than_it_holds(app: FastAPI, admin: httpx.AsyncClient) -> None:
    key = await make_key(admin, "access:write", "agents:read", "agents:write")
    account_id = (await admin.get("/v1/me")).json()["id"]
    new = {"login": "x1", "password": "a long sentence"}
    async with browser(app, token=key["token"]) as client:
        more = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["operations"]})
        assert (more.status_code, more.json()["code"]) == (403, "scope_beyond_own")
        assert (await client.post("/v1/api-keys", json={"name": "x", "scopes": ["agents:read"]})).status_code == 201
        for answer in (
            await client.post("/v1/accounts", json={**new, "role": "admin"}),
            await client.post("/v1/agents", json={**new, "role": "admin", "name": "X", "languages": ["en"]}),
            await client.patch(f"/v1/accounts/{account_id}", json={"role": "agent"}),
            await client.put(f"/v1/accounts/{account_id}/password", json={"new_password": "mine from now on"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "role_beyond_own")


@pytest.mark.parametrize("path", ["/v1/session", "/v1/sessions/00000000-0000-0000-0000-000000000000"])
async def test_a_key_has_no_session(app: FastAPI, admin: httpx.AsyncClient, path: str) -> None:
    key = await make_key(admin, "agents:read")
    async with browser(app, token=key["token"]) as client:
        answer = await client.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "person_needed")


async def test_unknown_scopes_and_personal_ones_are_refused(admin: httpx.AsyncClient) -> None:
    for scopes, code in ((["everything"], "invalid_input"), (["work"], "scope_personal"), ([], "invalid_input")):
        answer = await admin.post("/v1/api-keys", json={"name": "x", "scopes": scopes})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_unknown_key_is_404(admin: httpx.AsyncClient) -> None:
    answer = await admin.delete(f"/v1/api-keys/{uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "api_key_not_found")
