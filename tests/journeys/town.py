"""An installation with two teams, people of every role, an API key and a chat account, made in the database."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from app.access import service as access
from app.access.permissions import Role
from app.agents import service as agents
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody
from tests.access_apps import CHEAP

PASSWORD = "a password for the journey"


@dataclass(slots=True)
class Town:
    people: dict[str, UUID]
    """By login: `ada` serves Service, `bo` and `eve` Billing, `sue` supervises Service, `root` administers."""
    queues: dict[str, UUID]
    teams: dict[str, UUID]
    skill_id: UUID
    account_id: UUID
    public_key: str
    key_token: str
    """An API key with the single scope agents:read."""


async def found(database: Database, *, extra_name: str = "") -> Town:
    """`extra_name` is put behind every name that a person could have typed."""
    act = system_act(DatabaseClock(), "journey")
    async with database.transaction() as session:
        teams = {
            name: (await agents.create_team(session, act, name=name + extra_name)).id for name in ("Service", "Billing")
        }
        skill = await agents.create_skill(session, act, name="kettles" + extra_name)

        async def person(login: str, role: Role, team: str) -> UUID:
            return await agents.create_agent(
                session, act, login=login, password=PASSWORD, hasher=CHEAP, name=login.title() + extra_name, role=role,
                team_id=teams[team], languages=["en"], skills={},
            )  # fmt: skip

        people = {
            "ada": await person("ada", "agent", "Service"),
            "bo": await person("bo", "agent", "Billing"),
            "sue": await person("sue", "supervisor", "Service"),
            "eve": await person("eve", "agent", "Billing"),
            "root": await person("root", "admin", "Service"),
        }
        queues = {}
        for team, members in (("Service", ("ada", "sue")), ("Billing", ("bo",))):
            queue = await routing.create_queue(session, act, QueueBody(name=team + extra_name, team_id=teams[team]))
            queues[team] = queue.id
            for login in members:
                await routing.add_member(session, act, queue_id=queue.id, agent_id=people[login])
        account = await channels.create_account(
            session, act, ChannelAccountIn(name="Shop" + extra_name, brand="Pots", queue_id=queues["Billing"])
        )
        key = await access.create_api_key(session, act, None, name="reader", scopes=["agents:read"])
    return Town(people, queues, teams, skill.id, account.id, account.public_key, key.token)


async def log_in(http: httpx.AsyncClient, login: str) -> str:
    answer = await http.post("/v1/session", json={"login": login, "password": PASSWORD})
    http.cookies.clear()
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def begin_visitor(http: httpx.AsyncClient, key: str, **given: str) -> str:
    answer = await http.post("/v1/widget/visitors", json={"key": key, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def write(http: httpx.AsyncClient, visitor: str, text: str, *, client_id: str, **headers: str) -> dict[str, str]:
    answer = await http.post(
        "/v1/widget/messages",
        json={"client_id": client_id, "body": text},
        headers={"Authorization": f"Bearer {visitor}", **headers},
    )
    assert answer.status_code in (200, 201), answer.text
    received: dict[str, str] = answer.json()
    return received
