"""However the log is cut and whoever crashes: what is stored is what the whole history says, and is told once."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import Database
from app.core.due_outcomes import MAX_BACK_OFF_SECONDS
from app.core.due_rows import DueRowRunner
from app.core.event_log import StoredEvent
from app.events.conversations import ConversationMerged
from app.events.event import Event
from app.events.sla import Promised, PromiseKept
from app.ops import sla_check
from app.sla import repository
from app.sla.consumers import SLA
from app.sla.jobs import CLOCK_TABLE
from app.sla.service import checks
from tests.integration.sla.world import World

CONVERSATIONS = 8
EVENTS = 25
STORM = 1_000


class Crash(Exception):
    pass


def random_event(world: World, conversation_id: UUID, other_id: UUID, dice: random.Random) -> Event:
    """Three in ten count before what was told already."""
    late = world.clock.now() - timedelta(seconds=0 if dice.random() < 0.7 else dice.choice((5, 60, 300)))
    statuses = ("open", "pending", "on_hold", "snoozed", "resolved")
    promise = {"conversation_id": conversation_id, "metric": "callback_promise", "seq": dice.randint(1, 9)}
    due_at = world.clock.now() + timedelta(seconds=dice.choice((10, 500)))
    kinds = (
        lambda: world.customer_wrote(conversation_id, at=late),
        lambda: world.we_wrote(conversation_id, at=late),
        lambda: world.we_wrote(conversation_id, message_class="auto_ack"),
        lambda: world.status(conversation_id, "open", dice.choice(statuses), at=late),
        lambda: world.priority(conversation_id, 3, dice.choice((0, 3, 5, 7))),
        lambda: world.work(conversation_id, dice.choice((None, "queued", "assigned")), dice.choice(("queued", "done"))),
        lambda: Promised(**promise, promise_id=uuid4(), due_at=due_at, made_at=world.clock.now()),
        lambda: PromiseKept(**promise, promise_id=uuid4()),
        lambda: ConversationMerged(conversation_id=conversation_id, into_id=other_id),
    )
    return dice.choice(kinds)()


@pytest.mark.parametrize("seed", [11, 5_2026])
async def test_what_is_folded_batch_by_batch_is_what_the_whole_history_says(world: World, seed: int) -> None:
    dice = random.Random(seed)
    for position, only in ((1, {"conditions": {"priorities": [3, 5]}, "frozen": ["next_reply"]}), (2, {})):
        await world.use_policy(
            position=position,
            targets=[
                {"metric": metric, "seconds": dice.choice((30, 300, 3000))}
                for metric in ("next_reply", "requester_wait", "total_resolution", "periodic_update", "queue_wait")
            ],
            **only,
        )
    calm = SLA.handle
    crashes = 0

    async def handle(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
        nonlocal crashes
        await calm(session, act, events)
        # A batch falls, but not each of its events for ever: that would be a poisoned event, which is parked.
        if len(events) > 1 and dice.random() < 0.3:
            crashes += 1
            raise Crash

    conversations = [await world.open(channel="letter") for _ in range(CONVERSATIONS)]
    for _ in range(EVENTS):
        for conversation_id, other_id in pairwise(dice.sample(conversations, 5)):
            world.clock.advance(dice.choice((0, 1, 20, 100)))
            await world.tell(random_event(world, conversation_id, other_id, dice))
        if dice.random() < 0.3:
            await world.follow(replace(SLA, handle=handle, batch=dice.randint(1, 40)))
            await world.ring()
    await world.follow(replace(SLA, handle=handle, batch=7))
    assert crashes > 0
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        assert await checks.check_conversations(session, act, conversations) == [], seed
        history = await repository.list_facts(session, conversations)
        states = await repository.find_states(session, conversations)
    assert any("next_reply" in one.selection for one in states.values())
    assert any(fact.merged for facts in history.values() for fact in facts)
    assert any(fact.at < before.at for facts in history.values() for before, fact in pairwise(facts))


async def test_a_storm_of_breaches_is_told_once_each_while_its_connections_are_killed(world: World) -> None:
    """Cut between, and in the middle of, the transactions of many rows: what was taken is free again at once."""
    conversations = await world.open_many(STORM)
    await world.follow()
    world.clock.advance(60)
    doomed = Database(world.database.url, application_name="doomed")
    runner = DueRowRunner(doomed, world.clock, [CLOCK_TABLE])
    running = asyncio.create_task(runner.run())
    for kill in range(5):
        while await world.told("sla.breached") < (kill + 1) * STORM // 8:
            await asyncio.sleep(0.01)
            world.clock.advance(MAX_BACK_OFF_SECONDS)
        await world.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'")
    while await world.execute("SELECT 1 FROM sla_clock WHERE run_at IS NOT NULL LIMIT 1"):
        await asyncio.sleep(0.05)
        world.clock.advance(MAX_BACK_OFF_SECONDS)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await doomed.close()
    assert await world.told("sla.breached") == STORM
    breaches = Counter(event.key for event in await world.events("sla.breached"))
    warnings = Counter((event.key, event.payload["threshold"]) for event in await world.events("sla.warned"))
    assert breaches == dict.fromkeys(conversations, 1)
    assert warnings == {(key, name): 1 for key in conversations for name in ("50%", "75%", "90%")}
    [row] = await world.execute("SELECT count(*) AS n FROM sla_clock WHERE run_at IS NOT NULL OR state != 'breached'")
    assert row.n == 0


async def test_a_customer_of_another_segment_moves_to_the_policy_of_that_segment(world: World) -> None:
    await world.use_policy(
        position=1, conditions={"segments": ["vip"]}, targets=[{"metric": "first_reply", "seconds": 10}]
    )
    conversation_id = await world.open()
    await world.follow()
    await world.make_vip(conversation_id)
    await world.follow()
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    assert clock.target_seconds == 10


async def test_the_operators_check_finds_what_differs_and_nothing_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    merged, into = [await world.open() for _ in range(2)]
    await world.promise(merged, "callback_promise", world.clock.now() + timedelta(hours=1))
    await world.follow()
    world.clock.advance(30)
    await world.merge(merged, into)
    await world.follow()
    capsys.readouterr()
    assert await sla_check.run(world.database.url, conversation_id=None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"looked_at": 2, "differences": []}
    await world.execute(
        "UPDATE sla_clock SET elapsed_seconds = elapsed_seconds + 1 WHERE conversation_id = :id"
        " AND metric = 'first_reply'",
        id=into,
    )
    assert await sla_check.run(world.database.url, conversation_id=into, as_json=False) == 1
    printed = capsys.readouterr().out
    assert f"{into} first_reply 1" in printed
    assert "1 conversations, 1 clocks differ" in printed
