"""What the bench of SLA works on: conversations that write, clocks that will ring, and very many that only run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import asyncpg

from app.core import ids
from app.core.act import Act
from app.core.database import Database
from app.core.event_log import StoredEvent
from app.events.conversations import ConversationOpened, MessagePosted, MessageReceived
from app.events.event import Event, Rights
from app.ops.bench.history import UUID_OF
from app.ops.bench.world import World
from app.sla.consumers import SLA
from app.sla.policies import PolicyBody
from app.sla.service import administration

RINGING, WRITING = "ringing", "writing"
"""Channels of the bench's own: each has its policy."""
TARGET = timedelta(minutes=1)
ON_BREACH = [{"do": "notify", "to": "owner"}, {"do": "notify", "to": "team"}, {"do": "raise_priority", "to": 7}]
LONG_SECONDS = 30 * 86_400
POLICIES = {
    RINGING: {
        "position": 0,
        "conditions": {"channels": [RINGING]},
        "targets": [{"metric": "first_reply", "seconds": int(TARGET.total_seconds())}],
        "thresholds": [{"breach": True, "actions": ON_BREACH}],
    },
    WRITING: {
        "position": 1,
        "conditions": {"channels": [WRITING]},
        "targets": [
            {"metric": metric, "seconds": LONG_SECONDS}
            for metric in ("first_reply", "next_reply", "requester_wait", "total_resolution")
        ],
        "thresholds": [{"percent": 75}, {"breach": True, "actions": ON_BREACH}],
    },
}
FOLLOWED_AT_ONCE = 500

