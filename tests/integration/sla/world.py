"""Conversations whose events a test appends by hand, and the clocks that follow from them."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.consumers import Consumer, ConsumerRunner
from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.core.event_log import StoredEvent
from app.core.log_signal import LogSignal
from app.events import catalogue
from app.events.conversations import (
    ConversationOpened,
    ConversationPriorityChanged,
    ConversationStatusChanged,
    MessagePosted,
    MessageReceived,
)
from app.events.customers import CustomerUpdated
from app.events.event import Event, Rights
from app.events.routing import WorkChanged
from app.sla.consumers import SLA
from app.sla.jobs import CLOCK_TABLE
from app.sla.policies import PolicyBody
from app.sla.service import administration, book, promises
from tests.clocks import ManualClock
from tests.event_logs import ByHand

WAIT_SECONDS = 30


@dataclass
class World:
    database: Database
    clock: ManualClock
    log: ByHand
    account_id: UUID = field(default_factory=uuid4)
    queue_id: UUID = field(default_factory=uuid4)
    customers: dict[UUID, UUID] = field(default_factory=dict)
    everybody = Principal(kind="agent", id=uuid4(), role="admin", scopes=frozenset({"routing:write"}), visibility="all")

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as session:
            result = await session.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    async def build(self) -> None:
        await self.execute(
            "INSERT INTO queue (id, name, tier, priority, target_seconds, offer_timeout_seconds, created_at)"
            " VALUES (:id, 'Sales', 2, 3, 60, 30, :now)",
            id=self.queue_id,
            now=self.clock.now(),
        )
        await self.execute(
            "INSERT INTO channel_account (id, kind, name, brand, public_key, queue_id, created_at)"
            " VALUES (:id, 'chat', 'Shop', 'Lotus', 'key', :queue, :now)",
            id=self.account_id,
            queue=self.queue_id,
            now=self.clock.now(),
        )

    async def open(
        self, *, channel: str = "chat", priority: int = 3, synthetic: bool = False, messages: int = 1
    ) -> UUID:
        """A conversation and its first message, as the door makes them."""
        now, conversation_id, customer_id, contact_id = self.clock.now(), uuid4(), uuid4(), uuid4()
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
            " queue_id, priority, language, last_sequence, last_public_sequence, preview, preview_class,"
            " last_message_at, opened_at) VALUES (:id, :customer, :contact, :channel, :account, 'open', :queue,"
            " :priority, 'en', 1, 1, 'Hello', 'customer', :now, :now)",
            id=conversation_id,
            customer=customer_id,
            contact=contact_id,
            channel=channel,
            account=self.account_id,
            queue=self.queue_id,
            priority=priority,
            now=now,
        )
        self.customers[conversation_id] = customer_id
        opened = ConversationOpened(
            conversation_id=conversation_id,
            number=1,
            customer_id=customer_id,
            contact_point_id=contact_id,
            channel=channel,
            channel_account_id=self.account_id,
            priority=priority,
            language="en",
            rights=Rights(queue_id=self.queue_id),
            synthetic=synthetic,
            brand="Lotus",
        )
        await self.tell(opened, *(self.customer_wrote(conversation_id) for _ in range(messages)))
        return conversation_id

    async def open_many(self, count: int) -> list[UUID]:
        """Waiting conversations without the rows they tell of: what a storm of timers needs."""
        account_id, opened = self.account_id, [uuid4() for _ in range(count)]
        [row] = await self.execute(
            "INSERT INTO customer (id, created_at) VALUES (:id, :now) RETURNING id", id=uuid4(), now=self.clock.now()
        )
        async with self.database.transaction() as session:
            for number, conversation_id in enumerate(opened):
                contact_id = uuid4()
                await session.execute(
                    text(
                        "WITH contact AS (INSERT INTO contact_point (id, customer_id, kind, value_normalised,"
                        " created_at) VALUES (:contact, :customer, 'visitor', :value, :now))"
                        " INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id,"
                        " status, priority, language, last_sequence, last_public_sequence, preview, preview_class,"
                        " last_message_at, opened_at) VALUES (:id, :customer, :contact, 'chat', :account, 'open', 3,"
                        " 'en', 1, 1, '', 'customer', :now, :now)"
                    ),
                    {
                        "id": conversation_id,
                        "customer": row.id,
                        "contact": contact_id,
                        "value": str(number),
                        "account": account_id,
                        "now": self.clock.now(),
                    },
                )
                head = ConversationOpened(
                    conversation_id=conversation_id,
                    number=number,
                    customer_id=row.id,
                    contact_point_id=contact_id,
                    channel="chat",
                    channel_account_id=account_id,
                    priority=3,
                    language="en",
                    rights=Rights(),
                )
                await event_log.append(
                    session, Act(self.clock.now(), "tests"), [head, self.customer_wrote(conversation_id)]
                )
        return opened

    async def use_policy(self, *, position: int = 1, **body: Any) -> UUID:
        """A policy before the shipped ones."""
        checked = PolicyBody.model_validate({"position": position, **body})
        async with self.database.transaction() as session:
            act = Act(self.clock.now(), "tests")
            await book.load(session, act)
            return (await administration.create_policy(session, act, name=f"Policy {uuid4()}", body=checked)).id

    async def add_team(self) -> UUID:
        [row] = await self.execute(
            "INSERT INTO team (id, name, created_at) VALUES (:id, 'Leads', :now) RETURNING id",
            id=uuid4(),
            now=self.clock.now(),
        )
        return UUID(str(row.id))

    async def promise(self, conversation_id: UUID, metric: str, due_at: datetime) -> UUID:
        async with self.database.transaction() as session:
            act = Act(self.clock.now(), "tests")
            made = await promises.promise(session, act, conversation_id=conversation_id, metric=metric, due_at=due_at)
            return made.id

    async def keep(self, conversation_id: UUID, promise_id: UUID) -> None:
        async with self.database.transaction() as session:
            act = Act(self.clock.now(), "tests")
            await promises.keep(session, act, conversation_id=conversation_id, promise_id=promise_id)

    async def categorise(self, conversation_id: UUID, category: str) -> None:
        async with self.database.transaction() as session:
            act, who = Act(self.clock.now(), "tests"), self.everybody
            await conversations.set_category(session, act, who, conversation_id=conversation_id, category=category)

    async def merge(self, conversation_id: UUID, into_id: UUID) -> None:
        async with self.database.transaction() as session:
            await conversations.merge(
                session,
                Act(self.clock.now(), "tests"),
                self.everybody,
                conversation_id=conversation_id,
                into_id=into_id,
                other_customer=True,
            )

    async def make_vip(self, conversation_id: UUID) -> None:
        customer_id = self.customers[conversation_id]
        await self.execute("UPDATE customer SET segments = '{vip}' WHERE id = :id", id=customer_id)
        await self.tell(CustomerUpdated(customer_id=customer_id, fields=("segments",)))

    async def told(self, type_: str) -> int:
        """Appended and committed, in a position or not yet."""
        [row] = await self.execute("SELECT count(*) AS n FROM event WHERE type = :type", type=type_)
        return int(row.n)

    async def tell(self, *events: Event, by: str = "tests") -> None:
        async with self.database.transaction() as session:
            await event_log.append(session, Act(self.clock.now(), by), events)

    def customer_wrote(self, conversation_id: UUID, *, at: datetime | None = None) -> MessageReceived:
        return MessageReceived(
            conversation_id=conversation_id,
            message_id=uuid4(),
            sequence=1,
            message_class="customer",
            channel="chat",
            channel_account_id=self.account_id,
            provider_at=at,
            arrived_at=self.clock.now(),
            effective_at=at or self.clock.now(),
        )

    def we_wrote(
        self, conversation_id: UUID, *, at: datetime | None = None, message_class: Any = "agent_public"
    ) -> MessagePosted:
        return MessagePosted(
            conversation_id=conversation_id,
            message_id=uuid4(),
            sequence=1,
            message_class=message_class,
            channel="chat",
            channel_account_id=self.account_id,
            author_id=None,
            arrived_at=at or self.clock.now(),
        )

    def status(self, conversation_id: UUID, before: Any, after: Any, *, at: datetime | None = None) -> Event:
        return ConversationStatusChanged(
            conversation_id=conversation_id,
            before=before,
            after=after,
            effective_at=at or self.clock.now(),
            rights=Rights(queue_id=self.queue_id),
            channel="chat",
            priority=3,
        )

    def priority(self, conversation_id: UUID, before: int, after: int) -> Event:
        return ConversationPriorityChanged(conversation_id=conversation_id, before=before, after=after, reason="tests")

    def work(self, conversation_id: UUID, before: Any, after: Any) -> Event:
        return WorkChanged(
            conversation_id=conversation_id,
            work_id=uuid4(),
            queue_id=self.queue_id,
            before=before,
            after=after,
            reason="tests",
        )

    async def follow(self, consumer: Consumer = SLA) -> None:
        """Everything appended so far, through the consumer as production runs it."""
        head = await self.position()
        known = frozenset(catalogue.BY_NAME)
        runner = ConsumerRunner(self.database, self.clock, LogSignal(), [consumer], known_events=known)
        await runner.prepare()
        running = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while await self.cursor() < head:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        parked = await self.execute("SELECT error FROM parked_event")
        assert parked == [], parked

    async def position(self) -> int:
        """The head, once everything appended has a position: one batch of the dispatcher is not always all."""
        head = -1
        while head != (head := await self.log.dispatch()):
            pass
        return head

    async def cursor(self) -> int:
        [row] = await self.execute("SELECT position FROM consumer_cursor WHERE consumer = 'sla'")
        return int(row.position)

    async def ring(self) -> int:
        """Every timer that is due, until none is."""
        runner, rung = DueRowRunner(self.database, self.clock, [CLOCK_TABLE]), 0
        while claimed := await runner.run_once(CLOCK_TABLE):
            rung += claimed
        return rung

    async def clocks(self, conversation_id: UUID) -> dict[tuple[str, int], Any]:
        rows = await self.execute("SELECT * FROM sla_clock WHERE conversation_id = :id", id=conversation_id)
        return {(row.metric, row.seq): row for row in rows}

    async def events(self, *types: str) -> list[StoredEvent]:
        await self.position()
        stored = await event_log.read(self.log.connection, event_log.ZERO, limit=100_000)
        return [event for event in stored if event.type in types]
