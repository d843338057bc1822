"""Escalations, tasks, causes and remedies over HTTP, and policies that name whom and what there is."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.sla.api import router
from app.sla.duties.api import router as duties
from tests.access_apps import app_of, bearer_of
from tests.integration.sla.floor import Floor
from tests.integration.sla.world import World

TARGET = {"metric": "first_reply", "seconds": 100}


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(world.database, world.clock, router, duties)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/v1/sla/") as opened:
        yield opened


async def log_in(world: World, agent_id: UUID, **headers: str) -> dict[str, str]:
    return await bearer_of(world.database, world.clock, agent_id) | headers


async def breached(world: World, floor: Floor, owner: UUID, **body: Any) -> str:
    """The id of a breached clock of a conversation that `owner` has."""
    await world.use_policy(targets=[TARGET], **body)
    conversation_id = await floor.open_owned(owner)
    await floor.advance(101)
    return str((await world.clocks(conversation_id))["first_reply", 1].id)


async def test_an_escalation_is_listed_for_whom_it_names_and_accepted_once(
    world: World, floor: Floor, client: httpx.AsyncClient
) -> None:
    team_id = await floor.add_team()
    owner, expert, colleague = [await floor.add_agent(team_id=each) for each in (None, team_id, team_id)]
    ladders = {"functional": [{"after_seconds": 0, "team_id": str(team_id)}]}
    await breached(world, floor, owner, ladders=ladders)
    me, other = await log_in(world, expert), await log_in(world, colleague)
    [item] = (await client.get("escalations", headers=me)).json()["items"]
    assert (item["ladder"], item["step"], item["to_team_ids"]) == ("functional", 1, [str(team_id)])
    assert (await client.get("escalations", headers=await log_in(world, owner))).json()["items"] == []
    path = f"escalations/{item['id']}/accept"
    once = me | {"Idempotency-Key": "k1"}
    answers = [await client.post(path, headers=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    lost = await client.post(path, headers=other)
    assert (lost.status_code, lost.json()["code"], lost.json()["accepted_by"]) == (
        409,
        "escalation_accepted",
        str(expert),
    )
    assert (await client.get("escalations", params={"view": "team"}, headers=other)).json()["items"] == []
    stranger = await log_in(world, await floor.add_agent())
    assert (await client.post(path, headers=stranger)).status_code == 404


async def test_open_escalations_come_page_by_page(world: World, floor: Floor, client: httpx.AsyncClient) -> None:
    lead = await floor.add_agent()
    await world.use_policy(targets=[TARGET], ladders={"hierarchical": [{"after_seconds": 0, "agent_id": str(lead)}]})
    for _ in range(3):
        await world.open()
    await floor.settle()
    await floor.advance(101)
    me, seen, cursor = await log_in(world, lead), [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await client.get("escalations", params=params, headers=me)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 3


async def test_a_task_is_done_once_by_whom_it_is_for(world: World, floor: Floor, client: httpx.AsyncClient) -> None:
    owner = await floor.add_agent()
    thresholds = [{"breach": True, "actions": [{"do": "create_task", "title": "call_back"}]}]
    await breached(world, floor, owner, thresholds=thresholds)
    me, stranger = await log_in(world, owner), await log_in(world, await floor.add_agent())
    [task] = (await client.get("tasks", headers=me)).json()["items"]
    assert (task["title"], task["agent_id"], task["version"]) == ("call_back", str(owner), 1)
    assert (await client.get("tasks", params={"view": "all"}, headers=stranger)).json()["items"] == []
    assert (await client.post(f"tasks/{task['id']}/done", headers=stranger)).status_code == 404
    for _ in range(2):
        done = (await client.post(f"tasks/{task['id']}/done", headers=me)).json()
        assert (done["state"], done["done_by"], done["version"]) == ("done", str(owner), 2)
    assert (await client.get("tasks", headers=me)).json()["items"] == []
    assert len((await client.get("tasks", params={"state": "done"}, headers=me)).json()["items"]) == 1
    assert await world.told("task.done") == 1


async def test_a_breach_waits_for_its_cause_until_its_owner_or_a_supervisor_gives_one(
    world: World, floor: Floor, client: httpx.AsyncClient
) -> None:
    owner = await floor.add_agent()
    clock_id = await breached(world, floor, owner)
    me, stranger = await log_in(world, owner), await log_in(world, await floor.add_agent())
    boss = await log_in(world, await floor.add_agent(role="supervisor", visibility="all"))
    [question] = (await client.get("breaches", headers=me)).json()["items"]
    assert (question["clock_id"], question["asked_of"], question["cause_code"]) == (clock_id, str(owner), None)
    assert (await client.get("breaches", headers=stranger)).json()["items"] == []
    path, answer = f"clocks/{clock_id}/cause", {"cause_code": "staffing", "note": "Two were ill"}
    assert (await client.put(path, json=answer, headers=stranger)).status_code == 404
    unknown = await client.put(path, json={"cause_code": "the_moon"}, headers=me)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "cause_unknown")
    given = (await client.put(path, json=answer, headers=me)).json()
    assert (given["cause_code"], given["answered_by"]) == ("staffing", str(owner))
    assert (await client.get("breaches", headers=me)).json()["items"] == []
    again = (await client.put(path, json={"cause_code": "overlooked"}, headers=boss)).json()
    assert (again["cause_code"], again["note"]) == ("overlooked", "")
    answered = (await client.get("breaches", params={"unanswered": False}, headers=boss)).json()["items"]
    assert [each["clock_id"] for each in answered] == [clock_id]
    assert [event.payload["cause_code"] for event in await world.events("sla.cause_given")] == [
        "staffing",
        "overlooked",
    ]


async def test_breaches_of_one_conversation_are_listed_and_causes_counted(
    world: World, floor: Floor, client: httpx.AsyncClient
) -> None:
    owner = await floor.add_agent()
    since = world.clock.now().isoformat()
    answered, _ = [await breached(world, floor, owner) for _ in range(2)]
    me, stranger = await log_in(world, owner), await log_in(world, await floor.add_agent())
    await client.put(f"clocks/{answered}/cause", json={"cause_code": "staffing"}, headers=me)
    all_of_mine = (await client.get("breaches", params={"unanswered": False}, headers=me)).json()["items"]
    [one] = [each["conversation_id"] for each in all_of_mine if each["clock_id"] == answered]
    asked = {"unanswered": False, "conversation_id": one}
    assert [each["clock_id"] for each in (await client.get("breaches", params=asked, headers=me)).json()["items"]] == [
        answered
    ]
    interval = {"breached_from": since, "breached_to": "2199-01-01T00:00:00Z"}
    counted = (await client.get("breach-causes", params=interval, headers=me)).json()
    assert {each["cause_code"]: each["breaches"] for each in counted} == {"staffing": 1, None: 1}
    assert (await client.get("breach-causes", params=interval, headers=stranger)).json() == []
    empty = await client.get("breach-causes", params=interval | {"breached_to": since}, headers=me)
    assert (empty.status_code, empty.json()["code"]) == (422, "empty_interval")


async def test_the_list_of_causes_is_the_installations_own(
    world: World, floor: Floor, client: httpx.AsyncClient
) -> None:
    clock_id = await breached(world, floor, await floor.add_agent())
    boss = await log_in(world, await floor.add_agent(role="supervisor", visibility="all"))
    shipped = (await client.get("cause-codes", headers=boss)).json()
    assert all({"en", "zh-CN"} <= set(each["names"]) for each in shipped)
    body = {"names": {"en": "Power cut", "zh-CN": "停电"}}
    assert (await client.put("cause-codes/power_cut", json=body, headers=boss)).status_code == 200
    assert (await client.put("cause-codes/staffing", json={**body, "retired": True}, headers=boss)).json()["retired"]
    path = f"clocks/{clock_id}/cause"
    assert (await client.put(path, json={"cause_code": "staffing"}, headers=boss)).status_code == 422
    assert (await client.put(path, json={"cause_code": "power_cut"}, headers=boss)).status_code == 200
    agent = await log_in(world, await floor.add_agent())
    assert (await client.put("cause-codes/power_cut", json=body, headers=agent)).status_code == 403


async def test_a_remedy_is_noted_beside_the_clock(world: World, floor: Floor, client: httpx.AsyncClient) -> None:
    owner = await floor.add_agent()
    clock_id = await breached(world, floor, owner)
    me, stranger = await log_in(world, owner), await log_in(world, await floor.add_agent())
    path, body = f"clocks/{clock_id}/remedies", {"kind": "voucher", "amount": "10.50", "currency": "EUR"}
    noted = await client.post(path, json=body, headers=me | {"Idempotency-Key": "k"})
    assert (noted.status_code, noted.json()["amount"], noted.json()["noted_by"]) == (201, "10.50", f"agent:{owner}")
    assert (await client.post(path, json=body, headers=me | {"Idempotency-Key": "k"})).json() == noted.json()
    world.clock.advance(1)
    assert (await client.post(path, json={"kind": "apology", "note": "Wrote to her"}, headers=me)).status_code == 201
    kinds = [each["kind"] for each in (await client.get(path, headers=me)).json()]
    assert kinds == ["voucher", "apology"]
    for wrong in ({"kind": "cake"}, {"kind": "refund", "amount": "-1"}, {"kind": "refund", "currency": "EUR"}):
        assert (await client.post(path, json=wrong, headers=me)).status_code == 422
    assert (await client.get(path, headers=stranger)).status_code == 404
    [event, _] = await world.events("sla.remedy_noted")
    assert (event.payload["amount"], event.payload["currency"]) == ("10.50", "EUR")


async def test_a_policy_names_only_who_and_what_is_there(world: World, floor: Floor, client: httpx.AsyncClient) -> None:
    boss = await log_in(world, await floor.add_agent(role="supervisor", visibility="all"))
    nobody, disabled, team_id = str(uuid4()), str(await floor.add_agent(disabled=True)), str(await floor.add_team())
    actions = [
        {"do": "notify", "to": "team", "team_id": nobody},
        {"do": "reassign", "agent_id": disabled},
        {"do": "create_task", "title": "call_back", "team_id": team_id},
        {"do": "open_ring", "ring": 1},
    ]
    body = {
        "position": 1,
        "targets": [TARGET],
        "conditions": {"queue_ids": [str(world.queue_id)]},
        "thresholds": [
            {"percent": 50, "actions": [{"do": "reassign", "queue_id": nobody}]},
            {"breach": True, "actions": actions},
        ],
        "ladders": {"functional": [{"after_seconds": 0, "agent_id": nobody}]},
    }
    answer = await client.post("policies", json={"name": "VIP", "body": body}, headers=boss)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference")
    assert {each["path"]: each["message"] for each in answer.json()["errors"]} == {
        "body.body.thresholds.0.actions.0.queue_id": "there is no such queue",
        "body.body.thresholds.1.actions.0.team_id": "there is no such team",
        "body.body.thresholds.1.actions.1.agent_id": "this agent is disabled",
        "body.body.thresholds.1.actions.3.ring": "a queue of this policy has 0 rings",
        "body.body.ladders.functional.0.agent_id": "there is no such agent",
    }
