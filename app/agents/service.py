"""Use-cases of people: agents, teams, skills."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.access.schemas import Role, Visibility
from app.agents import repository
from app.agents.models import Agent, Skill, Team
from app.agents.schemas import AgentChange, AgentFacts, AgentView, NamedView
from app.core.act import Act
from app.core.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from app.core.event_log import append
from app.events.agents import AgentCreated, AgentUpdated, SkillChanged, TeamChanged

TEAMS_MAX = 500
SKILLS_MAX = 1_000
NamedTable = TypeVar("NamedTable", Team, Skill)
_MAX: dict[str, int] = {"team": TEAMS_MAX, "skill": SKILLS_MAX}


async def create_agent(
    session: AsyncSession,
    act: Act,
    *,
    login: str,
    password: str,
    name: str,
    role: Role = "agent",
    team_id: UUID | None = None,
    languages: Sequence[str],
    skills: dict[UUID, int] | None = None,
    visibility: Visibility | None = None,
    synthetic: bool = False,
) -> UUID:
    """The account and its profile, together or not at all. Raises Conflict login_taken, InvalidInput unknown_skill."""
    account_id = await access.create_account(
        session,
        act,
        login=login,
        password=password,
        role=role,
        visibility=visibility,
        team_id=team_id,
        synthetic=synthetic,
    )
    return await add_profile(
        session, act, account_id, name=name, role=role, team_id=team_id, languages=languages, skills=skills
    )


async def add_profile(
    session: AsyncSession,
    act: Act,
    account_id: UUID,
    *,
    name: str,
    role: Role,
    languages: Sequence[str],
    team_id: UUID | None = None,
    skills: dict[UUID, int] | None = None,
) -> UUID:
    """Make an agent of an account that has no profile yet (the first administrator's)."""
    session.add(Agent(id=account_id, name=name, languages=list(languages), updated_at=act.now))
    await session.flush()
    await _store_skills(session, account_id, skills or {})
    await append(session, act, [AgentCreated(agent_id=account_id, role=role, team_id=team_id)])
    return account_id


async def change_agent(
    session: AsyncSession, act: Act, agent_id: UUID, change: AgentChange, *, version: int | None
) -> AgentView:
    """`version` is the one the caller read (If-Match). Raises PreconditionFailed when it is another by now."""
    agent = await _lock(session, agent_id, version)
    given = {name: value for name, value in change.model_dump(exclude_unset=True).items() if value is not None}
    for name, value in given.items():
        setattr(agent, name, value)
    await _store(session, act, agent, tuple(sorted(given)))
    return await get_agent(session, agent_id)


async def set_skills(
    session: AsyncSession, act: Act, agent_id: UUID, levels: dict[UUID, int], *, version: int | None
) -> AgentView:
    """Replace all of an agent's skills by these levels (1-10)."""
    agent = await _lock(session, agent_id, version)
    await _store_skills(session, agent_id, levels)
    await _store(session, act, agent, ("skills",))
    return await get_agent(session, agent_id)


async def _lock(session: AsyncSession, agent_id: UUID, version: int | None) -> Agent:
    agent = await repository.lock_agent(session, agent_id)
    if version is not None and version != agent.version:
        raise PreconditionFailed("changed_meanwhile", "Somebody changed it since you read it. Read it again.")
    return agent


async def _store(session: AsyncSession, act: Act, agent: Agent, fields: tuple[str, ...]) -> None:
    agent.version += 1
    agent.updated_at = act.now
    await append(session, act, [AgentUpdated(agent_id=agent.id, fields=fields)])


async def _store_skills(session: AsyncSession, agent_id: UUID, levels: dict[UUID, int]) -> None:
    missing = await repository.find_missing_skills(session, levels)
    if missing:
        raise InvalidInput("unknown_skill", "There is no such skill.", skills=sorted(map(str, missing)))
    await repository.replace_skills(session, agent_id, levels)


async def get_agent(session: AsyncSession, agent_id: UUID) -> AgentView:
    views = await _views(session, await repository.list_people(session, [agent_id]))
    if not views:
        raise NotFound("agent_not_found", "There is no such agent.")
    return views[0]


async def list_agents(
    session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int, team_id: UUID | None = None
) -> list[AgentView]:
    return await _views(session, await repository.list_page(session, after=after, limit=limit, team_id=team_id))


async def list_facts(session: AsyncSession, ids: Iterable[UUID] | None = None) -> list[AgentFacts]:
    """Agents by id, unknown ones left out; all of them for None."""
    views = await _views(session, await repository.list_people(session, ids))
    return [
        AgentFacts(
            id=view.id,
            name=view.name,
            role=view.role,
            team_id=view.team_id,
            languages=tuple(view.languages),
            skills=view.skills,
            disabled=view.disabled,
            synthetic=view.synthetic,
        )
        for view in views
    ]


async def _views(session: AsyncSession, people: list[dict[str, Any]]) -> list[AgentView]:
    skills = await repository.skills_of(session, [person["id"] for person in people])
    return [AgentView(**person, skills=skills.get(person["id"], {})) for person in people]


async def create_team(session: AsyncSession, act: Act, *, name: str) -> UUID:
    """Raises Conflict name_taken."""
    return (await _create(session, act, Team, name)).id


async def create_skill(session: AsyncSession, act: Act, *, name: str) -> UUID:
    """Raises Conflict name_taken."""
    return (await _create(session, act, Skill, name)).id


async def rename_team(session: AsyncSession, act: Act, team_id: UUID, name: str) -> NamedView:
    return await _rename(session, act, Team, team_id, name)


async def rename_skill(session: AsyncSession, act: Act, skill_id: UUID, name: str) -> NamedView:
    return await _rename(session, act, Skill, skill_id, name)


async def delete_team(session: AsyncSession, act: Act, team_id: UUID) -> None:
    """Raises Conflict team_in_use while an account, queue or conversation refers to it."""
    await _delete(session, act, Team, team_id)


async def delete_skill(session: AsyncSession, act: Act, skill_id: UUID) -> None:
    """Raises Conflict skill_in_use while an agent has it."""
    await _delete(session, act, Skill, skill_id)


async def list_teams(session: AsyncSession) -> list[NamedView]:
    return [NamedView(id=row.id, name=row.name) for row in await repository.list_named(session, Team)]


async def list_skills(session: AsyncSession) -> list[NamedView]:
    return [NamedView(id=row.id, name=row.name) for row in await repository.list_named(session, Skill)]


async def _create(session: AsyncSession, act: Act, table: type[NamedTable], name: str) -> NamedTable:
    kind = table.__tablename__
    if len(await repository.list_named(session, table)) >= _MAX[kind]:
        raise Conflict("too_many", f"There are {_MAX[kind]} already, which is the limit.")
    row = table(id=act.new_id(), name=name, created_at=act.now)
    session.add(row)
    await _flush_name(session)
    await append(session, act, [_changed(row, "created")])
    return row


async def _rename(session: AsyncSession, act: Act, table: type[NamedTable], row_id: UUID, name: str) -> NamedView:
    row = await repository.get_named(session, table, row_id)
    row.name = name
    await _flush_name(session)
    await append(session, act, [_changed(row, "updated")])
    return NamedView(id=row.id, name=row.name)


async def _delete(session: AsyncSession, act: Act, table: type[NamedTable], row_id: UUID) -> None:
    row = await repository.get_named(session, table, row_id)
    event = _changed(row, "deleted")
    await session.delete(row)
    try:
        await session.flush()
    except IntegrityError as error:
        kind = table.__tablename__
        raise Conflict(f"{kind}_in_use", f"This {kind} is still used. Take it from whoever has it first.") from error
    await append(session, act, [event])


async def _flush_name(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("name_taken", "Another one has this name. Choose another name.") from error


def _changed(row: Team | Skill, change: Literal["created", "updated", "deleted"]) -> TeamChanged | SkillChanged:
    if isinstance(row, Team):
        return TeamChanged(team_id=row.id, change=change)
    return SkillChanged(skill_id=row.id, change=change)
