"""Queues as versions, members in bulk, dry looks, skills in use and agents' terms, over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.agents import api as agents
from app.core.errors import PreconditionFailed
from app.routing import api as routing
from app.routing.planning import api as planning
from app.routing.queue_schemas import QueueBody
from app.routing.service import update_queue
from tests.access_apps import app_of
from tests.clocks import ManualClock
from tests.integration.routing.test_routing_api import ORIGIN, bearer, code
from tests.integration.routing.world import Routed, World

Headers = dict[str, str]


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(world.database, world.clock, routing.router, planning.router, agents.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as opened:
        yield opened


async def lead(world: World, role: str = "supervisor") -> Headers:
    return await bearer(world, await world.add_agent(member=False, ready=False), role)


async def made(client: httpx.AsyncClient, headers: Headers, **settings: Any) -> dict[str, Any]:
    answer = await client.post("/v1/queues", json={"name": "Orders"} | settings, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_each_save_is_a_version_with_who_when_and_what(
    world: World, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    headers = await lead(world)
    skill = str(await world.add_skill("orders"))
    queue = await made(client, headers, requirements={skill: 5})
    path = f"/v1/queues/{queue['id']}"
    body = {"name": "Orders", "tier": 1, "requirements": {skill: 3}}
    assert (await client.put(path, json=body, headers=headers)).json()["version"] == 2
    assert (await client.put(path, json=body | {"tier": 0}, headers=headers)).json()["version"] == 3
    page = (await client.get(f"{path}/versions?limit=2", headers=headers)).json()
    told = [
        (one["version"], [(edit["path"], edit["before"], edit["after"]) for edit in one["edits"]])
        for one in page["items"]
    ]
    assert told == [(3, [("tier", 1, 0)]), (2, [(f"requirements.{skill}", 5, 3), ("tier", 2, 1)])]
    assert page["items"][0]["made_by"].startswith("agent:")
    assert page["items"][0]["made_at"] == clock.now().isoformat().replace("+00:00", "Z")
    rest = (await client.get(f"{path}/versions", params={"cursor": page["next_cursor"]}, headers=headers)).json()
    assert [(one["version"], one["edits"], one["body"]["requirements"]) for one in rest["items"]] == [
        (1, [], {skill: 5})
    ]
    assert rest["next_cursor"] is None


async def test_an_old_version_comes_back_as_a_new_one(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    queue = await made(client, headers, target_seconds=20)
    path = f"/v1/queues/{queue['id']}"
    await client.put(path, json={"name": "Orders at night", "target_seconds": 600}, headers=headers)
    stale = await client.post(f"{path}/versions/1/restore", headers=headers | {"If-Match": '"1"'})
    assert code(stale) == (412, "queue_changed")
    keyed = headers | {"If-Match": '"2"', "Idempotency-Key": "back"}
    answers = [await client.post(f"{path}/versions/1/restore", headers=keyed) for _ in range(2)]
    assert [(one.json()["name"], one.json()["target_seconds"], one.json()["version"]) for one in answers] == [
        ("Orders", 20, 3)
    ] * 2
    await client.put(path, json={"name": "Orders", "policy": "least_loaded"}, headers=headers)
    await world.execute("UPDATE queue_version SET body = body - 'policy' WHERE version = 1")
    newer = await client.post(f"{path}/versions/1/restore", headers=headers)
    assert newer.json()["policy"] == "least_loaded", "what the version did not know yet stays"
    assert (await client.get(f"{path}/versions", headers=headers)).json()["items"][-2]["edits"][0]["path"] == "name"
    unknown = await client.post(f"{path}/versions/9/restore", headers=headers)
    assert code(unknown) == (404, "queue_version_not_found")
    await world.execute("UPDATE queue_version SET body = body || '{\"tier\": 7}' WHERE version = 2")
    assert code(await client.post(f"{path}/versions/2/restore", headers=headers)) == (409, "queue_version_outdated")
    assert (await client.get(f"{path}/versions", headers=headers)).status_code == 200


async def test_overflow_is_part_of_a_version_and_comes_back_with_it(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    step = {"when": {"age_over_seconds": 60}, "do": {"queue": str(world.queue_id)}}
    queue = await made(client, headers, overflow=[step])
    path = f"/v1/queues/{queue['id']}"
    assert (await client.put(path, json={"name": "Orders"}, headers=headers)).json()["overflow"] == []
    [newest, _] = (await client.get(f"{path}/versions", headers=headers)).json()["items"]
    assert [tuple(edit.values()) for edit in newest["edits"]] == [("overflow", [step], [])]
    back = await client.post(f"{path}/versions/1/restore", headers=headers | {"If-Match": "2"})
    assert (back.json()["overflow"], back.json()["version"]) == ([step], 3)


async def test_what_an_older_release_saved_is_kept_with_the_next_edit(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    path = f"/v1/queues/{world.queue_id}"
    assert (await client.get(f"{path}/versions", headers=headers)).json()["items"] == []
    await client.put(path, json={"name": "Orders"}, headers=headers)
    versions = (await client.get(f"{path}/versions", headers=headers)).json()["items"]
    assert [(one["version"], one["made_by"] == "unrecorded") for one in versions] == [(2, False), (1, True)]
    assert [edit["path"] for edit in versions[0]["edits"]] == ["name"]


async def test_whoever_saves_second_is_told_who_was_first_and_nothing_is_half_saved(
    world: World, client: httpx.AsyncClient
) -> None:
    first, second = await lead(world), await lead(world)
    queue = await made(client, first)
    path = f"/v1/queues/{queue['id']}"
    await client.put(path, json={"name": "Orders", "tier": 0}, headers=first | {"If-Match": "1"})
    mine = {"name": "Other", "tier": 1, "rings": [{"enter_after_seconds": 30}]}
    refused = await client.put(path, json=mine, headers=second | {"If-Match": "1"})
    assert code(refused) == (412, "queue_changed")
    newest = (await client.get(f"{path}/versions", headers=second)).json()["items"][0]
    assert (refused.json()["version"], refused.json()["made_by"]) == (2, newest["made_by"])
    now = (await client.get(path, headers=second)).json()
    assert (now["name"], now["tier"], now["rings"], now["version"]) == ("Orders", 0, [], 2)


async def test_of_racing_saves_none_is_lost_silently(world: World) -> None:
    async def save(name: str, version: int | None) -> str:
        try:
            body = QueueBody(name=name)
            return str((await world.run(update_queue, queue_id=world.queue_id, body=body, version=version)).version)
        except PreconditionFailed as problem:
            return problem.code

    assert sorted(await asyncio.gather(save("one", 1), save("two", 1))) == ["2", "queue_changed"]
    assert sorted(await asyncio.gather(save("three", None), save("four", None))) == ["3", "4"]
    kept = await world.execute("SELECT version, body->>'name' AS name FROM queue_version ORDER BY version")
    assert [row.version for row in kept] == [1, 2, 3, 4]
    assert {row.name for row in kept[2:]} == {"three", "four"}


async def test_what_does_not_exist_is_refused_at_its_place(world: World, client: httpx.AsyncClient) -> None:
    headers, lost = await lead(world), str(uuid4())
    body = {
        "name": "Orders", "team_id": lost, "requirements": {lost: 3},
        "rings": [{"enter_after_seconds": 60, "requirements": {lost: 1}, "groups": [lost]}],
    }  # fmt: skip
    for path, sent in (("/v1/queues", body), ("/v1/queue-looks", {"settings": body})):
        refused = await client.post(path, json=sent, headers=headers)
        assert code(refused) == (422, "unknown_reference")
        assert [one["path"] for one in refused.json()["errors"]] == [
            "body.team_id", "body.rings.0.groups.0", f"body.requirements.{lost}", f"body.rings.0.requirements.{lost}",
        ]  # fmt: skip


async def test_many_members_come_and_go_in_one_step(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    one, two, three = [await world.add_agent(member=False, ready=False) for _ in range(3)]
    path = f"/v1/queues/{world.queue_id}/members"
    first = await client.post(path, json={"add": [str(one), str(two)]}, headers=headers)
    assert first.json()["agent_ids"] == sorted([str(one), str(two)])
    body = {"add": [str(two), str(three)], "remove": [str(one), str(uuid4())]}
    answers = [await client.post(path, json=body, headers=headers | {"Idempotency-Key": "m"}) for _ in range(2)]
    assert [answer.json()["agent_ids"] for answer in answers] == [sorted([str(two), str(three)])] * 2
    told = await world.execute("SELECT payload FROM event WHERE type = 'queue.changed'")
    assert [each.payload["change"] for each in told] == ["members", "members"]
    unchanged = await client.post(path, json={"add": [str(two)]}, headers=headers)
    assert unchanged.status_code == 200
    assert len(await world.execute("SELECT 1 FROM event WHERE type = 'queue.changed'")) == 2
    unknown = await client.post(path, json={"add": [str(one), str(uuid4())]}, headers=headers)
    assert (code(unknown), unknown.json()["errors"][0]["path"]) == ((422, "unknown_reference"), "body.add.1")
    assert str(one) not in (await client.get(path, headers=headers)).json()["agent_ids"]
    both = await client.post(path, json={"add": [str(one)], "remove": [str(one)]}, headers=headers)
    assert both.status_code == 422


async def master(world: World, client: httpx.AsyncClient, agent: UUID, skill: str, level: int) -> None:
    headers = await lead(world, "admin")
    body = {"skills": [{"skill_id": skill, "proficiency": level}]}
    assert (await client.patch(f"/v1/agents/{agent}/terms", json=body, headers=headers)).status_code == 200


async def test_a_dry_look_counts_who_could_take_the_work_at_each_ring(world: World, client: httpx.AsyncClient) -> None:
    headers, skill = await lead(world), str(await world.add_skill("refunds"))
    expert, beginner = await world.add_agent(), await world.add_agent()
    away = await world.add_agent(ready=False)
    await master(world, client, expert, skill, 9)
    await master(world, client, away, skill, 9)
    await master(world, client, beginner, skill, 2)
    settings = {
        "name": "Refunds", "requirements": {skill: 5},
        "rings": [{"enter_after_seconds": 30, "requirements": {skill: 1}}],
    }  # fmt: skip
    before = await world.execute("SELECT count(*) AS n FROM event")
    body = {"settings": settings, "queue_id": str(world.queue_id)}
    look = (await client.post("/v1/queue-looks", json=body, headers=headers)).json()
    assert [(ring["let_in"], ring["could"], ring["ready"], ring["free"]) for ring in look["rings"]] == [
        (3, 2, 1, 1),
        (3, 3, 2, 2),
    ]
    assert (look["unroutable"], look["rings"][0]["lacking"]) == (None, {skill: 1})
    nobody = {"settings": settings | {"requirements": {skill: 10}, "rings": []}, "queue_id": str(world.queue_id)}
    assert (await client.post("/v1/queue-looks", json=nobody, headers=headers)).json()[
        "unroutable"
    ] == "nobody_qualified"
    unmade = (await client.post("/v1/queue-looks", json={"settings": settings}, headers=headers)).json()
    assert (unmade["rings"][0]["let_in"], unmade["unroutable"]) == (0, "nobody_qualified")
    chosen = {"settings": settings, "member_ids": [str(expert)], "channel": "phone"}
    assert (await client.post("/v1/queue-looks", json=chosen, headers=headers)).json()["rings"][0]["free"] == 1
    assert await world.execute("SELECT count(*) AS n FROM event") == before, "nothing is stored"


async def test_who_never_logged_in_is_looked_at_too(world: World, client: httpx.AsyncClient) -> None:
    present = await world.add_agent()
    headers = await lead(world, "admin")
    body = {"login": "new", "password": "a long sentence", "role": "agent", "name": "New", "languages": ["en"]}
    made_agent = (await client.post("/v1/agents", json=body, headers=headers)).json()
    looked = {"settings": {"name": "x"}, "member_ids": [made_agent["id"], str(present)]}
    look = (await client.post("/v1/queue-looks", json=looked, headers=headers)).json()
    assert (look["rings"][0]["could"], look["rings"][0]["ready"]) == (2, 1)


async def test_a_skill_in_use_is_told_with_its_places_and_cannot_be_retired(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = await lead(world, "admin")
    skill = (
        await client.post("/v1/skills", json={"name": "refunds", "names": {"zh-CN": "退款"}}, headers=headers)
    ).json()
    path, key = f"/v1/skills/{skill['id']}", skill["id"]
    renamed = await client.patch(path, json={"names": {"zh-CN": "退货"}}, headers=headers)
    assert (renamed.json()["name"], renamed.json()["names"]) == ("refunds", {"zh-CN": "退货"})
    agent = await world.add_agent()
    await master(world, client, agent, key, 7)
    queue = await made(
        client, headers, requirements={key: 5}, rings=[{"enter_after_seconds": 9, "requirements": {key: 2}}]
    )
    rules = [{"name": "VIP", "effects": {"requirements": {key: 3}}}]
    assert (await client.put("/v1/routing-rules", json={"rules": rules}, headers=headers)).status_code == 200
    use = (await client.get(f"{path}/use", headers=headers)).json()
    assert (use["agents_total"], use["agents"]) == (1, [{"agent_id": str(agent), "name": "Ada", "proficiency": 7}])
    assert [(one["queue"]["name"], one["level"], one["rings"]) for one in use["queues"]] == [("Orders", 5, [1])]
    assert use["rules"] == [{"number": 1, "name": "VIP", "level": 3}]
    bare = {"name": "Orders", "requirements": {}, "rings": []}
    steps = [
        lambda: client.put("/v1/routing-rules", json={"rules": []}, headers=headers),
        lambda: client.put(f"/v1/queues/{queue['id']}", json=bare, headers=headers),
        lambda: client.patch(f"/v1/agents/{agent}/terms", json={"skills": []}, headers=headers),
    ]
    for free in steps:
        assert code(await client.delete(path, headers=headers)) == (409, "skill_in_use")
        assert (await free()).status_code == 200
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert code(await client.get(f"{path}/use", headers=headers)) == (404, "skill_not_found")
    back = await client.post(f"/v1/queues/{queue['id']}/versions/1/restore", headers=headers)
    assert code(back) == (422, "unknown_reference"), "an old version cannot bring a retired skill back"


async def test_an_agents_terms_change_together_or_not_at_all(world: World, client: httpx.AsyncClient) -> None:
    headers, skill = await lead(world, "admin"), str(await world.add_skill("refunds"))
    agent, other = await world.add_agent(), await world.add_queue(uuid4())
    path = f"/v1/agents/{agent}/terms"
    before = await client.get(path, headers=headers)
    assert (before.json()["capacity_units"], before.json()["queue_ids"]) == (100, [str(world.queue_id)])
    etag = {"If-Match": before.headers["etag"]}
    body: dict[str, Any] = {
        "skills": [{"skill_id": skill, "proficiency": 4}], "capacity_units": 50, "channel_limits": {"chat": 1},
        "queue_ids": [str(other)], "auto_accept": True,
    }  # fmt: skip
    changed = await client.patch(path, json=body, headers=headers | etag)
    assert {name: changed.json()[name] for name in body} == body
    late = await client.patch(path, json={"capacity_units": 75}, headers=headers | etag)
    assert code(late) == (412, "version_mismatch")
    wrong = body | {"capacity_units": 80, "queue_ids": [str(uuid4())]}
    refused = await client.patch(path, json=wrong, headers=headers)
    assert (code(refused), refused.json()["errors"][0]["path"]) == ((422, "unknown_reference"), "body.queue_ids.0")
    assert (await client.get(path, headers=headers)).json() == changed.json()


async def test_the_router_obeys_new_limits_at_once_and_units_in_use_are_not_taken_away(
    world: World, routed: Routed, client: httpx.AsyncClient
) -> None:
    headers, agent = await lead(world, "admin"), await world.add_agent()
    path = f"/v1/agents/{agent}/terms"
    await client.patch(path, json={"channel_limits": {"chat": 1}}, headers=headers)
    first, second = await world.add_waiting(), await world.add_waiting()
    await routed()
    assert len(await world.offers()) == 1
    refused = await client.patch(path, json={"capacity_units": 20}, headers=headers)
    assert (code(refused), refused.json()["used_units"]) == ((409, "capacity_in_use"), 25)
    await client.patch(path, json={"channel_limits": {}, "capacity_units": 50}, headers=headers)
    await routed()
    assert {offer.conversation_id for offer in await world.offers()} == {first, second}
    await world.assert_sound()


async def test_supervisors_change_units_within_their_sight_and_no_skills(
    world: World, client: httpx.AsyncClient
) -> None:
    headers, agent = await lead(world), await world.add_agent()
    path = f"/v1/agents/{agent}/terms"
    assert (await client.patch(path, json={"capacity_units": 75}, headers=headers)).status_code == 200
    for profile in ({"skills": []}, {"auto_accept": False}):
        refused = await client.patch(path, json=profile, headers=headers)
        assert (code(refused), refused.json()["scope"]) == ((403, "scope_missing"), "agents:write")
    await world.execute("UPDATE account SET visibility = 'team'")
    team = uuid4()
    await world.execute("INSERT INTO team (id, name, created_at) VALUES (:id, 'X', :at)", id=team, at=world.clock.now())
    await world.execute("UPDATE account SET team_id = :team WHERE id = :id", team=team, id=agent)
    hidden = await client.patch(path, json={"capacity_units": 50}, headers=headers)
    assert code(hidden) == (404, "agent_not_found")
    stranger = await bearer(world, agent)
    assert code(await client.get(path, headers=stranger)) == (403, "scope_missing")


async def test_decisions_name_the_version_of_the_settings_they_were_made_under(
    world: World, routed: Routed, client: httpx.AsyncClient
) -> None:
    headers = await lead(world)
    await world.add_agent()
    path = f"/v1/queues/{world.queue_id}"
    changed = await client.put(path, json={"name": "Orders", "policy": "longest_idle"}, headers=headers)
    conversation = await world.add_waiting()
    await routed()
    told = (await client.get(f"/v1/conversations/{conversation}/explain", headers=headers)).json()
    trace = next(each["trace"] for each in told["decisions"] if each["outcome"] == "offer")
    assert (trace["policy"], trace["policy_version"]) == ("longest_idle", changed.json()["version"])
    versions = (await client.get(f"{path}/versions", headers=headers)).json()["items"]
    assert versions[0]["version"] == trace["policy_version"]


async def test_each_save_of_the_rules_is_a_version_that_tells_what_it_changed_and_comes_back(
    world: World, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    headers = await lead(world)
    path = "/v1/routing-rules"
    assert (await client.get(f"{path}/versions", headers=headers)).json() == {"items": [], "next_cursor": None}
    vip = {"name": "VIP", "conditions": {"segments": ["vip"]}, "effects": {"tier": 1}}
    night = {"name": "Night", "effects": {"priority": 2}}
    for rules in ([vip], [vip, night], [night, vip | {"effects": {"tier": 0}}]):
        clock.advance(1)
        assert (await client.put(path, json={"rules": rules}, headers=headers)).status_code == 200
    first = (await client.get(f"{path}/versions?limit=2", headers=headers)).json()
    assert [one["version"] for one in first["items"]] == [3, 2]
    assert first["items"][0]["edits"] == [
        {"path": "order", "before": ["VIP", "Night"], "after": ["Night", "VIP"]},
        {"path": "rules.VIP.effects.tier", "before": 1, "after": 0},
    ]
    assert [(edit["path"], edit["before"]) for edit in first["items"][1]["edits"]] == [("rules.Night", None)]
    assert first["items"][0]["made_by"].startswith("agent:")
    rest = (await client.get(f"{path}/versions?cursor={first['next_cursor']}", headers=headers)).json()
    assert ([one["version"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)
    stale = await client.post(f"{path}/versions/1/restore", headers=headers | {"If-Match": "2"})
    assert code(stale) == (412, "routing_rules_changed")
    again = headers | {"Idempotency-Key": "back"}
    answers = [await client.post(f"{path}/versions/1/restore", headers=again) for _ in range(2)]
    assert [(one.status_code, one.json()["version"]) for one in answers] == [(200, 4), (200, 4)]
    assert [one["name"] for one in (await client.get(path, headers=headers)).json()["rules"]] == ["VIP"]
    missing = await client.post(f"{path}/versions/9/restore", headers=headers)
    assert code(missing) == (404, "routing_rules_version_not_found")
    agent = await bearer(world, await world.add_agent(), "agent")
    assert (await client.post(f"{path}/versions/1/restore", headers=agent)).status_code == 403


async def test_rules_that_may_not_be_said_any_more_do_not_come_back(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    gone = {"name": "Old", "conditions": {}, "effects": {"queue_id": str(uuid4())}, "enabled": True, "stop": False}
    for version, rule in ((1, gone), (2, {"name": "Older", "wish": 1})):
        await world.execute(
            "INSERT INTO routing_rules_version (id, version, rules, made_at, made_by)"
            " VALUES (:id, :version, CAST(:rules AS jsonb), :now, 'agent:lead')",
            id=uuid4(),
            version=version,
            rules=json.dumps([rule]),
            now=world.clock.now(),
        )
    body = [
        await client.post(f"/v1/routing-rules/versions/{version}/restore", headers=headers | {"If-Match": "2"})
        for version in (1, 2)
    ]
    assert [code(one) for one in body] == [(422, "unknown_reference"), (409, "routing_rules_version_outdated")]
