"""The installation of the reconnect form: teams with a queue and customers each, and agents who are logged in."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from app.access import tokens
from app.agents import service as agents
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core import ids
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database, driver_connection
from app.ops.bench.scratch import Scratch
from app.ops.bench.world import Sender, World, let_write, make_senders, make_world
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody

CUSTOMERS_A_TEAM = 40
SESSION_HOURS = 12

ADD_ACCOUNTS = """
INSERT INTO account (id, login, password_hash, role, visibility, team_id, created_at)
SELECT id, 'console-' || id, 'none', 'agent', 'team', team_id, $3
FROM unnest($1::uuid[], $2::uuid[]) AS made (id, team_id)
"""
ADD_AGENTS = (
    "INSERT INTO agent (id, name, languages, updated_at) SELECT id, 'Console', '{en}', $2 FROM unnest($1::uuid[]) AS id"
)
ADD_LEDGERS = "INSERT INTO agent_ledger (agent_id, capacity_units) SELECT id, 100 FROM unnest($1::uuid[]) AS id"
ADD_PRESENCES = """
INSERT INTO agent_presence (agent_id, session, readiness, penalty, since, last_beat_at, connected_at)
SELECT id, 'connected', 'not_ready', 'none', $2, $2, $2 FROM unnest($1::uuid[]) AS id
"""
ADD_SESSIONS = """
INSERT INTO login_session (id, account_id, token_hash, created_at, expires_at)
SELECT made.id, made.account_id, made.token_hash, $4, $5
FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) AS made (id, account_id, token_hash)
"""


@dataclass(frozen=True, slots=True)
class Floor:
    """`senders` by team; console i holds `tokens[i]` and sees team `teams[i]`."""

    world: World
    team_ids: list[UUID]
    senders: list[list[Sender]]
    tokens: list[str]
    teams: list[int]


async def make_floor(installation: Scratch, *, consoles: int, teams: int) -> Floor:
    """Every agent sees one team's conversations; everybody is logged in, nobody's password was hashed."""
    database = Database(installation.url, application_name="bench")
    try:
        world = await make_world(database)
        team_ids, senders = [], []
        for number in range(teams):
            team_id, account_id = await _make_team(database, number)
            team_ids.append(team_id)
            senders.append(make_senders(account_id, CUSTOMERS_A_TEAM))
            await let_write(database, senders[-1], prefix=f"first-{number}")
        of_console = [number % teams for number in range(consoles)]
        made = await _make_sessions(database, [team_ids[number] for number in of_console])
        return Floor(world, team_ids, senders, made, of_console)
    finally:
        await database.close()


async def _make_team(database: Database, number: int) -> tuple[UUID, UUID]:
    """(team, channel account)"""
    async with database.transaction() as session:
        act = system_act(DatabaseClock(), "bench")
        team = await agents.create_team(session, act, name=f"Team {number}")
        queue = await routing.create_queue(session, act, QueueBody(name=f"Queue {number}", team_id=team.id))
        account = await channels.create_account(
            session, act, ChannelAccountIn(name=f"Site {number}", queue_id=queue.id)
        )
    return team.id, account.id


async def _make_sessions(database: Database, team_ids: list[UUID]) -> list[str]:
    """The tokens of that many agents, each in the team given."""
    at = DatabaseClock().now()
    account_ids = [ids.new_id(at) for _ in team_ids]
    made = [
        tokens.token_of(tokens.SESSION_PREFIX, number.to_bytes(tokens.TOKEN_BYTES, "big"))
        for number in range(len(team_ids))
    ]
    async with database.transaction() as session:
        connection = await driver_connection(session)
        await connection.execute(ADD_ACCOUNTS, account_ids, team_ids, at)
        await connection.execute(ADD_AGENTS, account_ids, at)
        # Here already: who sees a team is told every change of presence, and 2,000 logging in would be all there is.
        await connection.execute(ADD_LEDGERS, account_ids)
        await connection.execute(ADD_PRESENCES, account_ids, at)
        hashes = [tokens.hash_of(token) for token in made]
        session_ids = [ids.new_id(at) for _ in made]
        await connection.execute(
            ADD_SESSIONS, session_ids, account_ids, hashes, at, at + timedelta(hours=SESSION_HOURS)
        )
    return made


POSITIONS = """
SELECT p.position, c.team_id FROM event e
JOIN event_position p ON p.event_id = e.id
JOIN conversation c ON c.id = e.key
WHERE e.type = 'message.received' AND p.position > $1 ORDER BY p.position
"""


async def positions_by_team(
    observer: "asyncpg.Connection[asyncpg.Record]", team_ids: list[UUID], start: int
) -> list[list[int]]:
    """Of the messages after `start`: what a console of each team must have been sent, in this order."""
    found: dict[UUID, list[int]] = {team_id: [] for team_id in team_ids}
    for row in await observer.fetch(POSITIONS, start):
        if row["team_id"] in found:
            found[row["team_id"]].append(row["position"])
    return [found[team_id] for team_id in team_ids]
