import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.access import service, throttle
from app.access.service.sessions import SESSION_SECONDS, SESSIONS_MAX
from app.core.bus import Bus
from app.core.database import Database
from tests.access_apps import PASSWORD, act_at, browser, events_of, log_in, make_account
from tests.clocks import ManualClock

WRONG = {"login": "mei", "password": "wrong wrong wrong"}
RIGHT = {"login": "mei", "password": PASSWORD}
BROWSER = {"Origin": "http://desk.test"}


@pytest.fixture
async def mei(database: Database, clock: ManualClock) -> str:
    return str(await make_account(database, clock, "mei"))


async def me(app: FastAPI, token: str) -> httpx.Response:
    async with browser(app, token=token) as client:
        return await client.get("/v1/me")


async def test_a_log_in_gives_a_token_and_a_cookie_that_only_the_browser_can_use(app: FastAPI, mei: str) -> None:
    async with browser(app) as client:
        answer = await client.post("/v1/session", json={"login": " MEI ", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert (await client.get("/v1/me")).json()["id"] == mei
    assert (await me(app, answer.json()["token"])).json()["id"] == mei


async def test_the_cookie_is_secure_where_the_setting_says_so(app: FastAPI, mei: str) -> None:
    app.state.settings = app.state.settings.model_copy(update={"cookie_secure": True})
    async with browser(app) as client:
        assert "Secure" in (await client.post("/v1/session", json=RIGHT)).headers["set-cookie"]


@pytest.mark.parametrize("login", ["mei", "nobody", "' or 1=1 --"])
async def test_wrong_password_and_unknown_login_answer_alike(app: FastAPI, mei: str, login: str) -> None:
    async with browser(app) as client:
        answer = await client.post("/v1/session", json={**WRONG, "login": login})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "login_failed")
    assert problem["detail"] == "Login or password is wrong, or the account is disabled."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "a\0b", "password": "x"},
        {"login": "mei", "password": "x" * 201},
        ["mei"],
        {"login": "\ud800", "password": "x"},
    ],
)
async def test_a_malformed_log_in_is_422(app: FastAPI, body: Any) -> None:
    async with browser(app) as client:
        answer = await client.post(
            "/v1/session", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 422


@pytest.mark.parametrize("token", ["sbs_unknown", "sbk_unknown", "x" * 5000, "\u00e9".encode().decode("latin-1")])
async def test_a_token_that_is_not_ours_is_401(app: FastAPI, token: str) -> None:
    async with browser(app) as client:
        answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


async def test_a_session_ends_after_its_life(app: FastAPI, clock: ManualClock, mei: str) -> None:
    token = await log_in(app, "mei")
    clock.advance(SESSION_SECONDS - 1)
    assert (await me(app, token)).status_code == 200
    clock.advance(1)
    assert (await me(app, token)).status_code == 401


async def test_logging_out_ends_the_session_and_tells_the_sockets(
    app: FastAPI, bus: Bus, database: Database, mei: str
) -> None:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    bus.subscribe("session", heard.put_nowait)
    token, other = await log_in(app, "mei"), await log_in(app, "mei")
    async with browser(app, token=token) as client:
        session_id = (await client.get("/v1/me")).json()["session_id"]
        assert (await client.delete("/v1/session")).status_code == 204
    assert (await me(app, token)).status_code == 401
    assert (await me(app, other)).status_code == 200
    async with asyncio.timeout(10):
        assert await heard.get() == {"account_id": mei, "session_id": session_id}
    kinds = [kind for kind, _ in await events_of(database)]
    assert kinds == ["agent.created", "session.started", "session.started", "session.ended"]


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"Origin": "http://evil.test"}, 403), (BROWSER, 204)])
async def test_a_write_by_cookie_must_come_from_our_own_pages(
    app: FastAPI, mei: str, headers: dict[str, str], status: int
) -> None:
    async with browser(app) as client:
        await client.post("/v1/session", json=RIGHT, headers=BROWSER)
        assert (await client.delete("/v1/session", headers=headers)).status_code == status


