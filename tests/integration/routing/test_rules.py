"""Routing rules in the tables: applied where work is made, once more when a category is given, told and explained."""

import asyncio
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from app.core.database import driver_connection
from app.core.event_log import StoredEvent
from app.events import catalogue
from app.routing.consumers import handle
from app.routing.rule_schemas import RulesIn
from app.routing.rules import DAYS
from app.routing.service import by_hand, get_rules, put_rules
from app.routing.service.work import Cause, follow_conversations
from app.routing.transfer_schemas import TransferBody
from app.wiring import HOURS
from tests.integration.routing.world import Routed, World, principal_of


async def rule(world: World, *rules: dict[str, Any]) -> None:
    await world.run(put_rules, RulesIn.model_validate({"rules": rules}), version=None)


async def mark(world: World, conversation: UUID, *segments: str, attributes: str = "{}") -> None:
    await world.execute(
        "UPDATE customer SET segments = :segments, attributes = CAST(:attributes AS jsonb) FROM conversation"
        " WHERE conversation.customer_id = customer.id AND conversation.id = :id",
        id=conversation,
        segments=list(segments),
        attributes=attributes,
    )


async def row(world: World, conversation: UUID) -> Any:
    return (
        await world.execute("SELECT queue_id, owner_id, priority FROM conversation WHERE id = :id", id=conversation)
    )[0]


async def categorise(world: World, conversation: UUID, before: str, after: str) -> None:
    """As the consumer hears of it."""
    await world.execute("UPDATE conversation SET category = :c WHERE id = :id", c=after, id=conversation)
    now = world.clock.now()
    event = StoredEvent(
        position=1, positioned_at=now, id=1, created_at=now, uuid=uuid4(), key=conversation,
        type="conversation.categorised", version=1, occurred_at=now, actor="agent:x", request_id="request-2",
        payload_text=catalogue.BY_NAME["conversation.categorised", 1](
            conversation_id=conversation, before=before, after=after
        ).model_dump_json(),
    )  # fmt: skip
    async with world.database.transaction() as session:
        await handle(session, world.act(), [event], hours=HOURS)


async def test_the_rules_put_new_work_into_their_queue_and_say_so(world: World) -> None:
    gold, skill = await world.add_queue(uuid4()), uuid4()
    await world.execute(
        "INSERT INTO skill (id, name, created_at) VALUES (:id, 'Gold', :now)", id=skill, now=world.clock.now()
    )
    effects = {"queue_id": str(gold), "tier": 1, "priority": 9, "requirements": {str(skill): 3}}
    await rule(
        world,
        {"name": "VIP", "conditions": {"segments": ["vip"]}, "effects": effects},
        {"name": "Everyone", "effects": {"priority": 2, "tier": 2}},
    )
    vip, other, plain = [await world.add_conversation() for _ in range(3)]
    await mark(world, vip, "vip", "elderly")
    await world.follow(vip, other, plain)
    work = await world.work(vip)
    assert (work.queue_id, work.tier, work.priority, work.requirements) == (gold, 1, 9, {str(skill): 3})
    assert work.rules is not None
    assert work.rules["version"] == 1
    assert [one["sets"] for one in work.rules["fired"]] == [
        ["queue_id", "tier", "priority", f"requirements.{skill}"],
        [],
    ]
    assert (await row(world, vip)).queue_id == gold
    assert (await row(world, vip)).priority == 9
    assert (await row(world, other)).queue_id == world.queue_id
    assert (await world.work(other)).priority == 2
    types = await world.event_types(vip)
    assert types.count("conversation.rights_changed") == types.count("conversation.priority_changed") == 1
    await world.follow(vip, other, plain)
    assert await world.event_types(vip) == types
    await world.assert_sound()


async def test_without_rules_everything_is_as_it_was(world: World) -> None:
    conversation = await world.add_waiting()
    work = await world.work(conversation)
    assert (work.queue_id, work.tier, work.priority, work.rules) == (world.queue_id, 2, 5, None)
    async with world.database.transaction() as session:
        assert (await get_rules(session)).version == 0


