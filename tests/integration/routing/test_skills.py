"""Preferred and fading skills of a queue: refused when they contradict, and kept to at every commit."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.core.errors import InvalidInput
from app.routing.queue_schemas import QueueBody
from app.routing.rule_schemas import RulesIn
from app.routing.rules import Effects, Rule, RuleConditions
from app.routing.service import by_hand, queues, rules
from tests.clocks import ManualClock
from tests.integration.routing.test_routing_api import bearer, client, code
from tests.integration.routing.world import Routed, World, principal_of

__all__ = ["client"]


async def configure(world: World, **settings: Any) -> None:
    body = QueueBody(name="Shop", target_seconds=600, **settings)
    await world.run(queues.update_queue, queue_id=world.queue_id, body=body)


async def offered(world: World, conversation: UUID) -> list[UUID]:
    return [offer.agent_id for offer in await world.offers(conversation)]


async def test_a_minimum_falls_until_somebody_free_meets_it(world: World, routed: Routed, clock: ManualClock) -> None:
    skill = await world.add_skill()
    await configure(world, requirements={skill: 8}, fading={skill: {"step_seconds": 10, "floor": 6}})
    good, fair = await world.add_agent(), await world.add_agent()
    await world.master(good, skill, 9)
    await world.master(fair, skill, 6)
    for _ in range(4):
        await world.run(by_hand.pick, principal_of(good), conversation_id=await world.add_waiting())
    conversation = await world.add_waiting()
    assert ((await world.work(conversation)).run_at - clock.now()).total_seconds() == 10
    for waited in (0, 10, 20):
        assert await offered(world, conversation) == []
        await routed()
        if waited < 20:
            clock.advance(10)
    [offer] = await world.offers(conversation)
    assert (offer.agent_id, offer.ring) == (fair, 2)
    await world.assert_sound()


async def test_a_ring_opened_before_its_time_has_its_own_number_among_the_steps(
    world: World, routed: Routed, clock: ManualClock
) -> None:
    skill = await world.add_skill()
    await configure(
        world,
        requirements={skill: 8},
        fading={skill: {"step_seconds": 10, "floor": 6}},
        rings=[{"enter_after_seconds": 300, "requirements": {}}],
    )
    good, beginner = await world.add_agent(), await world.add_agent()
    await world.master(good, skill, 9)
    for _ in range(4):
        await world.run(by_hand.pick, principal_of(good), conversation_id=await world.add_waiting())
    conversation = await world.add_waiting()
    await world.execute("UPDATE work_item SET least_ring = 1 WHERE conversation_id = :id", id=conversation)
    await routed()
    assert await offered(world, conversation) == [beginner]


async def test_nobody_at_the_floor_is_told_unroutable_at_once(world: World, routed: Routed) -> None:
    skill = await world.add_skill()
    await configure(world, requirements={skill: 8}, fading={skill: {"step_seconds": 10, "floor": 6}})
    await world.master(await world.add_agent(), skill, 5)
    conversation = await world.add_waiting()
    await routed()
    assert (await world.work(conversation)).unroutable_reason == "nobody_qualified"
    await world.master(await world.add_agent(), skill, 6)
    await routed()
    assert (await world.work(conversation)).state == "offered"


async def test_a_preferred_skill_ranks_and_is_not_needed(world: World, routed: Routed) -> None:
    skill = await world.add_skill()
    await configure(world, preferred=[skill])
    plain, skilled = await world.add_agent(), await world.add_agent()
    await world.master(skilled, skill, 3)
    conversation = await world.add_waiting()
    await routed()
    assert await offered(world, conversation) == [skilled]
    await world.run(by_hand.pick, principal_of(skilled), conversation_id=conversation)
    await world.execute("UPDATE agent_presence SET readiness = 'not_ready' WHERE agent_id = :id", id=skilled)
    other = await world.add_waiting()
    await routed()
    assert await offered(world, other) == [plain]


async def test_a_rule_prefers_a_skill_for_the_work_it_meets_only(world: World, routed: Routed) -> None:
    skill = await world.add_skill()
    rule = Rule(name="Calls for it", conditions=RuleConditions(languages=["zh"]), effects=Effects(preferred=[skill]))
    await world.run(rules.put_rules, RulesIn(rules=[rule]), version=None)
    plain, skilled = await world.add_agent(languages=()), await world.add_agent(languages=())
    await world.master(skilled, skill, 3)
    chinese = await world.add_waiting(language="zh")
    await routed()  # of equal works either might be first
    other = await world.add_waiting()
    assert ((await world.work(chinese)).preferred, (await world.work(other)).preferred) == ([str(skill)], [])
    await routed()
    assert [await offered(world, chinese), await offered(world, other)] == [[skilled], [plain]]
    unknown = Rule(name="Wrong", effects=Effects(preferred=[uuid4()]))
    with pytest.raises(InvalidInput) as refused:
        await world.run(rules.put_rules, RulesIn(rules=[unknown]), version=None)
    assert refused.value.code == "unknown_reference"


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"fading": {"floor": 8, "step_seconds": 10}}, "fading_contradicts"),
        ({"fading": {"floor": 2, "step_seconds": 10}, "ring": 7}, "ring_contradicts"),
    ],
)
async def test_fading_that_contradicts_is_refused_when_it_is_saved(
    world: World, settings: dict[str, Any], refusal: str
) -> None:
    skill = await world.add_skill()
    rings = [{"enter_after_seconds": 60, "requirements": {skill: settings["ring"]}}] if "ring" in settings else []
    with pytest.raises(InvalidInput) as refused:
        await configure(world, requirements={skill: 8}, fading={skill: settings["fading"]}, rings=rings)
    assert refused.value.code == refusal


async def test_a_skill_nobody_made_is_refused_wherever_it_stands(world: World, client: httpx.AsyncClient) -> None:
    headers = await bearer(world, await world.add_agent(ready=False), "supervisor")
    unknown = str(uuid4())
    places: dict[str, Any] = {
        f"body.requirements.{unknown}": {"requirements": {unknown: 5}},
        "body.preferred.0": {"preferred": [unknown]},
        f"body.fading.{unknown}": {"fading": {unknown: {"step_seconds": 30}}},
        f"body.rings.0.requirements.{unknown}": {"rings": [{"enter_after_seconds": 9, "requirements": {unknown: 1}}]},
    }
    for path, settings in places.items():
        answer = await client.post("/v1/queues", json={"name": "New", **settings}, headers=headers)
        assert code(answer) == (422, "unknown_reference")
        assert [error["path"] for error in answer.json()["errors"]] == [path]
