"""The contact centre that routers and people race in: arrivals by set, chats gone quiet, tables emptied in between."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.core.database import Database
from app.routing.idling import IDLE_SECONDS
from app.routing.queue_schemas import QueueBody
from app.routing.service import presences, queues
from app.routing.service.desk import HolderChanged
from app.routing.service.work import Cause, follow_conversations
from tests.clocks import ManualClock
from tests.integration.routing.world import World
from tests.simulation.settings import MEMORIES_SECONDS, POLICIES, RINGS, WRAP_UPS, settings_of

AGENTS = 6
QUEUES = 3
WAITING = 10
"""Topped up before each round, so that the routers have something to decide."""
COME_BACK_SHARE = 0.3
"""Of the customers: they were served before, so that somebody is asked first."""
QUIET_SHARE = 0.1
"""Of the chats: nobody has written in them for so long that they are idle."""
AUTO_ACCEPT_SHARE = 0.2
TRIES = 50
CHANNELS = ("chat", "chat", "chat", "email", "email", "voice")

ARRIVALS = (
    "INSERT INTO customer (id, created_at) SELECT id, :now FROM unnest(CAST(:customers AS uuid[])) AS id"
    " ON CONFLICT DO NOTHING",
    "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
    " SELECT id, customer_id, 'visitor', id::text, :now"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:customers AS uuid[])) AS new (id, customer_id)",
    "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, queue_id,"
    " priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at, opened_at)"
    " SELECT id, customer_id, id, channel, CAST(:account AS uuid), 'open', queue_id, 5, '', 1, 1, 'Hello', 'customer',"
    " :now, :now FROM unnest(CAST(:ids AS uuid[]), CAST(:customers AS uuid[]), CAST(:channels AS text[]),"
    " CAST(:queues AS uuid[])) AS new (id, customer_id, channel, queue_id)",
)
QUEUED = "SELECT count(*) FROM work_item WHERE state = 'queued'"
SERVED = "SELECT customer_id FROM conversation WHERE owner_id IS NOT NULL ORDER BY last_message_at DESC LIMIT 20"
HELD_CHATS = "SELECT conversation_id FROM work_item WHERE state = 'assigned' AND units_held AND channel = 'chat'"
QUIET = (
    "UPDATE conversation SET last_message_at = :quiet_since WHERE id = ANY(CAST(:ids AS uuid[]))",
    "UPDATE work_item SET run_at = :now WHERE conversation_id = ANY(CAST(:ids AS uuid[])) AND state = 'assigned'"
    " AND units_held",
)
EVERYBODY_SERVES_EVERYWHERE = (
    "INSERT INTO queue_member (queue_id, agent_id) SELECT queue.id, agent.id FROM queue CROSS JOIN agent"
    " ON CONFLICT DO NOTHING"
)
EMPTIED = "TRUNCATE owner, account, agent, queue, customer, channel_account, routing_decision, event CASCADE"


class RaceWorld:
    """What is drawn comes from the seed; the order of the transactions does not."""

    def __init__(self, database: Database, seed: str) -> None:
        self.clock = ManualClock()
        self.world = World(database, self.clock)
        self.random = random.Random(seed)
        self.agents: list[UUID] = []
        self.queues: list[UUID] = []
        self.crossed = 0
        """How often an answer crossed the consumer, so that it asked again."""

    async def build(self) -> None:
        await self.world.execute(EMPTIED)
        await self.world.build()
        self.queues = [self.world.queue_id, *[await self.world.add_queue(uuid4()) for _ in range(QUEUES - 1)]]
        self.agents = [await self.world.add_agent() for _ in range(AGENTS)]
        await self.world.execute("UPDATE agent SET auto_accept = true WHERE id = :id", id=self.agents[0])
        async with self.world.database.transaction() as session:
            await session.execute(text(EVERYBODY_SERVES_EVERYWHERE))
        for number in range(QUEUES):
            await self.edit(number, self.draw_settings(number))

    def draw_settings(self, number: int) -> QueueBody:
        """Queues overflow into later ones only: a circle would be refused."""
        return settings_of(
            f"Queue {number}",
            self.queues[number + 1 :],
            overflows=self.random.random() < 0.5,
            policy=self.random.choice(POLICIES),
            wrap_up=self.random.choice(WRAP_UPS),
            rings=self.random.choice(RINGS),
            auto_accept=self.random.random() < AUTO_ACCEPT_SHARE,
            last_agent_memory_seconds=self.random.choice(MEMORIES_SECONDS),
        )

    async def edit(self, number: int, body: QueueBody) -> None:
        await self.world.run(queues.update_queue, queue_id=self.queues[number], body=body)

    async def prepare(self) -> None:
        """Everybody is there, so many wait, some have not written for long."""
        async with self.world.database.transaction() as session:
            await presences.beat(session, self.clock.now(), agent_ids=self.agents)
            waiting = (
                await session.execute(text("SELECT count(*) FROM work_item WHERE state = 'queued'"))
            ).scalar_one()
            served = list(await session.scalars(text(SERVED)))
            chats = list(await session.scalars(text(HELD_CHATS)))
            quiet = [chat for chat in sorted(chats) if self.random.random() < QUIET_SHARE]
            since = self.clock.now() - timedelta(seconds=IDLE_SECONDS + 1)
            for statement in QUIET if quiet else ():
                values = {"ids": quiet, "quiet_since": since, "now": self.clock.now()}
                await session.execute(text(statement), _used(statement, values))
        await self._open(WAITING - waiting, served)

    async def _open(self, count: int, served: Sequence[UUID]) -> None:
        """So many customers at once, each with a conversation that waits."""
        if count <= 0:
            return
        ids = [uuid4() for _ in range(count)]
        values = {
            "ids": ids,
            "customers": [self._customer(served) for _ in ids],
            "channels": [self.random.choice(CHANNELS) for _ in ids],
            "queues": [self.random.choice(self.queues) for _ in ids],
            "account": self.world.account_id,
            "now": self.clock.now(),
        }
        async with self.world.database.transaction() as session:
            for statement in ARRIVALS:
                await session.execute(text(statement), _used(statement, values))
        await self.follow(ids)

    def _customer(self, served: Sequence[UUID]) -> UUID:
        comes_back = served and self.random.random() < COME_BACK_SHARE
        return self.random.choice(served) if comes_back else uuid4()

    async def follow(self, ids: Sequence[UUID], actor: str = "customer") -> None:
        """As the consumer does: when an answer crossed it, it asks again."""
        causes = {conversation_id: Cause(actor, "request-1") for conversation_id in ids}
        for _ in range(TRIES):
            try:
                await self.world.run(follow_conversations, causes)
                return
            except HolderChanged:
                self.crossed += 1
        raise RuntimeError(f"the work of {ids} changed hands {TRIES} times")


def _used(statement: str, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f":{name}" in statement}