async def test_no_rule_touches_a_probes_conversation(world: World) -> None:
    gold = await world.add_queue(uuid4())
    await rule(world, {"name": "All", "effects": {"queue_id": str(gold)}})
    conversation = await world.add_conversation()
    await world.execute("UPDATE conversation SET synthetic = true WHERE id = :id", id=conversation)
    await world.follow(conversation)
    assert (await world.work(conversation)).queue_id == world.queue_id


async def test_a_category_moves_waiting_work_and_takes_it_back(world: World, routed: Routed) -> None:
    billing = await world.add_queue(uuid4())
    await rule(
        world, {"name": "Billing", "conditions": {"categories": ["billing"]}, "effects": {"queue_id": str(billing)}}
    )
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    assert (await world.work(conversation)).state == "offered"
    ready_at = (await world.work(conversation)).ready_at
    await categorise(world, conversation, "", "billing")
    work = await world.work(conversation)
    assert (work.queue_id, work.state, work.ready_at) == (billing, "queued", ready_at)
    assert [offer.state for offer in await world.offers(conversation)] == ["withdrawn"]
    assert await world.used_units(agent) == 0
    types = await world.event_types(conversation)
    await categorise(world, conversation, "", "billing")
    assert await world.event_types(conversation) == types, "a repeat changes nothing"
    await categorise(world, conversation, "billing", "")
    assert (await world.work(conversation)).queue_id == world.queue_id
    assert (await row(world, conversation)).queue_id == world.queue_id
    await world.assert_sound()


async def test_a_category_may_change_only_the_terms(world: World, routed: Routed) -> None:
    await rule(
        world, {"name": "Danger", "conditions": {"categories": ["danger"]}, "effects": {"tier": 0, "priority": 9}}
    )
    await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    due_at = (await world.work(conversation)).due_at
    await categorise(world, conversation, "", "danger")
    [work] = await world.works(conversation)
    assert (work.state, work.tier, work.priority, work.due_at) == ("queued", 0, 9, due_at)
    assert work.rules is not None
    assert work.rules["fired"][0]["name"] == "Danger"
    assert (await row(world, conversation)).priority == 9
    await routed()
    assert (await world.work(conversation)).state == "offered"
    await world.assert_sound()


async def test_owned_work_stays_whatever_its_category(world: World, routed: Routed) -> None:
    billing = await world.add_queue(uuid4())
    await rule(
        world, {"name": "Billing", "conditions": {"categories": ["billing"]}, "effects": {"queue_id": str(billing)}}
    )
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    before = await world.event_types(conversation)
    await categorise(world, conversation, "", "billing")
    assert await world.event_types(conversation) == before
    assert (await row(world, conversation)).owner_id == agent
    assert (await world.work(conversation)).state == "assigned"


async def test_work_handed_on_keeps_the_customers_terms_but_not_the_rules_place(world: World) -> None:
    gold, tech, skill = await world.add_queue(uuid4()), await world.add_queue(uuid4()), uuid4()
    now = world.clock.now()
    await world.execute("INSERT INTO skill (id, name, created_at) VALUES (:id, 'Gold', :now)", id=skill, now=now)
    effects = {"queue_id": str(gold), "tier": 1, "priority": 9, "requirements": {str(skill): 3}}
    await rule(world, {"name": "All", "effects": effects})
    conversation = await world.add_waiting()
    agent = await world.add_agent()
    body = TransferBody(queue_id=tech, reason="wrong_team")
    lead = principal_of(agent, scopes=frozenset({by_hand.OVERRIDE_SCOPE}))
    await world.run(by_hand.transfer, lead, conversation_id=conversation, body=body)
    work = await world.work(conversation)
    assert (work.queue_id, work.tier, work.priority, work.requirements) == (tech, 1, 9, {})
    assert work.rules is not None
    assert work.rules["effects"] == {"tier": 1, "priority": 9}
    assert (await row(world, conversation)).queue_id == tech
    await world.assert_sound()


