"""Rows of people: teams, skills, agents and their skills."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.models import Agent, AgentSkill, Skill, Team
from app.core.database import driver_connection
from app.core.errors import Conflict, NotFound

Named = TypeVar("Named", Team, Skill)


def _word(kind: type[Team] | type[Skill]) -> str:
    return "team" if kind is Team else "skill"


async def add_named(session: AsyncSession, row: Team | Skill) -> None:
    """Raises Conflict `team_name_taken` or `skill_name_taken`; case does not count."""
    values = {column.key: getattr(row, column.key) for column in type(row).__table__.columns}
    statement = insert(type(row)).values(values).on_conflict_do_nothing().returning(type(row).id)
    if await session.scalar(statement) is None:
        raise _name_taken(type(row))


def _name_taken(kind: type[Team] | type[Skill]) -> Conflict:
    return Conflict(f"{_word(kind)}_name_taken", f"Another {_word(kind)} has this name (case does not count).")


async def get_named(session: AsyncSession, kind: type[Named], id_: UUID, *, lock: bool = False) -> Named:
    row = await session.get(kind, id_, with_for_update=lock or None)
    if row is None:
        raise NotFound(f"{_word(kind)}_not_found", f"No such {_word(kind)}.")
    return row


async def rename(session: AsyncSession, row: Team | Skill, name: str) -> None:
    row.name = name
    try:
        await session.flush()
    except IntegrityError as error:
        raise _name_taken(type(row)) from error


_IN_USE: dict[type[Team | Skill], str] = {
    Team: "Something still belongs to this team. Move it first.",
    Skill: "An agent has this skill, or a queue, a ring or a rule asks for it: /v1/skills/{skill_id}/use tells which.",
}


async def delete_named(session: AsyncSession, row: Team | Skill) -> None:
    """Raises Conflict `team_in_use` or `skill_in_use`."""
    word = _word(type(row))
    await session.delete(row)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"{word}_in_use", _IN_USE[type(row)]) from error


async def list_named(
    session: AsyncSession, kind: type[Named], *, after: tuple[str, UUID] | None, limit: int
) -> Sequence[Named]:
    order = (func.lower(kind.name), kind.id)
    statement = select(kind).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1]))
    return (await session.scalars(statement)).all()


async def map_leads(session: AsyncSession, team_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Lead by team, of those that have one."""
    if not team_ids:
        return {}
    rows = await session.execute(select(Team.id, Team.lead_id).where(Team.id.in_(team_ids), Team.lead_id.is_not(None)))
    return {row.id: row.lead_id for row in rows}


async def list_known_teams(session: AsyncSession, team_ids: Collection[UUID]) -> set[UUID]:
    return set(await session.scalars(select(Team.id).where(Team.id.in_(team_ids))))


async def list_known_skills(session: AsyncSession, skill_ids: Collection[UUID]) -> set[UUID]:
    return set(await session.scalars(select(Skill.id).where(Skill.id.in_(skill_ids))))


async def find_agent(session: AsyncSession, agent_id: UUID) -> Agent | None:
    return await session.get(Agent, agent_id)


async def lock_agent(session: AsyncSession, agent_id: UUID) -> Agent:
    statement = (
        select(Agent)
        .where(Agent.id == agent_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    agent = await session.scalar(statement)
    if agent is None:
        raise NotFound("agent_not_found", "No such agent.")
    return agent


async def add_agent(session: AsyncSession, agent: Agent) -> None:
    session.add(agent)
    await session.flush()


async def list_agents(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> Sequence[Agent]:
    """By name, then id."""
    order = (func.lower(Agent.name), Agent.id)
    statement = select(Agent).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(func.lower(after[0]), after[1]))
    return (await session.scalars(statement)).all()


_FACTS = """
SELECT agent.id, agent.name, agent.languages, agent.auto_accept,
       (SELECT jsonb_object_agg(skill_id, proficiency)::text FROM agent_skill WHERE agent_id = agent.id) AS skills
FROM agent WHERE $1::uuid[] IS NULL OR agent.id = ANY ($1) ORDER BY agent.id
"""


async def list_facts(
    session: AsyncSession, ids: Collection[UUID] | None
) -> list[tuple[UUID, str, tuple[str, ...], dict[UUID, int], bool]]:
    """(id, name, languages, proficiency by skill id, auto-accept) of these agents, or of all."""
    await session.flush()
    connection = await driver_connection(session)
    rows = await connection.fetch(_FACTS, None if ids is None else list(ids))
    return [
        (row["id"], row["name"], tuple(row["languages"]), _levels(row["skills"]), row["auto_accept"]) for row in rows
    ]


def _levels(stored: str | None) -> dict[UUID, int]:
    levels = {UUID(skill): level for skill, level in json.loads(stored).items()} if stored else {}
    return dict(sorted(levels.items()))


async def list_agents_of(session: AsyncSession, ids: Collection[UUID] | None) -> Sequence[Agent]:
    """These agents, or all of them."""
    statement = select(Agent).order_by(Agent.id)
    if ids is not None:
        statement = statement.where(Agent.id.in_(ids))
    return (await session.scalars(statement)).all()


async def map_skills(session: AsyncSession, agent_ids: Collection[UUID]) -> dict[UUID, dict[UUID, int]]:
    """Proficiency by skill id, by agent id; an agent without skills has an empty one."""
    statement = select(AgentSkill.agent_id, AgentSkill.skill_id, AgentSkill.proficiency).where(
        AgentSkill.agent_id.in_(agent_ids)
    )
    levels: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for agent_id, skill_id, proficiency in await session.execute(statement.order_by(AgentSkill.skill_id)):
        levels[agent_id][skill_id] = proficiency
    return levels


async def list_holders(session: AsyncSession, skill_id: UUID, limit: int) -> list[tuple[UUID, str, int]]:
    """(id, name, proficiency), the best first."""
    statement = select(Agent.id, Agent.name, AgentSkill.proficiency).join(AgentSkill, AgentSkill.agent_id == Agent.id)
    order = (AgentSkill.proficiency.desc(), func.lower(Agent.name), Agent.id)
    rows = await session.execute(statement.where(AgentSkill.skill_id == skill_id).order_by(*order).limit(limit))
    return [(row.id, row.name, row.proficiency) for row in rows]


async def count_holders(session: AsyncSession, skill_id: UUID) -> int:
    counted = select(func.count()).select_from(AgentSkill).where(AgentSkill.skill_id == skill_id)
    return await session.scalar(counted) or 0


async def replace_skills(session: AsyncSession, agent_id: UUID, levels: dict[UUID, int]) -> None:
    """The agent is locked. Raises NotFound `skill_not_found`."""
    await session.execute(delete(AgentSkill).where(AgentSkill.agent_id == agent_id))
    rows = [
        {"agent_id": agent_id, "skill_id": skill_id, "proficiency": proficiency}
        for skill_id, proficiency in levels.items()
    ]
    if not rows:
        return
    try:
        await session.execute(insert(AgentSkill).values(rows))
    except IntegrityError as error:
        # The foreign key is the check: a look-up before would race with a skill being deleted.
        raise NotFound("skill_not_found", "One of these skills does not exist.") from error
