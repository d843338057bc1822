"""A small contact centre in the tables: agents, queues, conversations, and the acts upon them."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core import ids
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database
from app.core.owners import acquire
from app.routing.models import Offer, WorkItem
from app.routing.repository import checks
from app.routing.service import offers, presences, views
from app.routing.service.matching import ROUTER
from app.routing.service.waking import wake
from app.routing.service.work import Cause, follow_conversations
from app.wiring import HOURS

Routed = Callable[[], Awaitable[None]]
"""Rebuild and decide until nothing follows any more."""


@dataclass
class World:
    database: Database
    clock: Clock
    queue_id: UUID = field(default_factory=uuid4)
    account_id: UUID = field(default_factory=uuid4)

    def act(self, actor: str = "tests") -> Act:
        return system_act(self.clock, actor, "request-1")

    async def run(
        self, use_case: Callable[..., Awaitable[Any]], *args: Any, actor: str = "tests", **kwargs: Any
    ) -> Any:
        """One use-case in a transaction of its own, with the hours of queues as the application brings them."""
        if "hours" in inspect.signature(use_case).parameters:
            kwargs.setdefault("hours", HOURS)
        async with self.database.transaction() as session:
            return await use_case(session, self.act(actor), *args, **kwargs)

    async def beat(self, agent_id: UUID) -> None:
        """As the door of the sockets does it: those who are not connected are, in a second transaction."""
        async with self.database.transaction() as session:
            beaten = await presences.beat(session, self.clock.now(), agent_ids=[agent_id])
        if agent_id not in beaten:
            async with self.database.transaction() as session:
                await presences.connect(session, {agent_id: self.act("tests")})

    async def close_socket(self, agent_id: UUID) -> None:
        async with self.database.transaction() as session:
            await presences.disconnect(session, self.clock.now(), agent_ids=[agent_id])

    async def execute(self, statement: str, **values: Any) -> Any:
        async with self.database.transaction() as session:
            return (
                (await session.execute(text(statement), values)).all()
                if "SELECT" in statement
                else (await session.execute(text(statement), values))
            )

    async def build(self) -> None:
        await self.add_queue(self.queue_id)
        await self.execute(
            "INSERT INTO channel_account (id, kind, name, public_key, queue_id, created_at)"
            " VALUES (:id, 'chat', 'Shop', :key, :queue, :now)",
            id=self.account_id,
            key=str(self.account_id),
            queue=self.queue_id,
            now=self.clock.now(),
        )

    async def add_queue(self, queue_id: UUID, *, offer_timeout_seconds: int = 30, auto_accept: bool = False) -> UUID:
        await self.execute(
            "INSERT INTO queue (id, name, tier, priority, target_seconds, offer_timeout_seconds,"
            " auto_accept, created_at) VALUES (:id, :name, 2, 5, 60, :timeout, :auto, :now)",
            id=queue_id,
            name=f"Queue {queue_id}",
            timeout=offer_timeout_seconds,
            auto=auto_accept,
            now=self.clock.now(),
        )
        return queue_id

    async def add_skill(self, name: str = "Chinese") -> UUID:
        skill = uuid4()
        await self.execute(
            "INSERT INTO skill (id, name, created_at) VALUES (:id, :name, :now)",
            id=skill,
            name=name,
            now=self.clock.now(),
        )
        return skill

    async def master(self, agent_id: UUID, skill: UUID, level: int) -> None:
        await self.execute(
            "INSERT INTO agent_skill (agent_id, skill_id, proficiency) VALUES (:agent, :skill, :level)",
            agent=agent_id,
            skill=skill,
            level=level,
        )

    async def add_agent(self, *, languages: tuple[str, ...] = ("en",), member: bool = True, ready: bool = True) -> UUID:
        agent_id = ids.new_id(self.clock.now())
        await self.execute(
            "INSERT INTO account (id, login, password_hash, role, visibility, created_at)"
            " VALUES (:id, :login, '', 'agent', 'all', :now)",
            id=agent_id,
            login=str(agent_id),
            now=self.clock.now(),
        )
        await self.execute(
            "INSERT INTO agent (id, name, languages, updated_at) VALUES (:id, 'Ada', :languages, :now)",
            id=agent_id,
            languages=list(languages),
            now=self.clock.now(),
        )
        if member:
            await self.execute(
                "INSERT INTO queue_member (queue_id, agent_id) VALUES (:queue, :id)", queue=self.queue_id, id=agent_id
            )
        await self.beat(agent_id)
        if ready:
            await self.run(presences.set_presence, agent_id=agent_id, readiness="ready")
        return agent_id

    async def add_conversation(
        self,
        *,
        language: str = "",
        channel: str = "chat",
        queue_id: UUID | None = None,
        owner_id: UUID | None = None,
        customer_id: UUID | None = None,
    ) -> UUID:
        """Of a customer who is new, or has been here."""
        now, conversation_id, contact_id = self.clock.now(), uuid4(), uuid4()
        if customer_id is None:
            customer_id = uuid4()
            await self.execute("INSERT INTO customer (id, created_at) VALUES (:id, :now)", id=customer_id, now=now)
        await self.execute(
            "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
            " VALUES (:id, :customer, 'visitor', :value, :now)",
            id=contact_id,
            customer=customer_id,
            value=str(contact_id),
            now=now,
        )
        await self.execute(
            "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status,"
            " owner_id, queue_id, priority, language, last_sequence, last_public_sequence, preview, preview_class,"
            " last_message_at, opened_at) VALUES (:id, :customer, :contact, :channel, :account, 'open', :owner, :queue,"
            " 5, :language, 1, 1, 'Hello', 'customer', :now, :now)",
            id=conversation_id,
            customer=customer_id,
            contact=contact_id,
            channel=channel,
            account=self.account_id,
            owner=owner_id,
            queue=queue_id or self.queue_id,
            language=language,
            now=now,
        )
        return conversation_id

    async def add_waiting(self, **options: Any) -> UUID:
        """A conversation whose work is queued."""
        conversation_id = await self.add_conversation(**options)
        await self.follow(conversation_id)
        return conversation_id

    async def follow(self, *conversation_ids: UUID, actor: str = "customer") -> None:
        causes = {conversation_id: Cause(actor, "request-1") for conversation_id in conversation_ids}
        await self.run(follow_conversations, causes)

    async def set_status(self, conversation_id: UUID, status: str, *, actor: str = "customer") -> None:
        await self.execute("UPDATE conversation SET status = :status WHERE id = :id", status=status, id=conversation_id)
        await self.follow(conversation_id, actor=actor)

    async def write(self, conversation_id: UUID, *, actor: str = "customer") -> None:
        """Somebody writes in it; routing hears of it as its consumer tells."""
        await self.execute(
            "UPDATE conversation SET last_sequence = last_sequence + 1, last_public_sequence = last_sequence + 1,"
            " last_message_at = :now WHERE id = :id",
            id=conversation_id,
            now=self.clock.now(),
        )
        await self.run(wake, {conversation_id: Cause(actor, "request-1")})

    async def acquire_router(self, holder: str = "tests") -> int:
        async with self.database.transaction() as session:
            epoch = await acquire(session, ROUTER, holder, self.clock.now())
        assert epoch is not None
        return epoch

    async def works(self, conversation_id: UUID) -> list[WorkItem]:
        async with self.database.transaction() as session:
            rows = await session.execute(
                text("SELECT id FROM work_item WHERE conversation_id = :id ORDER BY ended_at, id"),
                {"id": conversation_id},
            )
            return [await _get(session, WorkItem, row.id) for row in rows]

    async def work(self, conversation_id: UUID) -> WorkItem:
        return (await self.works(conversation_id))[-1]

    async def offers(self, conversation_id: UUID | None = None) -> list[Offer]:
        async with self.database.transaction() as session:
            rows = await session.execute(
                text(
                    "SELECT id FROM offer WHERE CAST(:id AS uuid) IS NULL OR conversation_id = :id ORDER BY made_at, id"
                ),
                {"id": conversation_id},
            )
            return [await _get(session, Offer, row.id) for row in rows]

    async def owner(self, conversation_id: UUID) -> UUID | None:
        rows = await self.execute("SELECT owner_id FROM conversation WHERE id = :id", id=conversation_id)
        return rows[0].owner_id

    async def customer(self, conversation_id: UUID) -> UUID:
        rows = await self.execute("SELECT customer_id FROM conversation WHERE id = :id", id=conversation_id)
        return rows[0].customer_id

    async def used_units(self, agent_id: UUID) -> int:
        rows = await self.execute("SELECT used_units FROM agent_ledger WHERE agent_id = :id", id=agent_id)
        return rows[0].used_units

    async def presence(self, agent_id: UUID) -> Any:
        async with self.database.transaction() as session:
            return await views.get_presence(session, agent_id)

    async def event_types(self, conversation_id: UUID) -> list[str]:
        rows = await self.execute("SELECT type FROM event WHERE key = :key ORDER BY id", key=conversation_id)
        return [row.type for row in rows]

    async def accept(self, offer: Offer, *, agent_id: UUID | None = None, token: str | None = None) -> Any:
        return await self.run(
            offers.accept_offer,
            agent_id=agent_id or offer.agent_id,
            offer_id=offer.id,
            token=offer.token if token is None else token,
        )

    async def assert_sound(self) -> None:
        """The invariants that the checker looks at in production."""
        async with self.database.transaction() as session:
            assert await checks.find_drift(session) == []
            assert await checks.list_violations(session) == []
            assert await checks.list_unbalanced(session, self.clock.now() - timedelta(days=1)) == []


async def _get(session: AsyncSession, model: Any, row_id: UUID) -> Any:
    return await session.get(model, row_id)


def principal_of(
    agent_id: UUID,
    *,
    scopes: frozenset[str] = frozenset({"work", "conversations:write"}),
    visibility: Literal["own", "team", "all"] = "all",
) -> Principal:
    return Principal(kind="agent", id=agent_id, role="agent", scopes=scopes, visibility=visibility, team_id=None)
