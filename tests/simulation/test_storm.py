"""Thousands of clocks due at one instant, and a worker that is killed again and again: each is told exactly once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app import wiring
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core import event_log
from app.core.act import Act
from app.core.consumers import ConsumerRunner
from app.core.database import Database
from app.core.log_signal import LogSignal
from app.events import catalogue
from app.events.conversations import ConversationOpened, MessageReceived
from app.events.event import Rights
from app.ops import migrate
from app.ops.bench.world import DRAINED
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody
from app.sla.policies import PolicyBody
from app.sla.service import administration
from tests.clocks import ManualClock
from tests.event_logs import opened_by_hand
from tests.simulation.cluster import Cluster, cluster

PATIENCE_SECONDS = 120
PATIENCE_A_CLOCK_SECONDS = 0.05
POLL_SECONDS = 0.02
TARGET_SECONDS = 60
OVERDUE = timedelta(seconds=TARGET_SECONDS + 5)
STORED_AT_ONCE = 1_000
POLICY = {
    "position": 0,
    "targets": [{"metric": "first_reply", "seconds": TARGET_SECONDS}],
    "thresholds": [
        {"percent": 75, "actions": [{"do": "notify", "to": "owner"}]},
        {
            "breach": True,
            "actions": [
                {"do": "notify", "to": "team"},
                {"do": "raise_priority", "to": 7},
                {"do": "create_task", "title": "call_back"},
            ],
        },
    ],
    "ladders": {"functional": [{"after_seconds": 0, "lead": True}]},
}


WRONG = {
    "clocks that are not breached at their due time, or were noticed before it": """
        SELECT count(*) FROM sla_clock WHERE metric = 'first_reply' AND (state <> 'breached' OR detected_at IS NULL
            OR breached_at <> due_at OR detected_at <= breached_at OR fired->>'breach' IS NULL)""",
    "due rows left behind, parked or leased": """
        SELECT count(*) FROM sla_clock WHERE parked_at IS NOT NULL OR leased_until IS NOT NULL OR attempts > 0""",
    "conversations whose priority was not raised once": """
        SELECT count(*) FROM conversation WHERE priority <> 7 OR version <> 2""",
    "work whose deadline was not advanced once": """
        SELECT count(*) FROM work_item w WHERE 1 <>
            (SELECT count(*) FROM routing_decision d WHERE d.work_id = w.id AND d.outcome = 'due_advanced')""",
    "conversations without one task, one escalation and one question for the cause": """
        SELECT count(*) FROM conversation c WHERE 1 <> (SELECT count(*) FROM sla_task t WHERE t.conversation_id = c.id)
            OR 1 <> (SELECT count(*) FROM sla_escalation e WHERE e.conversation_id = c.id)
            OR 1 <> (SELECT count(*) FROM sla_breach_cause b WHERE b.conversation_id = c.id)""",
    "parked events": "SELECT count(*) FROM parked_event",
}


@dataclass(frozen=True, slots=True)
class Form:
    """How large the storm is: `kills` end the worker in the middle of a batch, `crashes` PostgreSQL."""

    seed: int
    clocks: int = 2_000
    kills: int = 3
    crashes: int = 1


SHORT = Form(seed=7, clocks=1_000, kills=2)
FULL = Form(seed=7, clocks=10_000, kills=5, crashes=2)
"""`make prove PART=storm`"""


async def test_each_clock_of_a_storm_is_told_once_although_the_worker_dies_amid_it(tmp_path: Path) -> None:
    faults = await run_storm(SHORT, tmp_path)
    assert not faults, "\n".join(faults)


async def run_storm(form: Form, folder: Path) -> list[str]:
    """What was told twice, not at all, or done by halves; empty when each clock was told once."""
    print(f"{form}\nlogs in {folder}")
    with cluster(folder, workers=1) as served:
        await migrate.upgrade(served.database_url)
        conversations = await furnish(served.database_url, form)
        dice = random.Random(form.seed)
        harms = ["kill"] * form.kills + ["crash"] * form.crashes
        dice.shuffle(harms)
        for harm in harms:
            await hurt_amid_a_batch(served, harm, dice)
        start(served)
        async with connected(served) as observer:
            await settle(observer, form)
            return await find_faults(observer, conversations)


async def furnish(url: str, form: Form) -> list[UUID]:
    """Waiting conversations whose clocks were due a moment ago, followed by every consumer; nothing has rung."""
    clock = ManualClock(datetime.now(UTC) - OVERDUE)
    act, conversations = Act(clock.now(), "storm"), []
    database = Database(url, application_name="storm", pool_size=2)
    async with database.transaction() as session:
        queue = await routing.create_queue(session, act, QueueBody(name="Orders", target_seconds=3600))
        account = await channels.create_account(session, act, ChannelAccountIn(name="Shop", queue_id=queue.id))
        body = PolicyBody.model_validate(POLICY)
        await administration.create_policy(session, act, name="Storm", body=body)
    for first in range(0, form.clocks, STORED_AT_ONCE):
        numbers = range(first, min(first + STORED_AT_ONCE, form.clocks))
        async with database.transaction() as session:
            conversations += await open_many(session, act, account.id, queue.id, numbers)
    async with opened_by_hand(url, clock) as log:
        head = -1
        while head != (head := await log.dispatch()):
            pass
        consumers = ConsumerRunner(
            database, clock, LogSignal(), wiring.CONSUMERS, known_events=frozenset(catalogue.BY_NAME)
        )
        await consumers.prepare()
        running = asyncio.create_task(consumers.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await log.connection.fetchval("SELECT min(position) FROM consumer_cursor") < head:
                await asyncio.sleep(POLL_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await database.close()
    return conversations


async def open_many(session: Any, act: Act, account_id: UUID, queue_id: UUID, numbers: range) -> list[UUID]:
    """As the door opens them: the rows and the events."""
    connection = await event_log.driver_connection(session)
    rows = [(act.new_id(), act.new_id(), act.new_id(), number) for number in numbers]
    customers, contacts, conversations, order = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(
        "INSERT INTO customer (id, created_at) SELECT id, $2 FROM unnest($1::uuid[]) AS id", customers, act.now
    )
    await connection.execute(
        "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
        " SELECT id, customer_id, 'visitor', number::text, $4 FROM unnest($1::uuid[], $2::uuid[], $3::int[])"
        " AS made (id, customer_id, number)",
        contacts,
        customers,
        order,
        act.now,
    )
    await connection.execute(
        "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, queue_id,"
        " priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at, opened_at)"
        " SELECT id, customer_id, contact_id, 'chat', $4, 'open', $5, 3, 'en', 1, 1, '', 'customer', $6, $6"
        " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS made (id, customer_id, contact_id)",
        conversations,
        customers,
        contacts,
        account_id,
        queue_id,
        act.now,
    )
    for customer_id, contact_id, conversation_id, number in rows:
        opened = ConversationOpened(
            conversation_id=conversation_id,
            number=number,
            customer_id=customer_id,
            contact_point_id=contact_id,
            channel="chat",
            channel_account_id=account_id,
            priority=3,
            language="en",
            rights=Rights(queue_id=queue_id),
        )
        received = MessageReceived(
            conversation_id=conversation_id,
            message_id=act.new_id(),
            sequence=1,
            message_class="customer",
            channel="chat",
            channel_account_id=account_id,
            provider_at=None,
            arrived_at=act.now,
            effective_at=act.now,
        )
        await event_log.append(session, act, [opened, received])
    return conversations


async def hurt_amid_a_batch(served: Cluster, harm: str, dice: random.Random) -> None:
    """One conversation is held, so that a batch of the worker stops in its midst, and there the end comes."""
    async with connected(served) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await hold_one(holder, dice)
        start(served)
        await someone_waits(served)
        if harm == "kill":
            worker = served.workers[0].process
            assert worker is not None
            worker.kill()
            worker.wait()
            await transaction.rollback()
            return
    served.postgres.kill()
    served.postgres.start()


def start(served: Cluster) -> None:
    """Unless it has outlived what was done to it."""
    [worker] = served.workers
    if worker.ended():
        worker.start()


async def hold_one(holder: "asyncpg.Connection[Any]", dice: random.Random) -> None:
    untold = await holder.fetch(
        "SELECT conversation_id FROM sla_clock WHERE metric = 'first_reply'"
        " AND detected_at IS NULL ORDER BY conversation_id"
    )
    assert untold, "the storm was over before it could be hurt"
    await holder.execute("SELECT FROM conversation WHERE id = $1 FOR NO KEY UPDATE", dice.choice(untold)[0])


async def someone_waits(served: Cluster) -> None:
    async with connected(served) as observer, asyncio.timeout(PATIENCE_SECONDS):
        while not await observer.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def connected(served: Cluster) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(served.database_url)
    try:
        yield connection
    finally:
        connection.terminate()


async def settle(observer: "asyncpg.Connection[Any]", form: Form) -> None:
    """Until every clock that was due has rung and every consumer has heard of it."""
    async with asyncio.timeout(PATIENCE_SECONDS + form.clocks * PATIENCE_A_CLOCK_SECONDS):
        while await observer.fetchval("SELECT EXISTS (SELECT FROM sla_clock WHERE run_at < $1)", datetime.now(UTC)):
            await asyncio.sleep(POLL_SECONDS)
        there = await observer.fetchval("SELECT count(*) FROM event")
        while not await observer.fetchval(DRAINED, there):
            await asyncio.sleep(POLL_SECONDS)


async def find_faults(observer: "asyncpg.Connection[Any]", conversations: list[UUID]) -> list[str]:
    once = dict.fromkeys(conversations, 1)
    told = {
        "sla.breached": Counter(await keys_of(observer, "sla.breached")),
        "sla.warned": Counter(await keys_of(observer, "sla.warned")),
        "conversation.priority_changed": Counter(await keys_of(observer, "conversation.priority_changed")),
    }
    faults = [
        f"{name}: {sum(counts.values())} of {len(once)}, {sum(count > 1 for count in counts.values())} more than once"
        for name, counts in told.items()
        if counts != once
    ]
    for name, query in WRONG.items():
        if found := await observer.fetchval(query):
            faults.append(f"{name}: {found}")
    return faults


async def keys_of(observer: "asyncpg.Connection[Any]", type_: str) -> list[UUID]:
    return [row["key"] for row in await observer.fetch("SELECT key FROM event WHERE type = $1", type_)]