async def test_whoever_reopens_an_owned_conversation_keeps_its_queue(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    gold = await world.add_queue(uuid4())
    await rule(world, {"name": "All", "effects": {"queue_id": str(gold), "tier": 0}})
    await world.set_status(conversation, "resolved")
    await world.set_status(conversation, "open")
    work = await world.work(conversation)
    assert (work.queue_id, work.agent_id, work.tier) == (world.queue_id, agent, 0)
    assert (await row(world, conversation)).queue_id == world.queue_id


async def test_a_queue_that_is_gone_is_passed_over(world: World) -> None:
    gold = await world.add_queue(uuid4())
    await rule(world, {"name": "All", "effects": {"queue_id": str(gold), "tier": 0}})
    await world.execute("DELETE FROM queue WHERE id = :id", id=gold)
    work = await world.work(await world.add_waiting())
    assert (work.queue_id, work.tier) == (world.queue_id, 0)


async def test_attributes_brand_and_hours_are_read_from_the_tables(world: World) -> None:
    await world.execute("UPDATE channel_account SET brand = 'Teapots'")
    local = world.clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    day, other = DAYS[local.weekday()], DAYS[(local.weekday() + 2) % 7]
    conditions = {
        "brands": ["Teapots"],
        "channel_account_ids": [str(world.account_id)],
        "attributes": {"plan": ["gold"]},
        "hours": {"zone": "Asia/Shanghai", "weekly": {day: ["00:00-24:00"]}},
    }
    late = {"hours": {"zone": "Asia/Shanghai", "weekly": {other: ["00:00-24:00"]}}}
    await rule(
        world,
        {"name": "Never today", "conditions": late, "effects": {"tier": 1}},
        {"name": "Gold", "conditions": conditions, "effects": {"tier": 0}},
    )
    conversation = await world.add_conversation()
    await mark(world, conversation, attributes='{"plan": "gold"}')
    await world.follow(conversation)
    assert (await world.work(conversation)).tier == 0


async def test_a_batch_costs_as_many_statements_as_one(world: World) -> None:
    gold = await world.add_queue(uuid4())
    await rule(world, {"name": "All", "effects": {"queue_id": str(gold), "tier": 1, "priority": 7}})
    counts = []
    for size in (1, 40):
        ids = [await world.add_conversation() for _ in range(size)]
        async with world.database.transaction() as session:
            asked: list[str] = []
            connection = await driver_connection(session)
            connection.add_query_logger(lambda record, asked=asked: asked.append(record.query))
            causes = {one: Cause("customer", "request-1") for one in ids}
            await follow_conversations(session, world.act(), causes, hours=HOURS)
            counts.append(len(asked))
        assert all([(await row(world, one)).queue_id == gold for one in ids])
    assert counts[0] == counts[1] > 0


async def test_an_answer_that_crosses_a_category_leaves_the_work_owned_or_moved_never_both(
    world: World, routed: Routed
) -> None:
    billing = await world.add_queue(uuid4())
    await rule(
        world, {"name": "Billing", "conditions": {"categories": ["billing"]}, "effects": {"queue_id": str(billing)}}
    )
    agent = await world.add_agent()
    for _ in range(6):
        conversation = await world.add_waiting()
        await routed()
        [offer] = await world.offers(conversation)
        answers = await asyncio.gather(
            world.accept(offer), categorise(world, conversation, "", "billing"), return_exceptions=True
        )
        assert answers[1] is None
        work, now = await world.work(conversation), await row(world, conversation)
        if isinstance(answers[0], BaseException):
            assert (work.queue_id, work.state, now.owner_id) == (billing, "queued", None)
        else:
            assert (work.queue_id, work.state, now.owner_id) == (world.queue_id, "assigned", agent)
            await world.set_status(conversation, "resolved")
        assert now.queue_id == work.queue_id
        await world.assert_sound()
