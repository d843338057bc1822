"""A small organisation for tests of the door: a team, a queue, a chat account; and envelopes from its visitors."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.channels.envelope import Contact, InboundEnvelope
from app.core.database import Database
from app.core.ids import new_id
from tests.clocks import ManualClock


@dataclass
class World:
    database: Database
    clock: ManualClock
    team_id: UUID = field(default_factory=uuid4)
    queue_id: UUID = field(default_factory=uuid4)
    account_id: UUID = field(default_factory=uuid4)
    public_key: str = field(default_factory=lambda: f"pk_{uuid4().hex}")

    def envelope(self, visitor: str = "v1", provider_id: str | None = None, **changes: Any) -> InboundEnvelope:
        given: dict[str, Any] = {
            "channel": "chat",
            "channel_account_id": self.account_id,
            "provider_id": provider_id or uuid4().hex,
            "contact": Contact("visitor", visitor, verified=True),
            "body": "hello",
        }
        return InboundEnvelope(**given | changes)

    async def rows(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database.url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    async def value(self, statement: str, *values: Any) -> Any:
        return (await self.rows(statement, *values))[0][0]

    async def event_types(self, key: UUID) -> list[str]:
        return [row[0] for row in await self.rows("SELECT type FROM event WHERE key = $1 ORDER BY id", key)]

    async def add_agent(
        self, name: str, *, role: str = "agent", visibility: str = "team", in_team: bool = True
    ) -> UUID:
        agent_id = new_id(self.clock.now())
        await self.rows(
            "INSERT INTO account (id, login, password_hash, role, visibility, team_id, created_at)"
            " VALUES ($1, $2, 'none', $3, $4, $5, $6)",
            agent_id, name, role, visibility, self.team_id if in_team else None, self.clock.now(),
        )  # fmt: skip
        await self.rows(
            "INSERT INTO agent (id, name, languages, updated_at) VALUES ($1, $2, '{en}', $3)",
            agent_id, name, self.clock.now(),
        )  # fmt: skip
        return agent_id


async def make_world(database: Database, clock: ManualClock) -> World:
    world = World(database, clock)
    now: datetime = clock.now()
    await world.rows("INSERT INTO team (id, name, created_at) VALUES ($1, 'Support', $2)", world.team_id, now)
    await world.rows(
        "INSERT INTO queue (id, name, team_id, tier, priority, target_seconds, offer_timeout_seconds, created_at)"
        " VALUES ($1, 'General', $2, 1, 3, 60, 30, $3)",
        world.queue_id, world.team_id, now,
    )  # fmt: skip
    await world.rows(
        "INSERT INTO channel_account (id, kind, name, public_key, queue_id, allowed_origins, created_at)"
        " VALUES ($1, 'chat', 'Shop', $2, $3, '{https://shop.example}', $4)",
        world.account_id, world.public_key, world.queue_id, now,
    )  # fmt: skip
    return world
