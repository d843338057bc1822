"""Routing rules over HTTP: versions, refusals with their places, warnings, and both dry runs."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from app.routing.rule_schemas import RulesIn
from app.routing.service import put_rules
from tests.integration.routing.test_routing_api import bearer, client, code
from tests.integration.routing.test_rules import mark, rule
from tests.integration.routing.world import Routed, World

__all__ = ["client"]
PATH = "/v1/routing-rules"
VIP = {"name": "VIP", "conditions": {"segments": ["vip"]}, "effects": {"tier": 1}}


async def lead(world: World) -> dict[str, str]:
    return await bearer(world, await world.add_agent(ready=False), "supervisor")


async def test_rules_are_versions_and_who_was_slower_is_told(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world)
    assert (await client.get(PATH, headers=headers)).json() == {
        "version": 0, "made_at": None, "made_by": None, "rules": [], "warnings": [],
    }  # fmt: skip
    first = await client.put(PATH, headers=headers | {"If-Match": '"0"'}, json={"rules": [VIP]})
    assert (first.status_code, first.json()["version"]) == (200, 1)
    assert first.json()["rules"][0]["enabled"] is True
    stale = await client.put(PATH, headers=headers | {"If-Match": '"0"'}, json={"rules": []})
    assert code(stale) == (412, "routing_rules_changed")
    assert (await client.get(PATH, headers=headers)).json() == first.json()
    told = await world.execute("SELECT payload FROM event WHERE type = 'routing_rules.changed'")
    assert [one.payload["number"] for one in told] == [1]


async def test_the_same_key_makes_one_version(world: World, client: httpx.AsyncClient) -> None:
    headers = await lead(world) | {"Idempotency-Key": "rules-1"}
    answers = [await client.put(PATH, headers=headers, json={"rules": [VIP]}) for _ in range(2)]
    assert [answer.json()["version"] for answer in answers] == [1, 1]


async def test_of_two_racing_edits_without_a_version_none_is_lost_silently(world: World) -> None:
    async def put(name: str) -> str:
        try:
            body = RulesIn.model_validate({"rules": [VIP | {"name": name}]})
            return str((await world.run(put_rules, body, version=0)).version)
        except Exception as problem:
            return getattr(problem, "code", repr(problem))

    assert sorted(await asyncio.gather(put("one"), put("two"))) == ["1", "routing_rules_changed"]


async def test_only_who_may_plan_writes_rules(world: World, client: httpx.AsyncClient) -> None:
    headers = await bearer(world, await world.add_agent())
    assert (await client.put(PATH, headers=headers, json={"rules": []})).status_code == 403
    assert (await client.post(f"{PATH}/dry-run", headers=headers, json={"last": 1})).status_code == 403
    assert (await client.get(PATH)).status_code == 401


async def test_what_does_not_exist_is_refused_at_its_place(world: World, client: httpx.AsyncClient) -> None:
    headers, skill = await lead(world), str(uuid4())
    lost = {"name": "lost", "effects": {"queue_id": str(uuid4()), "requirements": {skill: 1}}}
    for method, path in (("PUT", PATH), ("POST", f"{PATH}/dry-run")):
        body = {"rules": [VIP, lost]} | ({"facts": {}} if method == "POST" else {})
        refused = await client.request(method, path, headers=headers, json=body)
        assert code(refused) == (422, "unknown_reference")
        assert [one["path"] for one in refused.json()["errors"]] == [
            "body.rules.1.effects.queue_id",
            f"body.rules.1.effects.requirements.{skill}",
        ]
    twice = await client.put(PATH, headers=headers, json={"rules": [VIP, VIP | {"name": "vip"}]})
    assert twice.status_code == 422
    assert "each name once" in twice.json()["errors"][0]["message"]
    many = [VIP | {"name": str(number)} for number in range(201)]
    assert (await client.put(PATH, headers=headers, json={"rules": many})).status_code == 422


async def test_a_rule_that_can_never_fire_is_saved_with_a_warning(world: World, client: httpx.AsyncClient) -> None:
    rules = [{"name": "all", "effects": {"tier": 2}, "stop": True}, VIP]
    answer = await client.put(PATH, headers=await lead(world), json={"rules": rules})
    assert answer.json()["warnings"] == [{"code": "unreachable", "rule": 2, "by": 1}]


async def test_a_dry_run_on_facts_tells_each_rule_and_the_outcome(world: World, client: httpx.AsyncClient) -> None:
    gold = await world.add_queue(uuid4())
    rules: list[dict[str, Any]] = [
        {"name": "e-mail", "conditions": {"channels": ["email"]}, "effects": {"tier": 2}},
        {"name": "off", "enabled": False, "effects": {"tier": 0}},
        VIP | {"stop": True, "effects": {"queue_id": str(gold), "priority": 9}},
        {"name": "late", "effects": {"tier": 0}},
    ]
    body = {"rules": rules, "facts": {"channel": "chat", "segments": ["vip"]}}
    tried = (await client.post(f"{PATH}/dry-run", headers=await lead(world), json=body)).json()
    assert tried["version"] == 0
    assert tried["past"] is None
    assert [(step["name"], step["became"], step["failed"], step["sets"]) for step in tried["facts"]["steps"]] == [
        ("e-mail", "failed", "channel", []),
        ("off", "disabled", None, []),
        ("VIP", "fired", None, ["queue_id", "priority"]),
        ("late", "not_asked", None, []),
    ]
    assert tried["facts"]["outcome"] == {
        "queue_id": str(gold), "tier": None, "priority": 9, "language": None, "requirements": {}, "preferred": [],
    }  # fmt: skip
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        far = await client.post(f"{PATH}/dry-run", headers=await lead(world), json={"facts": {"at": at}})
        assert far.status_code == 422
    both = await client.post(f"{PATH}/dry-run", headers=await lead(world), json=body | {"last": 5})
    assert both.status_code == 422


async def test_a_dry_run_on_the_newest_conversations_counts_who_would_go_elsewhere(
    world: World, client: httpx.AsyncClient
) -> None:
    gold, headers = await world.add_queue(uuid4()), await lead(world)
    conversations = [await world.add_waiting() for _ in range(5)]
    await mark(world, conversations[0], "vip")
    await mark(world, conversations[1], "vip")
    await mark(world, conversations[2], "elderly")
    rules = [
        {"name": "gold", "conditions": {"segments": ["vip"]}, "effects": {"queue_id": str(gold)}},
        {"name": "care", "conditions": {"segments": ["elderly"]}, "effects": {"tier": 1}},
    ]
    body = {"rules": rules, "last": 100}
    before = await world.execute("SELECT count(*) AS n FROM event")
    past = (await client.post(f"{PATH}/dry-run", headers=headers, json=body)).json()["past"]
    assert past == {
        "conversations": 5, "elsewhere": 2, "otherwise": 1,
        "moves": [{"from_queue_id": str(world.queue_id), "to_queue_id": str(gold), "conversations": 2}],
    }  # fmt: skip
    assert await world.execute("SELECT count(*) AS n FROM event") == before, "nothing is stored"
    await rule(world, *rules)
    in_force = (await client.post(f"{PATH}/dry-run", headers=headers, json={"last": 3})).json()["past"]
    assert (in_force["conversations"], in_force["elsewhere"], in_force["otherwise"]) == (3, 0, 0)


async def test_a_dry_run_looks_only_at_what_the_caller_may_see(world: World, client: httpx.AsyncClient) -> None:
    await world.add_waiting()
    headers = await lead(world)
    await world.execute("UPDATE account SET visibility = 'own'")
    past = (await client.post(f"{PATH}/dry-run", headers=headers, json={"last": 10})).json()["past"]
    assert past["conversations"] == 0


async def test_explain_names_the_rules_that_fired(world: World, routed: Routed, client: httpx.AsyncClient) -> None:
    await rule(world, VIP)
    conversation = await world.add_conversation()
    await mark(world, conversation, "vip")
    await world.follow(conversation)
    await routed()
    answer = await client.get(f"/v1/conversations/{conversation}/explain", headers=await lead(world))
    assert answer.json()["work"]["rules"] == {
        "version": 1,
        "fired": [{"number": 1, "name": "VIP", "sets": ["tier"]}],
        "effects": {"tier": 1},
    }
