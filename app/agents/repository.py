"""SQL of people."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.models import Agent, AgentSkill, Skill, Team
from app.core.errors import NotFound

NamedRow = TypeVar("NamedRow", Team, Skill)

# Accounts belong to access; their rows are read here because an agent is an account with a profile.
_PEOPLE = """
SELECT agent.id, agent.name, agent.languages, agent.version, account.login, account.role, account.visibility,
       account.team_id, account.disabled_at IS NOT NULL AS disabled, account.synthetic
FROM agent JOIN account ON account.id = agent.id
"""


async def lock_agent(session: AsyncSession, agent_id: UUID) -> Agent:
    agent = await session.get(Agent, agent_id, with_for_update=True, populate_existing=True)
    if agent is None:
        raise NotFound("agent_not_found", "There is no such agent.")
    return agent


async def list_people(session: AsyncSession, ids: Iterable[UUID] | None) -> list[dict[str, object]]:
    """Agents by id, or all of them, each as a row of `_PEOPLE`."""
    where, values = ("", {}) if ids is None else (" WHERE agent.id = ANY(:ids)", {"ids": list(ids)})
    rows = await session.execute(text(_PEOPLE + where), values)
    return [dict(row) for row in rows.mappings()]


async def list_page(
    session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int, team_id: UUID | None
) -> list[dict[str, object]]:
    """By name, then id."""
    conditions: list[str] = []
    values: dict[str, object] = {"limit": limit}
    if after is not None:
        conditions.append("(agent.name, agent.id) > (:after_name, :after_id)")
        values |= {"after_name": after[0], "after_id": after[1]}
    if team_id is not None:
        conditions.append("account.team_id = :team_id")
        values |= {"team_id": team_id}
    where = " WHERE " + " AND ".join(conditions) if conditions else ""
    rows = await session.execute(text(f"{_PEOPLE}{where} ORDER BY agent.name, agent.id LIMIT :limit"), values)
    return [dict(row) for row in rows.mappings()]


async def skills_of(session: AsyncSession, agent_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, int]]:
    rows = await session.execute(
        select(AgentSkill.agent_id, AgentSkill.skill_id, AgentSkill.proficiency).where(
            AgentSkill.agent_id.in_(list(agent_ids))
        )
    )
    found: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for agent_id, skill_id, proficiency in rows:
        found[agent_id][skill_id] = proficiency
    return found


async def replace_skills(session: AsyncSession, agent_id: UUID, levels: dict[UUID, int]) -> None:
    await session.execute(delete(AgentSkill).where(AgentSkill.agent_id == agent_id))
    if levels:
        rows = [{"agent_id": agent_id, "skill_id": skill, "proficiency": level} for skill, level in levels.items()]
        await session.execute(insert(AgentSkill), rows)


async def find_missing_skills(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    wanted = set(ids)
    return wanted - set(await session.scalars(select(Skill.id).where(Skill.id.in_(wanted)).with_for_update(read=True)))


async def list_named(session: AsyncSession, table: type[NamedRow]) -> Sequence[NamedRow]:
    return (await session.scalars(select(table).order_by(func.lower(table.name), table.id))).all()


async def get_named(session: AsyncSession, table: type[NamedRow], row_id: UUID) -> NamedRow:
    row = await session.get(table, row_id, with_for_update=True)
    if row is None:
        kind = table.__tablename__
        raise NotFound(f"{kind}_not_found", f"There is no such {kind}.")
    return row
