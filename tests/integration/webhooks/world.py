"""Endpoints over a real database, a receiver on loopback, and a log driven by hand."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import text

from app.core import event_log
from app.core.act import Act
from app.core.config import Settings
from app.core.database import Database
from app.core.due_rows import DueRowRunner, DueTable
from app.events.event import Event
from app.webhooks import consumers
from app.webhooks.delivery_client import DeliveryClient
from app.webhooks.destinations import read_allowed
from app.webhooks.jobs import endpoint_table
from app.webhooks.schemas import EndpointIn, EndpointWithSecret
from app.webhooks.service import administration
from tests.clocks import ManualClock
from tests.event_logs import ByHand

LOOPBACK = "127.0.0.0/8"


def settings_of(allowed: str = LOOPBACK) -> Settings:
    return Settings(secret_key=SecretStr("x" * 32), webhook_allowed_destinations=allowed)


@dataclass
class World:
    database: Database
    clock: ManualClock
    log: ByHand
    client: DeliveryClient
    settings: Settings = field(default_factory=settings_of)
    heard: int = 0

    @property
    def act(self) -> Act:
        return Act(self.clock.now(), "tests")

    @property
    def table(self) -> DueTable:
        return endpoint_table(self.settings, self.client)

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as session:
            result = await session.execute(text(statement), values)
            return list(result) if result.returns_rows else []

    async def add_endpoint(
        self, url: str, *, name: str = "crm", types: tuple[str, ...] = ("*",), ordered: bool = False
    ) -> EndpointWithSecret:
        """Whatever was told before is not for it."""
        new = EndpointIn(name=name, url=url, event_types=list(types), ordered=ordered)
        async with self.database.transaction() as session:
            made = await administration.create_endpoint(session, self.act, new, settings=self.settings)
        await self.position()
        self.heard = (await event_log.head(self.log.connection)).number
        return made

    async def add_conversation(self, *, synthetic: bool) -> UUID:
        row_id, now = uuid4(), self.clock.now()
        for statement in (
            "INSERT INTO customer (id, created_at) VALUES (:id, :now)",
            "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
            " VALUES (:id, :id, 'visitor', :text, :now)",
            "INSERT INTO queue (id, name, tier, priority, target_seconds, offer_timeout_seconds, created_at)"
            " VALUES (:id, :text, 2, 3, 60, 30, :now)",
            "INSERT INTO channel_account (id, kind, name, brand, public_key, queue_id, created_at)"
            " VALUES (:id, 'chat', 'Shop', '', :text, :id, :now)",
            "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status,"
            " priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at,"
            " opened_at, synthetic)"
            " VALUES (:id, :id, :id, 'chat', :id, 'open', 3, 'en', 0, 0, '', 'customer', :now, :now, :synthetic)",
        ):
            values = {"id": row_id, "text": str(row_id), "now": now, "synthetic": synthetic}
            await self.execute(statement, **{name: value for name, value in values.items() if f":{name}" in statement})
        return row_id

    async def tell(self, *events: Event) -> None:
        """Append, and let webhooks hear everything."""
        async with self.database.transaction() as session:
            await event_log.append(session, self.act, events)
        await self.follow()

    async def follow(self) -> None:
        await self.position()
        stored = await event_log.read(self.log.connection, event_log.ZERO, limit=100_000)
        events = [event for event in stored if event.position > self.heard]
        if not events:
            return
        async with self.database.transaction() as session:
            await consumers.handle(session, self.act, events)
        self.heard = events[-1].position

    async def position(self) -> None:
        head = -1
        while head != (head := await self.log.dispatch()):
            pass

    async def send(self) -> int:
        """Turn after turn, until no endpoint has anything to be sent now. Returns how many turns were taken."""
        runner, turns = DueRowRunner(self.database, self.clock, [self.table]), 0
        while taken := await runner.run_once(self.table):
            turns += taken
            self.clock.advance(0.001)  # a row that was worked on is due again later, not at the same instant
        return turns

    async def deliveries(self, endpoint_id: UUID | None = None) -> list[Any]:
        return await self.execute(
            "SELECT * FROM webhook_delivery WHERE CAST(:id AS uuid) IS NULL OR endpoint_id = :id ORDER BY position, id",
            id=endpoint_id,
        )

    async def endpoint(self, endpoint_id: UUID) -> Any:
        [row] = await self.execute("SELECT * FROM webhook_endpoint WHERE id = :id", id=endpoint_id)
        return row

    async def told(self, type_: str) -> list[dict[str, Any]]:
        rows = await self.execute("SELECT payload FROM event WHERE type = :type ORDER BY id", type=type_)
        return [row.payload for row in rows]


def client_of(allowed: str = LOOPBACK) -> DeliveryClient:
    return DeliveryClient(read_allowed(allowed))