# Rows as the product writes them; foreign keys hold by construction, or belong to rows that nobody reads here.
_FAST = "SET synchronous_commit = off; SET session_replication_role = replica; SET maintenance_work_mem = '256MB'"
_CONVERSATIONS = (
    """INSERT INTO customer (id, name, created_at)
    SELECT {customer}, 'Customer ' || n, $1 FROM generate_series($2::int, $3::int) n""",
    """INSERT INTO contact_point (id, customer_id, kind, value_normalised, verified_at, created_at)
    SELECT {contact}, {customer}, 'visitor', 'generated-' || n, $1, $1 FROM generate_series($2::int, $3::int) n""",
    """INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, team_id,
      queue_id, priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at,
      opened_at)
    SELECT {conversation}, {customer}, {contact}, '{channel}', $4, 'open', $5, $6, 3, 'en', 1, 1, 'Hello', 'customer',
      $1, $1 FROM generate_series($2::int, $3::int) n""",
)
_STATE = (
    "conversation_id, customer_id, channel, channel_account_id, brand, owner_id, team_id, queue_id, priority, "
    "category, segments, language, selection, checkpoint, generation, facts, is_over"
)
_COPIED_STATES = f"""
INSERT INTO sla_state ({_STATE})
SELECT {{conversation}}, {{customer}}, {_STATE.split(", ", 2)[2]}
FROM generate_series($2::int, $3::int) n, (SELECT * FROM sla_state WHERE conversation_id = $1) AS model
"""
_COPIED_CLOCKS = """
INSERT INTO sla_clock (id, conversation_id, metric, seq, state, policy_version_id, channel, queue_id, team_id,
  target_seconds, elapsed_seconds, counted_at, started_at, due_at, generation, timers, fired, run_at)
SELECT {clock}, {conversation}, metric, seq, state, policy_version_id, channel, queue_id, team_id, target_seconds,
  elapsed_seconds, counted_at, started_at, at, generation,
  jsonb_build_array(jsonb_build_object('at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
    'kind', 'breach', 'name', 'breach')), '{{}}', at
FROM (SELECT n, $4::timestamptz + (n - $2::int) * $5::interval AS at FROM generate_series($2::int, $3::int) n) AS made,
  (SELECT * FROM sla_clock WHERE conversation_id = $1 ORDER BY metric LIMIT 1) AS model
"""
_NAMES = {
    name: UUID_OF.format(kind=kind, n="n")
    for kind, name in enumerate(("customer", "contact", "conversation", "clock"), start=1)
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """A run of generated conversations: `first` to `last`, both among them."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def conversation_ids(self) -> list[UUID]:
        return [id_of(3, number) for number in range(self.first, self.last + 1)]


def id_of(kind: int, number: int) -> UUID:
    """As UUID_OF makes it in SQL."""
    return UUID(f"{kind:08x}-0000-7000-8000-{number:012x}")


class Telling:
    """Tells SLA's consumer what happened, without the log in between: each call is one batch and one transaction."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._world = world
        self._numbers = count(1)

    async def open(self, numbers: Numbers, channel: str, now: datetime, written_at: Sequence[datetime]) -> None:
        """The customers' first messages, written at these instants."""
        for first in range(0, len(numbers), FOLLOWED_AT_ONCE):
            events: list[tuple[datetime, Event]] = []
            some = range(first, min(first + FOLLOWED_AT_ONCE, len(numbers)))
            for number in some:
                conversation = numbers.first + number
                events.append((written_at[number], self._opened(conversation, channel)))
                events.append((written_at[number], self._received(conversation, channel, written_at[number])))
            await self.tell(now, events)

    async def customer_wrote(self, number: int, now: datetime) -> None:
        await self.tell(now, [(now, self._received(number, WRITING, now))])

    async def agent_wrote(self, number: int, now: datetime) -> None:
        posted = MessagePosted(
            conversation_id=id_of(3, number),
            message_id=ids.new_id(now),
            sequence=1,
            message_class="agent_public",
            channel=WRITING,
            channel_account_id=self._world.account_id,
            author_id=None,
            arrived_at=now,
        )
        await self.tell(now, [(now, posted)])

    async def tell(self, now: datetime, events: Sequence[tuple[datetime, Event]]) -> None:
        stored = [self._stored(at, event) for at, event in events]
        async with self._database.transaction() as session:
            await SLA.handle(session, Act(now, "bench"), stored)

    def _opened(self, number: int, channel: str) -> ConversationOpened:
        return ConversationOpened(
            conversation_id=id_of(3, number),
            number=number,
            customer_id=id_of(1, number),
            contact_point_id=id_of(2, number),
            channel=channel,
            channel_account_id=self._world.account_id,
            priority=3,
            language="en",
            rights=Rights(team_id=self._world.team_id, queue_id=self._world.queue_id),
        )

    def _received(self, number: int, channel: str, at: datetime) -> MessageReceived:
        return MessageReceived(
            conversation_id=id_of(3, number),
            message_id=ids.new_id(at),
            sequence=1,
            message_class="customer",
            channel=channel,
            channel_account_id=self._world.account_id,
            provider_at=None,
            arrived_at=at,
            effective_at=at,
        )

    def _stored(self, at: datetime, event: Event) -> StoredEvent:
        number = next(self._numbers)
        return StoredEvent(
            position=number,
            positioned_at=at,
            id=number,
            created_at=at,
            uuid=ids.new_id(at),
            key=event.key,
            type=event.type,
            version=event.version,
            occurred_at=at,
            actor="bench",
            request_id="bench",
            payload_text=event.model_dump_json(),
        )


async def make_policies(database: Database, act: Act) -> None:
    async with database.transaction() as session:
        for name, body in POLICIES.items():
            await administration.create_policy(session, act, name=name, body=PolicyBody.model_validate(body))


class Generator:
    """Rows made by the database itself. Each call connects anew, so that the database can be cloned in between."""

    def __init__(self, url: str, world: World, at: datetime) -> None:
        self._url = url
        self._world = world
        self._at = at
        self._next = 1

    async def conversations(self, number: int, channel: str) -> Numbers:
        """With their customers; no clocks yet."""
        numbers = self._take(number)
        values = (self._at, numbers.first, numbers.last, self._world.account_id, self._world.team_id)
        async with self._connected() as connection:
            for statement in _CONVERSATIONS:
                text = statement.format(channel=channel, **_NAMES)
                used = (*values, self._world.queue_id) if "$6" in text else values[:3]
                await connection.execute(text, *used)
        return numbers

    async def clocks(self, model: UUID, numbers: Numbers, first_due_at: datetime, step: timedelta) -> None:
        """One for each, like the conversation `model`'s, with the breach as its only timer."""
        async with self._connected() as connection:
            await connection.execute(_COPIED_STATES.format(**_NAMES), model, numbers.first, numbers.last)
            await connection.execute(
                _COPIED_CLOCKS.format(**_NAMES), model, numbers.first, numbers.last, first_due_at, step
            )

    async def running(self, model: UUID, number: int) -> None:
        """Clocks that are due in the days to come, of conversations that have no rows of their own."""
        await self.clocks(model, self._take(number), self._at + timedelta(days=1), timedelta(days=29) / number)
        async with self._connected() as connection:
            await connection.execute("VACUUM ANALYZE")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self._url, server_settings={"timezone": "UTC", "jit": "off"})
        try:
            await connection.execute(_FAST)
            yield connection
        finally:
            await connection.close()

    def _take(self, number: int) -> Numbers:
        numbers = Numbers(self._next, self._next + number - 1)
        self._next += number
        return numbers
