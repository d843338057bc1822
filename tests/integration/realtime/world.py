"""A desk for tests of the sockets: people with sessions, one channel, conversations, and a server with real sockets."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import uvicorn
import websockets
from fastapi import FastAPI
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from app.channels.chat.service import ChatFront
from app.channels.intake import Intake
from app.core import event_log
from app.core.act import Act
from app.core.config import Settings
from app.core.database import Database, driver_connection
from app.core.log_signal import LogSignal
from app.core.partitions import ensure_partitions
from app.core.tasks import keep_running
from app.events.conversations import ConversationOpened, ConversationRightsChanged, MessageReceived, NoteAdded
from app.events.event import Event, Rights
from app.ops.lines import BoundedLine
from app.realtime import agent_socket, widget_socket
from app.realtime.hub import Hub
from tests.clocks import ManualClock
from tests.protocol import JudgedConnection

PATIENCE_SECONDS = 10
SECRET_KEY = "a secret of the tests, long enough to sign"


@dataclass
class Person:
    id: UUID
    token: str
    team_id: UUID | None


@dataclass
class Talk:
    """A conversation as tests handle it."""

    id: UUID
    contact_point_id: UUID
    rights: Rights
    sequence: int = 0


@dataclass
class World:
    database: Database
    clock: ManualClock
    team_id: UUID = field(default_factory=uuid4)
    other_team_id: UUID = field(default_factory=uuid4)
    queue_id: UUID = field(default_factory=uuid4)
    account_id: UUID = field(default_factory=uuid4)
    public_key: str = field(default_factory=lambda: f"pk_{uuid4().hex}")

    @property
    def act(self) -> Act:
        return Act(now=self.clock.now(), actor="test", request_id="request-1")

    async def rows(self, statement: str, *values: Any) -> list[asyncpg.Record]:
        async with self.database.transaction() as session:
            return await (await driver_connection(session)).fetch(statement, *values)

    async def run(self, use_case: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """One use-case in a transaction of its own."""
        async with self.database.transaction() as session:
            return await use_case(session, self.act, *args, **kwargs)

    async def contact_of(self, conversation_id: UUID) -> UUID:
        (row,) = await self.rows("SELECT contact_point_id FROM conversation WHERE id = $1", conversation_id)
        contact_point_id: UUID = row["contact_point_id"]
        return contact_point_id

    async def add_person(
        self, name: str, *, role: str = "agent", visibility: str = "own", team_id: UUID | None = None
    ) -> Person:
        person = Person(uuid4(), f"sbs_{uuid4().hex}", team_id)
        now = self.clock.now()
        await self.rows(
            "INSERT INTO account (id, login, password_hash, role, visibility, team_id, created_at)"
            " VALUES ($1, $2, 'none', $3, $4, $5, $6)",
            person.id, name, role, visibility, team_id, now,
        )  # fmt: skip
        await self.rows(
            "INSERT INTO agent (id, name, languages, updated_at) VALUES ($1, $2, '{en}', $3)", person.id, name, now
        )
        await self.rows(
            "INSERT INTO login_session (id, account_id, token_hash, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            uuid4(), person.id, hashlib.sha256(person.token.encode()).digest(), now, now + timedelta(hours=8),
        )  # fmt: skip
        return person

    async def open(self, owner: Person | None = None, *, team_id: UUID | None = None) -> Talk:
        """A conversation with nothing in it yet, and its event."""
        customer_id, contact_id = uuid4(), uuid4()
        rights = Rights(owner_id=owner.id if owner else None, team_id=team_id or self.team_id, queue_id=self.queue_id)
        talk = Talk(uuid4(), contact_id, rights)
        now = self.clock.now()
        async with self.database.transaction() as session:
            connection = await driver_connection(session)
            await connection.execute(
                "INSERT INTO customer (id, name, created_at) VALUES ($1, 'Ada', $2)", customer_id, now
            )
            await connection.execute(
                "INSERT INTO contact_point (id, customer_id, kind, value_normalised, verified_at, created_at)"
                " VALUES ($1, $2, 'visitor', $3, $4, $4)",
                contact_id, customer_id, contact_id.hex, now,
            )  # fmt: skip
            number = await connection.fetchval(
                "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status,"
                " owner_id, team_id, queue_id, priority, language, last_sequence, last_public_sequence, preview,"
                " preview_class, last_message_at, opened_at)"
                " VALUES ($1, $2, $3, 'chat', $4, 'open', $5, $6, $7, 3, 'en', 0, 0, '', 'customer', $8, $8)"
                " RETURNING number",
                talk.id, customer_id, contact_id, self.account_id, rights.owner_id, rights.team_id, self.queue_id, now,
            )  # fmt: skip
            opened = ConversationOpened(
                conversation_id=talk.id, number=number, customer_id=customer_id, contact_point_id=contact_id,
                channel="chat", channel_account_id=self.account_id, priority=3, language="en", rights=rights,
            )  # fmt: skip
            await event_log.append(session, self.act, [opened])
        return talk

    def talk_of(self, row: asyncpg.Record) -> Talk:
        rights = Rights(owner_id=row["owner_id"], team_id=row["team_id"], queue_id=row["queue_id"])
        return Talk(row["id"], row["contact_point_id"], rights, row["last_sequence"])

    async def say(self, talk: Talk, body: str, *, note_by: Person | None = None) -> UUID:
        """A customer's message, or a note."""
        async with self.database.transaction() as session:
            connection = await driver_connection(session)
            sequence = await connection.fetchval(
                "UPDATE conversation SET last_sequence = last_sequence + 1 WHERE id = $1 RETURNING last_sequence",
                talk.id,
            )
            message_id, now = self.act.new_id(), self.clock.now()
            kind = ("agent_internal", "internal", "internal") if note_by else ("customer", "inbound", "public")
            await connection.execute(
                "INSERT INTO message (id, arrived_at, conversation_id, sequence, message_class, direction, visibility,"
                " author_id, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                message_id, now, talk.id, sequence, *kind, note_by.id if note_by else None, body,
            )  # fmt: skip
            event: Event
            if note_by:
                event = NoteAdded(
                    conversation_id=talk.id, message_id=message_id, sequence=sequence, author_id=note_by.id,
                    arrived_at=now,
                )  # fmt: skip
            else:
                event = MessageReceived(
                    conversation_id=talk.id, message_id=message_id, sequence=sequence, message_class="customer",
                    channel="chat", channel_account_id=self.account_id, provider_at=None, arrived_at=now,
                    effective_at=now,
                )  # fmt: skip
            await event_log.append(session, self.act, [event])
        return message_id

    async def hand_over(self, talk: Talk, owner: Person | None, *, team_id: UUID | None = None) -> None:
        before = talk.rights
        after = Rights(
            owner_id=owner.id if owner else None, team_id=team_id or before.team_id, queue_id=before.queue_id
        )
        async with self.database.transaction() as session:
            await (await driver_connection(session)).execute(
                "UPDATE conversation SET owner_id = $2, team_id = $3 WHERE id = $1",
                talk.id,
                after.owner_id,
                after.team_id,
            )
            changed = ConversationRightsChanged(conversation_id=talk.id, before=before, after=after, reason="assigned")
            await event_log.append(session, self.act, [changed])
        talk.rights = after

    async def append(self, events: Sequence[Event]) -> list[UUID]:
        async with self.database.transaction() as session:
            return await event_log.append(session, self.act, events)

    async def head(self) -> int:
        """The log's head once everything committed has a position."""
        while True:
            (row,) = await self.rows(
                "SELECT coalesce((SELECT max(position) FROM event_position), 0) AS head,"
                " (SELECT count(*) FROM event) AS events"
            )
            if row["head"] == row["events"]:
                return int(row["head"])
            await asyncio.sleep(0.01)


