"""Agents: who they are, what they master, and the facts others read of them."""

import re
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import passwords
from app.access import service as access
from app.access.permissions import Role
from app.access.schemas import AccountView, Principal, Visibility
from app.agents import repository
from app.agents.models import Agent
from app.agents.schemas import AgentCreate, AgentProfile, AgentSkillLevel, AgentView, Me
from app.core import event_log
from app.core.act import Act
from app.core.errors import NotFound, PreconditionFailed
from app.events.agents import AgentUpdated


async def create_agent(
    session: AsyncSession,
    act: Act,
    *,
    login: str,
    password: str,
    name: str,
    role: Role,
    team_id: UUID | None,
    languages: Sequence[str],
    skills: dict[UUID, int],
    visibility: Visibility | None = None,
    auto_accept: bool = False,
    synthetic: bool = False,
    hasher: PasswordHasher = passwords.STANDARD,
) -> UUID:
    """Make account and profile in one transaction.

    Raises Conflict `login_taken`, NotFound `team_not_found` or `skill_not_found`.
    """
    agent_id = await access.create_account(
        session,
        act,
        login=login,
        password=password,
        role=role,
        visibility=visibility,
        team_id=team_id,
        synthetic=synthetic,
        hasher=hasher,
    )
    agent = Agent(
        id=agent_id,
        name=name,
        languages=list(languages),
        auto_accept=auto_accept,
        version=1,
        updated_at=act.now,
    )
    await repository.add_agent(session, agent)
    await repository.replace_skills(session, agent_id, skills)
    return agent_id


async def create_agent_as(session: AsyncSession, act: Act, principal: Principal, body: AgentCreate) -> AgentView:
    """`create_agent` by somebody, who cannot give more than they hold: Forbidden `role_beyond_own`."""
    access.refuse_beyond(principal, body.role)
    agent_id = await create_agent(
        session,
        act,
        login=body.login,
        password=body.password.get_secret_value(),
        name=body.name,
        role=body.role,
        team_id=body.team_id,
        languages=body.languages,
        skills={level.skill_id: level.proficiency for level in body.skills},
        visibility=body.visibility,
        auto_accept=body.auto_accept,
        synthetic=body.synthetic,
    )
    return await get_agent(session, agent_id)


async def get_agent(session: AsyncSession, agent_id: UUID) -> AgentView:
    found = await _views(session, await repository.list_agents_of(session, [agent_id]))
    if not found:
        raise NotFound("agent_not_found", "No such agent.")
    return found[0]


