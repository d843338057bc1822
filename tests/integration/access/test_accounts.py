import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.access import service
from app.access.permissions import Role
from app.agents import service as agents
from app.core.database import Database
from app.core.http import encode_cursor
from tests.access_apps import CHEAP, PASSWORD, act_at, browser, events_of, log_in, make_account
from tests.clocks import ManualClock

NEW = {"login": "li.wei", "password": "a long sentence", "role": "agent"}


async def test_the_first_admin_is_made_once_even_when_processes_race(
    app: FastAPI, database: Database, clock: ManualClock
) -> None:
    async def start() -> tuple[str, str] | None:
        async with database.transaction() as session:
            return await service.bootstrap_admin(session, act_at(clock), hasher=CHEAP)

    made = [each for each in await asyncio.gather(*(start() for _ in range(4))) if each is not None]
    assert len(made) == 1
    login, password = made[0]
    async with browser(app, token=await log_in(app, login, password)) as client:
        assert (await client.get("/v1/me")).json()["role"] == "admin"
    assert await start() is None


async def test_an_admin_makes_an_account_which_logs_in(app: FastAPI, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/v1/accounts", json=NEW)
    assert made.status_code == 201
    assert made.json()["visibility"] == "own"
    assert "password" not in made.text
    await log_in(app, "LI.WEI", "a long sentence")
    again = await admin.post("/v1/accounts", json={**NEW, "login": "Li.Wei"})
    assert (again.status_code, again.json()["code"]) == (409, "login_taken")


@pytest.mark.parametrize(
    "change",
    [{"login": "a b"}, {"login": ""}, {"password": "short"}, {"role": "god"}, {"visibility": "some"}, {"extra": 1}],
)
async def test_a_malformed_account_is_422(admin: httpx.AsyncClient, change: dict[str, object]) -> None:
    assert (await admin.post("/v1/accounts", json=NEW | change)).status_code == 422


async def test_an_unknown_team_is_404_and_nothing_is_made(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/v1/accounts", json={**NEW, "team_id": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "team_not_found")
    assert [item["login"] for item in (await admin.get("/v1/accounts")).json()["items"]] == ["root"]


@pytest.mark.parametrize("role", ["agent", "supervisor"])
async def test_only_admins_administer(app: FastAPI, database: Database, clock: ManualClock, role: Role) -> None:
    account_id = await make_account(database, clock, "mei", role)
    async with browser(app, token=await log_in(app, "mei")) as client:
        for answer in (
            await client.get("/v1/accounts"),
            await client.post("/v1/accounts", json=NEW),
            await client.patch(f"/v1/accounts/{account_id}", json={"role": "admin"}),
            await client.post("/v1/api-keys", json={"name": "x", "scopes": ["agents:read"]}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_role_change_counts_at_once(
    app: FastAPI, admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    account_id = await make_account(database, clock, "mei")
    async with browser(app, token=await log_in(app, "mei")) as client:
        assert (await client.get("/v1/accounts")).status_code == 403
        changed = await admin.patch(f"/v1/accounts/{account_id}", json={"role": "admin", "visibility": "all"})
        assert (changed.json()["role"], changed.json()["visibility"]) == ("admin", "all")
        assert (await client.get("/v1/accounts")).status_code == 200
    assert (await events_of(database))[-1] == (
        "agent.updated",
        {"agent_id": str(account_id), "fields": ["role", "visibility"]},
    )


async def test_a_change_that_changes_nothing_is_no_event(
    admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    account_id = await make_account(database, clock, "mei")
    before = await events_of(database)
    assert (await admin.patch(f"/v1/accounts/{account_id}", json={"role": "agent", "team_id": None})).status_code == 200
    assert await events_of(database) == before


async def test_team_is_set_and_taken_away(admin: httpx.AsyncClient, database: Database, clock: ManualClock) -> None:
    account_id = await make_account(database, clock, "mei")
    async with database.transaction() as session:
        team = await agents.create_team(session, act_at(clock), name="Billing")
    path = f"/v1/accounts/{account_id}"
    assert (await admin.patch(path, json={"team_id": str(team.id)})).json()["team_id"] == str(team.id)
    assert (await admin.patch(path, json={"role": "supervisor"})).json()["team_id"] == str(team.id)
    assert (await admin.patch(path, json={"team_id": None})).json()["team_id"] is None
    assert (await admin.patch(path, json={"team_id": str(uuid4())})).json()["code"] == "team_not_found"


async def test_disabling_ends_all_sessions_and_enabling_revives_none(
    app: FastAPI, admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    account_id = await make_account(database, clock, "mei")
    token = await log_in(app, "mei")
    path = f"/v1/accounts/{account_id}"
    assert (await admin.patch(path, json={"disabled": True})).json()["disabled_at"] is not None
    async with browser(app) as client:
        answer = await client.post("/v1/session", json={"login": "mei", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (401, "login_failed")
    assert (await admin.patch(path, json={"disabled": False})).json()["disabled_at"] is None
    async with browser(app, token=token) as client:
        assert (await client.get("/v1/me")).status_code == 401
    await log_in(app, "mei")
    kinds = [kind for kind, payload in await events_of(database) if payload["agent_id"] == str(account_id)]
    assert kinds[1:] == ["session.started", "session.ended", "agent.disabled", "agent.updated", "session.started"]


@pytest.mark.parametrize("change", [{"role": "agent"}, {"disabled": True}])
async def test_the_last_admin_stays(admin: httpx.AsyncClient, change: dict[str, object]) -> None:
    account_id = (await admin.get("/v1/me")).json()["id"]
    answer = await admin.patch(f"/v1/accounts/{account_id}", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert (await admin.get(f"/v1/accounts/{account_id}")).json()["role"] == "admin"


async def test_two_admins_who_demote_each_other_leave_one(
    app: FastAPI, admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    first = UUID((await admin.get("/v1/me")).json()["id"])
    second = await make_account(database, clock, "other", "admin")
    async with browser(app, token=await log_in(app, "other")) as other:
        answers = await asyncio.gather(
            admin.patch(f"/v1/accounts/{second}", json={"role": "agent"}),
            other.patch(f"/v1/accounts/{first}", json={"disabled": True}),
        )
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 401], [200, 403])
    async with database.transaction() as session:
        accounts = await service.list_accounts(session, after=None, limit=10)
    assert len([each for each in accounts if each.role == "admin" and each.disabled_at is None]) == 1


async def test_setting_a_password_ends_all_sessions(
    app: FastAPI, admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    account_id = await make_account(database, clock, "mei")
    token = await log_in(app, "mei")
    path = f"/v1/accounts/{account_id}/password"
    assert (await admin.put(path, json={"new_password": "set by the admin"})).status_code == 204
    async with browser(app, token=token) as client:
        assert (await client.get("/v1/me")).status_code == 401
    await log_in(app, "mei", "set by the admin")


async def test_an_admin_ends_all_sessions_of_somebody(
    app: FastAPI, admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    account_id = await make_account(database, clock, "mei")
    token = await log_in(app, "mei")
    assert (await admin.delete(f"/v1/accounts/{account_id}/sessions")).status_code == 204
    async with browser(app, token=token) as client:
        assert (await client.get("/v1/me")).status_code == 401


async def test_unknown_accounts_are_404(admin: httpx.AsyncClient) -> None:
    path = f"/v1/accounts/{uuid4()}"
    for answer in (
        await admin.get(path),
        await admin.patch(path, json={"role": "agent"}),
        await admin.put(f"{path}/password", json={"new_password": "a long sentence"}),
        await admin.delete(f"{path}/sessions"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")


async def test_accounts_are_paged_by_login_without_gap_or_double(
    admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    for login in ("Zoe", "ann", "Bob", "carl"):
        await make_account(database, clock, login)
    seen, cursor = [], None
    while True:
        page = (await admin.get("/v1/accounts", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["login"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["ann", "Bob", "carl", "root", "Zoe"]


NO_ID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "cursor",
    ["x", encode_cursor("a"), encode_cursor("a", 1), encode_cursor("\0", NO_ID), encode_cursor("\ud800", NO_ID)],
)
async def test_a_cursor_that_is_not_ours_is_422(admin: httpx.AsyncClient, cursor: str) -> None:
    answer = await admin.get("/v1/accounts", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