async def test_a_log_in_from_a_foreign_page_is_refused(app: FastAPI, mei: str) -> None:
    async with browser(app) as client:
        answer = await client.post("/v1/session", json=RIGHT, headers={"Origin": "http://evil.test"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")


async def test_too_many_wrong_passwords_block_the_login_for_a_while(app: FastAPI, clock: ManualClock, mei: str) -> None:
    async with browser(app) as client:
        for _ in range(throttle.LOGIN_TRIES):
            assert (await client.post("/v1/session", json=WRONG)).status_code == 401
        blocked = await client.post("/v1/session", json=RIGHT)
        assert (blocked.status_code, blocked.json()["code"]) == (429, "too_many_logins")
        assert 0 < int(blocked.headers["retry-after"]) <= throttle.BLOCK_SECONDS + 1
        clock.advance(throttle.BLOCK_SECONDS)
        assert (await client.post("/v1/session", json=RIGHT)).status_code == 201


async def test_guesses_made_at_once_do_not_slip_through(app: FastAPI, mei: str) -> None:
    async with browser(app) as client:
        tries = [client.post("/v1/session", json=WRONG) for _ in range(throttle.LOGIN_TRIES + 5)]
        statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert sorted(statuses) == [401] * throttle.LOGIN_TRIES + [429] * 5


async def test_right_passwords_are_not_counted(app: FastAPI, mei: str) -> None:
    for _ in range(throttle.LOGIN_TRIES + 2):
        await log_in(app, "mei")


async def test_an_address_that_tries_many_logins_is_blocked_and_others_are_not(
    app: FastAPI, database: Database, clock: ManualClock, mei: str
) -> None:
    async with browser(app, address="192.0.2.9") as client:
        for number in range(throttle.ADDRESS_TRIES):
            await client.post("/v1/session", json={**WRONG, "login": f"guess{number}"})
        assert (await client.post("/v1/session", json=RIGHT)).status_code == 429
    await log_in(app, "mei")


async def test_old_tallies_and_sessions_are_forgotten(
    app: FastAPI, database: Database, clock: ManualClock, mei: str
) -> None:
    await log_in(app, "mei")
    clock.advance(31 * 24 * 3600)
    async with database.transaction() as session:
        await service.delete_old(session, act_at(clock))
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM login_throttle")) == 0
        assert await session.scalar(text("SELECT count(*) FROM login_session")) == 0


async def test_changing_the_password_ends_all_other_sessions(app: FastAPI, mei: str) -> None:
    token, other = await log_in(app, "mei"), await log_in(app, "mei")
    async with browser(app, token=token) as client:
        wrong = {"current_password": "wrong wrong", "new_password": "another sentence"}
        assert (await client.put("/v1/me/password", json=wrong)).json()["code"] == "login_failed"
        short = {"current_password": PASSWORD, "new_password": "short"}
        assert (await client.put("/v1/me/password", json=short)).status_code == 422
        right = {"current_password": PASSWORD, "new_password": "another sentence"}
        assert (await client.put("/v1/me/password", json=right)).status_code == 204
    assert (await me(app, token)).status_code == 200
    assert (await me(app, other)).status_code == 401
    await log_in(app, "mei", "another sentence")


async def test_one_lists_and_ends_ones_own_sessions_and_nobody_elses(
    app: FastAPI, database: Database, clock: ManualClock, mei: str
) -> None:
    await make_account(database, clock, "tom")
    first = await log_in(app, "mei")
    clock.advance(1)
    token, toms = await log_in(app, "mei"), await log_in(app, "tom")
    async with browser(app, token=toms) as client:
        foreign = (await client.get("/v1/me")).json()["session_id"]
    async with browser(app, token=token) as client:
        listed = (await client.get("/v1/sessions")).json()["items"]
        assert [item["current"] for item in listed] == [True, False]
        answer = await client.delete(f"/v1/sessions/{foreign}")
        assert (answer.status_code, answer.json()["code"]) == (404, "session_not_found")
        assert (await client.delete(f"/v1/sessions/{listed[1]['id']}")).status_code == 204
        assert (await client.delete(f"/v1/sessions/{listed[1]['id']}")).status_code == 404
    assert (await me(app, first)).status_code == 401
    assert (await me(app, toms)).status_code == 200


async def test_one_log_in_too_many_ends_the_oldest(
    app: FastAPI, database: Database, clock: ManualClock, mei: str
) -> None:
    oldest = await log_in(app, "mei")
    for _ in range(SESSIONS_MAX):
        clock.advance(1)
        newest = await log_in(app, "mei")
    assert (await me(app, oldest)).status_code == 401
    async with browser(app, token=newest) as client:
        assert len((await client.get("/v1/sessions")).json()["items"]) == SESSIONS_MAX


async def test_a_token_is_kept_only_as_its_hash(app: FastAPI, database: Database, mei: str) -> None:
    token = await log_in(app, "mei")
    async with database.transaction() as session:
        rows = (
            await session.execute(text("SELECT login_session::text, account::text FROM login_session, account"))
        ).all()
    assert token not in str(rows)
    assert PASSWORD not in str(rows)