async def list_agents(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[AgentView]:
    """By name, then id; disabled ones too."""
    return await _views(session, await repository.list_agents(session, after=after, limit=limit))


async def list_facts(session: AsyncSession, ids: Collection[UUID] | None = None) -> list[AgentProfile]:
    """These agents, or all; disabled ones too. Ids that are no agent's are left out. Two queries."""
    rows = await repository.list_facts(session, ids)
    accounts = await access.map_accounts(session, [row[0] for row in rows])
    return [
        _profile(accounts[agent_id], name, languages, skills, auto_accept)
        for agent_id, name, languages, skills, auto_accept in rows
    ]


async def change_agent(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    agent_id: UUID,
    profile: dict[str, Any],
    account: dict[str, Any],
    if_match: str | None,
) -> tuple[AgentView, list[UUID]]:
    """Apply profile and account members of AgentPatch; the second part of the answer is sessions that ended by it.

    Raises PreconditionFailed `version_mismatch`, and what `access.service.change_account` raises.
    """
    ended: list[UUID] = []
    agent = await _lock_version(session, agent_id, if_match)
    if account:
        _, ended = await access.change_account(session, act, principal, account_id=agent_id, changes=account)
    fields = tuple(sorted(name for name, value in profile.items() if getattr(agent, name) != value))
    for name in fields:
        setattr(agent, name, profile[name])
    await _raise_version(session, act, agent)
    if fields:
        await event_log.append(session, act, [AgentUpdated(agent_id=agent_id, fields=fields)])
    return await get_agent(session, agent_id), ended


async def set_skills(
    session: AsyncSession, act: Act, *, agent_id: UUID, levels: dict[UUID, int], if_match: str | None = None
) -> AgentView:
    """Replace what the agent masters. Raises NotFound `skill_not_found`, PreconditionFailed `version_mismatch`."""
    await change_terms(session, act, agent_id=agent_id, levels=levels, fields=("skills",), if_match=if_match)
    return await get_agent(session, agent_id)


async def change_terms(
    session: AsyncSession,
    act: Act,
    *,
    agent_id: UUID,
    levels: dict[UUID, int] | None,
    fields: tuple[str, ...],
    if_match: str | None,
    auto_accept: bool | None = None,
) -> None:
    """A new version for `fields`, of which routing keeps some itself; `levels` replace the skills if given.

    Raises NotFound `agent_not_found`, `skill_not_found`, PreconditionFailed `version_mismatch`.
    """
    agent = await _lock_version(session, agent_id, if_match)
    if levels is not None:
        await repository.replace_skills(session, agent_id, levels)
    if auto_accept is not None:
        agent.auto_accept = auto_accept
    await _raise_version(session, act, agent)
    await event_log.append(session, act, [AgentUpdated(agent_id=agent_id, fields=fields)])


async def _lock_version(session: AsyncSession, agent_id: UUID, if_match: str | None) -> Agent:
    agent = await repository.lock_agent(session, agent_id)
    if if_match is not None and if_match.strip() != "*" and etag_of(agent.version) not in _etags(if_match):
        raise PreconditionFailed(
            "version_mismatch", "It changed since you read it. Read it again and repeat.", version=agent.version
        )
    return agent


def etag_of(version: int) -> str:
    return f'"{version}"'


def _etags(if_match: str) -> list[str]:
    return re.findall(r'"[^"]*"', if_match)


async def _raise_version(session: AsyncSession, act: Act, agent: Agent) -> None:
    agent.version += 1
    agent.updated_at = act.now
    await session.flush()


async def describe_me(session: AsyncSession, principal: Principal) -> Me:
    found = await _views(session, await repository.list_agents_of(session, [principal.id]))
    return Me(
        kind=principal.kind,
        id=principal.id,
        role=principal.role,
        scopes=sorted(principal.scopes),
        visibility=principal.visibility,
        team_id=principal.team_id,
        session_id=principal.session_id,
        expires_at=principal.expires_at,
        agent=found[0] if found else None,
    )


async def _accounts_and_skills(
    session: AsyncSession, agents: Sequence[Agent]
) -> tuple[dict[UUID, AccountView], dict[UUID, dict[UUID, int]]]:
    ids = [agent.id for agent in agents]
    return await access.map_accounts(session, ids), await repository.map_skills(session, ids)


async def _views(session: AsyncSession, agents: Sequence[Agent]) -> list[AgentView]:
    accounts, skills = await _accounts_and_skills(session, agents)
    return [_view(agent, accounts[agent.id], skills.get(agent.id, {})) for agent in agents]


def _view(agent: Agent, account: AccountView, skills: dict[UUID, int]) -> AgentView:
    return AgentView(
        **account.model_dump(exclude={"created_at"}),
        name=agent.name,
        languages=agent.languages,
        skills=[AgentSkillLevel(skill_id=skill_id, proficiency=level) for skill_id, level in skills.items()],
        auto_accept=agent.auto_accept,
        version=agent.version,
    )


def _profile(
    account: AccountView, name: str, languages: tuple[str, ...], skills: dict[UUID, int], auto_accept: bool
) -> AgentProfile:
    return AgentProfile(
        id=account.id,
        name=name,
        role=account.role,
        team_id=account.team_id,
        languages=languages,
        skills=skills,
        visibility=account.visibility,
        synthetic=account.synthetic,
        disabled=account.disabled_at is not None,
        auto_accept=auto_accept,
    )
