from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.agents import service
from app.core.database import Database
from tests.access_apps import CHEAP, PASSWORD, act_at, browser, events_of, log_in
from tests.clocks import ManualClock

NEW = {"login": "mei", "password": PASSWORD, "role": "agent", "name": "李梅", "languages": ["zh", "en"]}


async def make(admin: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_account_and_profile_are_made_together(
    app: FastAPI, admin: httpx.AsyncClient, database: Database
) -> None:
    team = await make(admin, "/v1/teams", {"name": "Billing"})
    skill = await make(admin, "/v1/skills", {"name": "refunds"})
    levels = [{"skill_id": skill["id"], "proficiency": 7}]
    agent = await make(admin, "/v1/agents", {**NEW, "team_id": team["id"], "skills": levels})
    assert (agent["name"], agent["skills"], agent["team_id"]) == ("李梅", levels, team["id"])
    async with browser(app, token=await log_in(app, "mei")) as client:
        about = (await client.get("/v1/me")).json()
    assert about["agent"]["languages"] == ["zh", "en"]
    async with database.transaction() as session:
        (facts,) = await service.list_facts(session)
    assert (facts.name, facts.skills, facts.disabled) == ("李梅", {UUID(skill["id"]): 7}, False)
    kinds = [kind for kind, payload in await events_of(database) if payload.get("agent_id") == agent["id"]]
    assert kinds == ["agent.created", "session.started"]


async def test_a_failing_profile_leaves_no_account(admin: httpx.AsyncClient) -> None:
    levels = [{"skill_id": str(uuid4()), "proficiency": 7}]
    answer = await admin.post("/v1/agents", json={**NEW, "skills": levels})
    assert (answer.status_code, answer.json()["code"]) == (404, "skill_not_found")
    assert [item["login"] for item in (await admin.get("/v1/accounts")).json()["items"]] == ["root"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\u0000b"},
        {"languages": []},
        {"languages": ["not a tag"]},
        {"skills": [{"skill_id": str(UUID(int=1)), "proficiency": 0}]},
        {"skills": [{"skill_id": str(UUID(int=1)), "proficiency": 11}]},
        {"skills": [{"skill_id": str(UUID(int=1)), "proficiency": 5}] * 2},
    ],
)
async def test_a_malformed_agent_is_422(admin: httpx.AsyncClient, change: dict[str, object]) -> None:
    assert (await admin.post("/v1/agents", json=NEW | change)).status_code == 422


async def test_an_edit_of_what_one_has_not_read_is_412(admin: httpx.AsyncClient) -> None:
    agent = await make(admin, "/v1/agents", NEW)
    path = f"/v1/agents/{agent['id']}"
    etag = (await admin.get(path)).headers["etag"]
    first = await admin.patch(path, json={"name": "Mei Li"}, headers={"If-Match": etag})
    assert (first.status_code, first.json()["name"]) == (200, "Mei Li")
    second = await admin.patch(path, json={"name": "Lost"}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["code"]) == (412, "version_mismatch")
    skills = await admin.put(f"{path}/skills", json={"skills": []}, headers={"If-Match": etag})
    assert skills.status_code == 412
    assert (
        await admin.patch(path, json={"name": "Mei"}, headers={"If-Match": first.headers["etag"]})
    ).status_code == 200
    assert (await admin.patch(path, json={"name": "Mei"}, headers={"If-Match": "*"})).status_code == 200


async def test_skills_are_replaced_whole(admin: httpx.AsyncClient, database: Database) -> None:
    one, two = [(await make(admin, "/v1/skills", {"name": name}))["id"] for name in ("one", "two")]
    agent = await make(admin, "/v1/agents", {**NEW, "skills": [{"skill_id": one, "proficiency": 1}]})
    path = f"/v1/agents/{agent['id']}/skills"
    levels = [{"skill_id": two, "proficiency": 10}]
    assert (await admin.put(path, json={"skills": levels})).json()["skills"] == levels
    unknown = await admin.put(path, json={"skills": [{"skill_id": str(uuid4()), "proficiency": 1}]})
    assert unknown.json()["code"] == "skill_not_found"
    assert (await admin.get(f"/v1/agents/{agent['id']}")).json()["skills"] == levels
    assert (await events_of(database))[-1] == ("agent.updated", {"agent_id": agent["id"], "fields": ["skills"]})


async def test_profile_and_account_change_in_one_step(app: FastAPI, admin: httpx.AsyncClient) -> None:
    agent = await make(admin, "/v1/agents", NEW)
    token = await log_in(app, "mei")
    change = {"role": "supervisor", "languages": ["en"], "visibility": "team", "auto_accept": True}
    changed = (await admin.patch(f"/v1/agents/{agent['id']}", json=change)).json()
    assert {name: changed[name] for name in change} == change
    disabled = await admin.patch(f"/v1/agents/{agent['id']}", json={"disabled": True})
    assert disabled.json()["disabled_at"] is not None
    async with browser(app, token=token) as client:
        assert (await client.get("/v1/me")).status_code == 401


