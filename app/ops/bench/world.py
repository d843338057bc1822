"""What a bench's installation holds: a queue, a way in, an agent, visitors who have written before."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from uuid import UUID

import asyncpg

from app.access import service as access
from app.agents import service as agents
from app.channels import service as channels
from app.channels.chat.adapter import envelope_of
from app.channels.chat.schemas import WidgetMessageIn
from app.channels.chat.visitor_tokens import VisitorPrincipal, VisitorTokens
from app.channels.envelope import InboundEnvelope
from app.channels.intake import Intake
from app.channels.schemas import ChannelAccountIn
from app.core import ids
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops.bench.http_load import request
from app.ops.bench.scratch import SECRET_KEY
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody

BODY = "Hello, my order 12345 has not arrived yet, can you please check where it is? 我的订单还没到"
MESSAGES_PATH = "/v1/widget/messages"
STORED_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class World:
    """`keys` are API keys: they see all, as a supervisor does. The agent sees the team."""

    queue_id: UUID
    account_id: UUID
    team_id: UUID
    agent_id: UUID
    agent_login: str
    agent_password: str
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Sender:
    """A visitor with its token."""

    visitor: VisitorPrincipal
    token: str

    def request(self, client_id: str, path: str = MESSAGES_PATH) -> bytes:
        body = json.dumps({"client_id": client_id, "body": BODY}, ensure_ascii=False).encode()
        return request("POST", path, token=self.token, body=body)

    def envelope(self, client_id: str) -> InboundEnvelope:
        return envelope_of(self.visitor, WidgetMessageIn(client_id=client_id, body=BODY))


async def make_world(database: Database, *, keys: int = 1) -> World:
    """`keys`: how many API keys; a key may hold twenty sockets."""
    password = secrets.token_hex(16)
    async with database.transaction() as session:
        act = system_act(DatabaseClock(), "bench")
        team = await agents.create_team(session, act, name="Bench")
        queue = await routing.create_queue(session, act, QueueBody(name="Bench", team_id=team.id))
        account = await channels.create_account(session, act, ChannelAccountIn(name="Bench", queue_id=queue.id))
        agent_id = await agents.create_agent(
            session,
            act,
            login="bench",
            password=password,
            name="Bench",
            role="agent",
            team_id=team.id,
            languages=["en"],
            skills={},
            visibility="team",
        )
        scopes = ("conversations:read", "conversations:write", "customers:read", "agents:read", "routing:read")
        made = [
            await access.create_api_key(session, act, None, name=f"bench {number}", scopes=scopes)
            for number in range(keys)
        ]
    return World(queue.id, account.id, team.id, agent_id, "bench", password, [key.token for key in made])


def make_senders(account_id: UUID, number: int) -> list[Sender]:
    tokens, at = VisitorTokens(SECRET_KEY), DatabaseClock().now()
    visitors = [VisitorPrincipal(ids.new_id(at), account_id, at + timedelta(days=1)) for _ in range(number)]
    return [Sender(visitor, tokens.make(visitor)) for visitor in visitors]


async def let_write(database: Database, senders: list[Sender], prefix: str = "first") -> None:
    """One message of each, through the door."""
    intake = Intake(database, DatabaseClock())
    await intake.start()
    try:
        for first in range(0, len(senders), STORED_AT_ONCE):
            some = senders[first : first + STORED_AT_ONCE]
            await asyncio.gather(*(intake.submit(sender.envelope(f"{prefix}-{n}")) for n, sender in enumerate(some)))
    finally:
        await intake.stop()


class Writing:
    """Whose turn it is to write: known visitors in turn, and of every ten messages `new_of_ten` by newcomers."""

    def __init__(self, known: list[Sender], newcomers: list[Sender], *, new_of_ten: int) -> None:
        self._known, self._newcomers = known, newcomers
        self._new_of_ten = new_of_ten
        self._numbers = count()

    def next(self) -> tuple[Sender, str]:
        """(who writes, the client's id of the message). Raises IndexError when the newcomers have run out."""
        number = next(self._numbers)
        if number % 10 < self._new_of_ten:
            return self._newcomers.pop(), f"m{number}"
        return self._known[number % len(self._known)], f"m{number}"

    def next_known(self) -> tuple[Sender, str]:
        number = next(self._numbers)
        return self._known[number % len(self._known)], f"m{number}"

    def request(self) -> bytes:
        sender, client_id = self.next()
        return sender.request(client_id)


CHECK_TRIES = 20
CHECK_AGAIN_SECONDS = 0.1
CHECKS = {
    "conversations whose sequences have gaps": """
        SELECT count(*) FROM conversation c LEFT JOIN (
            SELECT conversation_id, count(*) AS messages, max(sequence) AS last FROM message GROUP BY 1
        ) m ON m.conversation_id = c.id
        WHERE m.messages IS DISTINCT FROM c.last_sequence OR m.last IS DISTINCT FROM c.last_sequence""",
    "message events that are not one a message": """
        SELECT abs((SELECT count(*) FROM event WHERE type IN ('message.received', 'message.posted', 'note.added'))
            - (SELECT coalesce(sum(last_sequence), 0) FROM conversation))""",
    "events without a position, or positions with gaps": """
        SELECT abs((SELECT count(*) FROM event) - (SELECT count(*) FROM event_position))
            + coalesce((SELECT max(position) - min(position) + 1 - count(*) FROM event_position), 0)""",
    "parked events": "SELECT count(*) FROM parked_event",
}


async def check(connection: "asyncpg.Connection[asyncpg.Record]", *, messages: int) -> list[str]:
    """The faults of what was stored; `messages` were answered with 2xx."""
    faults = []
    for name, query in CHECKS.items():
        if found := await _ask_patiently(connection, query):
            faults.append(f"{name}: {found}")
    stored = await connection.fetchval("SELECT count(*) FROM message")
    if stored != messages:
        faults.append(f"{messages} messages were answered and {stored} are stored")
    return faults


async def _ask_patiently(connection: "asyncpg.Connection[asyncpg.Record]", query: str) -> int:
    """Timers go on writing events meanwhile, and a look may fall between a commit and its position."""
    for _ in range(CHECK_TRIES):
        found: int = await connection.fetchval(query)
        if not found:
            break
        await asyncio.sleep(CHECK_AGAIN_SECONDS)
    return found


DRAIN_SECONDS = 120.0
DRAINED = """
SELECT head >= $1 AND coalesce((SELECT min(position) FROM consumer_cursor), head) >= $1
FROM (SELECT last_position AS head FROM event_dispatch ORDER BY batch DESC LIMIT 1) AS dispatched
"""


async def drained(observer: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until every event that is there now has its position and every consumer has passed it."""
    there = await observer.fetchval("SELECT count(*) FROM event")
    async with asyncio.timeout(DRAIN_SECONDS):
        while not await observer.fetchval(DRAINED, there):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
