"""The demo organisation: a shop for lamps with a care and a technical team, in English and Chinese."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.permissions import Role
from app.agents import service as agents
from app.channels import service as channels
from app.channels.schemas import ChannelAccountIn
from app.core.act import Act
from app.routing import service as routing
from app.routing.queue_schemas import QueueBody, RingBody


@dataclass(frozen=True, slots=True)
class DemoLogin:
    role: Role
    name: str
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class _Person:
    login: str
    name: str
    role: Role
    team: str
    languages: tuple[str, ...]
    skills: dict[str, int]


ACCOUNTS_LOOKED_AT = 100
TEAMS = ("Customer care", "Technical service")
SKILLS = ("en", "zh", "orders", "technical")
PEOPLE = (
    _Person("lin", "Lin Wei 林薇", "supervisor", "Customer care", ("zh-CN", "en"), {"zh": 10, "en": 7, "orders": 9}),
    _Person("anna", "Anna Berg", "agent", "Customer care", ("en",), {"en": 10, "orders": 8}),
    _Person("chen", "Chen Siyuan 陈思远", "agent", "Customer care", ("zh-CN", "en"), {"zh": 10, "en": 5, "orders": 7}),
    _Person("maria", "Maria Costa", "agent", "Customer care", ("en",), {"en": 9, "orders": 5, "technical": 3}),
    _Person("wu", "Wu Gang 吴刚", "agent", "Technical service", ("zh-CN", "en"), {"zh": 9, "en": 6, "technical": 9}),
    _Person("tom", "Tom Okafor", "agent", "Technical service", ("en",), {"en": 10, "technical": 8}),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A queue and the people in it. `skill` is required at `level`; the second ring asks for less."""

    name: str
    name_zh: str
    team: str
    skill: str
    level: int
    members: tuple[str, ...]


LINES = (
    _Line("Orders", "订单咨询", "Customer care", "orders", 5, ("lin", "anna", "chen", "maria")),
    _Line("Technical help", "技术支持", "Technical service", "technical", 6, ("wu", "tom", "maria")),
)
SHOPS = (("Lumen shop", "Lumen", "Orders"), ("Lumen support", "Lumen", "Technical help"))


async def load(session: AsyncSession, act: Act) -> list[DemoLogin]:
    """Make the organisation, with random passwords. Call it once, on an installation with no teams yet."""
    teams = {name: (await agents.create_team(session, act, name=name)).id for name in TEAMS}
    skills = {name: (await agents.create_skill(session, act, name=name)).id for name in SKILLS}
    people: dict[str, UUID] = {}
    logins = []
    for person in PEOPLE:
        password = secrets.token_hex(8)
        people[person.login] = await agents.create_agent(
            session,
            act,
            login=person.login,
            password=password,
            name=person.name,
            role=person.role,
            team_id=teams[person.team],
            languages=person.languages,
            skills={skills[name]: level for name, level in person.skills.items()},
        )
        logins.append(DemoLogin(person.role, person.name, person.login, password))
    queues = {line.name: await _make_queue(session, act, line, teams, skills, people) for line in LINES}
    for name, brand, queue in SHOPS:
        body = ChannelAccountIn(name=name, brand=brand, queue_id=queues[queue])
        await channels.create_account(session, act, body)
    return logins


async def _make_queue(
    session: AsyncSession,
    act: Act,
    line: _Line,
    teams: dict[str, UUID],
    skills: dict[str, UUID],
    people: dict[str, UUID],
) -> UUID:
    skill = skills[line.skill]
    body = QueueBody(
        name=line.name,
        names={"en": line.name, "zh-CN": line.name_zh},
        team_id=teams[line.team],
        target_seconds=60,
        offer_timeout_seconds=30,
        requirements={skill: line.level},
        rings=[RingBody(enter_after_seconds=60, requirements={skill: max(line.level - 3, 1)})],
    )
    queue = await routing.create_queue(session, act, body)
    for login in line.members:
        await routing.add_member(session, act, queue_id=queue.id, agent_id=people[login])
    return queue.id


async def list_keys(session: AsyncSession) -> list[str]:
    """The public keys of the demo's channel accounts."""
    names = {name for name, _, _ in SHOPS}
    accounts = await channels.list_accounts(session, after=None, limit=ACCOUNTS_LOOKED_AT)
    return [account.public_key for account in accounts if account.name in names]