async def make_world(database: Database, clock: ManualClock) -> World:
    world = World(database, clock)
    now = clock.now()
    async with database.engine.begin() as connection:
        await ensure_partitions(connection, now)
    await world.rows(
        "INSERT INTO team (id, name, created_at) VALUES ($1, 'Support', $3), ($2, 'Billing', $3)",
        world.team_id, world.other_team_id, now,
    )  # fmt: skip
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


class LocalBus:
    """The bus of a single process."""

    def __init__(self) -> None:
        self.handlers: dict[str, list[Any]] = {}

    def subscribe(self, channel: str, handler: Any) -> None:
        self.handlers.setdefault(channel, []).append(handler)

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        for handler in self.handlers.get(channel, []):
            handler(json.loads(json.dumps(payload)))


@dataclass
class Running:
    address: str
    hub: Hub
    signal: LogSignal
    bus: LocalBus
    lines: set[Any] = field(default_factory=set)
    """What the network holds of each socket, until its line is closed."""
    clients: list["Client"] = field(default_factory=list)

    async def open(self, path: str = "/v1/socket", **options: Any) -> "Client":
        socket = await websockets.connect(
            f"ws://{self.address}{path}",
            compression=None,
            max_size=None,
            create_connection=JudgedConnection,
            **options,
        )
        self.clients.append(Client(socket))
        return self.clients[-1]

    async def join(self, person: Person, after: str | None = None, **options: Any) -> "Client":
        """Connect, authenticate, subscribe; the answer to the subscription is still to be read."""
        client = await self.open(**options)
        await client.send(type="authenticate", token=person.token)
        assert (await client.next())["type"] == "hello"
        await client.send(type="subscribe", after=after)
        return client


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def next(self) -> dict[str, Any]:
        """The next frame, but for the presence that connecting itself changes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                if frame.get("event") != "presence.changed":
                    return frame

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """All frames up to and with the first of this type."""
        frames = []
        while not frames or frames[-1]["type"] != kind:
            frames.append(await self.next())
        return frames

    async def through(self, number: int) -> list[dict[str, Any]]:
        """The frames that came until the server says that everything up to this position has been sent."""
        frames: list[dict[str, Any]] = []
        while True:
            await self.send(type="ping")
            frames += await self.until("pong")
            pong = frames.pop()
            if pong["position"] is not None and int(pong["position"].partition("-")[2]) >= number:
                return frames
            await asyncio.sleep(0.1)  # faster would be refused as too many frames

    async def closed(self) -> tuple[int, list[dict[str, Any]]]:
        """The close code, and the frames before it."""
        frames = []
        with suppress(websockets.ConnectionClosed):
            while True:
                frames.append(await self.next())
        assert self.socket.close_code is not None
        return self.socket.close_code, frames


@asynccontextmanager
async def serving(world: World, signal: LogSignal, *, board_source: Any = None) -> AsyncIterator[Running]:
    """One api process: its hub and its sockets, on a port of its own."""
    bus = LocalBus()
    hub = Hub(world.database, world.clock, signal, bus, board_source=board_source)
    app = FastAPI()
    app.include_router(agent_socket.router)
    app.include_router(widget_socket.router)
    app.state.hub, app.state.clock, app.state.database = hub, world.clock, world.database
    app.state.settings = Settings(_env_file=None, secret_key=SecretStr(SECRET_KEY))
    app.state.chat = ChatFront(SECRET_KEY, world.database)
    app.state.intake = intake = Intake(world.database, world.clock)
    intake.on_continued = hub.just_stored.remember
    await intake.start()
    config = uvicorn.Config(
        app, port=0, ws=BoundedLine, ws_per_message_deflate=False, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    following = asyncio.create_task(keep_running("hub", hub.run))
    while not server.started:
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        opened = Running(f"{host}:{port}", hub, signal, bus, server.server_state.connections)
        yield opened
    finally:
        for client in opened.clients:
            client.socket.transport.abort()
            await client.socket.wait_closed()
        await intake.stop()
        server.should_exit = True
        await running
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        hub.close()