async def test_agents_read_each_other_and_change_nothing(app: FastAPI, admin: httpx.AsyncClient) -> None:
    agent = await make(admin, "/v1/agents", NEW)
    async with browser(app, token=await log_in(app, "mei")) as client:
        assert [item["id"] for item in (await client.get("/v1/agents")).json()["items"]] == [agent["id"]]
        for answer in (
            await client.patch(f"/v1/agents/{agent['id']}", json={"role": "admin"}),
            await client.put(f"/v1/agents/{agent['id']}/skills", json={"skills": []}),
            await client.post("/v1/teams", json={"name": "mine"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_unknown_agents_are_404(admin: httpx.AsyncClient) -> None:
    path = f"/v1/agents/{uuid4()}"
    for answer in (
        await admin.get(path),
        await admin.patch(path, json={"name": "x"}),
        await admin.put(f"{path}/skills", json={"skills": []}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "agent_not_found")


@pytest.mark.parametrize("kind", ["team", "skill"])
async def test_teams_and_skills_are_made_renamed_and_deleted(
    admin: httpx.AsyncClient, database: Database, kind: str
) -> None:
    path = f"/v1/{kind}s"
    first, second = await make(admin, path, {"name": "Sales"}), await make(admin, path, {"name": "Care"})
    taken = await admin.post(path, json={"name": "SALES"})
    assert (taken.status_code, taken.json()["code"]) == (409, f"{kind}_name_taken")
    taken = await admin.patch(f"{path}/{second['id']}", json={"name": "sales"})
    assert (taken.status_code, taken.json()["code"]) == (409, f"{kind}_name_taken")
    assert (await admin.patch(f"{path}/{second['id']}", json={"name": "Zeal"})).json()["name"] == "Zeal"
    assert [item["name"] for item in (await admin.get(path)).json()["items"]] == ["Sales", "Zeal"]
    assert (await admin.delete(f"{path}/{first['id']}")).status_code == 204
    gone = await admin.delete(f"{path}/{first['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, f"{kind}_not_found")
    changes = [payload["change"] for event, payload in await events_of(database) if event == f"{kind}.changed"]
    assert changes == ["created", "created", "updated", "deleted"]


async def test_a_team_is_given_a_lead_who_serves_and_may_lose_it(admin: httpx.AsyncClient) -> None:
    team, agent = await make(admin, "/v1/teams", {"name": "T"}), await make(admin, "/v1/agents", NEW)
    path = f"/v1/teams/{team['id']}"
    assert team["lead_id"] is None
    led = (await admin.patch(path, json={"lead_id": agent["id"]})).json()
    assert (led["name"], led["lead_id"]) == ("T", agent["id"])
    assert (await admin.patch(path, json={"name": "U"})).json()["lead_id"] == agent["id"]
    assert (await admin.patch(path, json={"lead_id": None})).json()["lead_id"] is None
    await admin.patch(f"/v1/agents/{agent['id']}", json={"disabled": True})
    for nobody in (agent["id"], team["id"]):
        refused = await admin.patch(path, json={"lead_id": nobody})
        assert (refused.status_code, refused.json()["code"]) == (404, "agent_not_found")


async def test_what_is_in_use_is_not_deleted(admin: httpx.AsyncClient) -> None:
    team, skill = await make(admin, "/v1/teams", {"name": "T"}), await make(admin, "/v1/skills", {"name": "S"})
    levels = [{"skill_id": skill["id"], "proficiency": 1}]
    await make(admin, "/v1/agents", {**NEW, "team_id": team["id"], "skills": levels})
    assert (await admin.delete(f"/v1/teams/{team['id']}")).json()["code"] == "team_in_use"
    assert (await admin.delete(f"/v1/skills/{skill['id']}")).json()["code"] == "skill_in_use"


async def test_a_retry_with_the_same_idempotency_key_makes_one_team(admin: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = [await admin.post("/v1/teams", json={"name": "Once"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert (await admin.post("/v1/teams", json={"name": "Other"}, headers=headers)).status_code == 422


async def test_agents_are_paged_by_name(admin: httpx.AsyncClient, database: Database, clock: ManualClock) -> None:
    async with database.transaction() as session:
        for number, name in enumerate(["Zoé", "ann", "Ärmel", "李梅", "bob"]):
            await service.create_agent(
                session, act_at(clock), login=f"a{number}", password=PASSWORD, name=name, role="agent",
                team_id=None, languages=["en"], skills={}, hasher=CHEAP,
            )  # fmt: skip
    whole = [item["name"] for item in (await admin.get("/v1/agents")).json()["items"]]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await admin.get("/v1/agents", params=params)).json()
        seen += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == whole
    assert len(set(seen)) == 5


async def test_facts_leave_out_ids_that_are_no_agents(
    admin: httpx.AsyncClient, database: Database, clock: ManualClock
) -> None:
    agent = await make(admin, "/v1/agents", NEW)
    async with database.transaction() as session:
        facts = await service.list_facts(session, [UUID(agent["id"]), uuid4()])
    assert [str(each.id) for each in facts] == [agent["id"]]
