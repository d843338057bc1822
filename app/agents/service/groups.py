"""Teams and skills: what agents belong to and what they can master."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import repository
from app.agents.models import Skill, Team
from app.agents.schemas import SkillView, TeamView
from app.core import event_log
from app.core.act import Act
from app.events.agents import SkillChanged, TeamChanged


async def create_team(session: AsyncSession, act: Act, *, name: str) -> TeamView:
    """Raises Conflict `team_name_taken`."""
    team = Team(id=act.new_id(), name=name, created_at=act.now)
    await repository.add_named(session, team)
    await event_log.append(session, act, [TeamChanged(team_id=team.id, change="created")])
    return TeamView.model_validate(team, from_attributes=True)


async def create_skill(session: AsyncSession, act: Act, *, name: str) -> SkillView:
    """Raises Conflict `skill_name_taken`."""
    skill = Skill(id=act.new_id(), name=name, created_at=act.now)
    await repository.add_named(session, skill)
    await event_log.append(session, act, [SkillChanged(skill_id=skill.id, change="created")])
    return SkillView.model_validate(skill, from_attributes=True)


async def rename_team(session: AsyncSession, act: Act, *, team_id: UUID, name: str) -> TeamView:
    team = await repository.get_named(session, Team, team_id, lock=True)
    await repository.rename(session, team, name)
    await event_log.append(session, act, [TeamChanged(team_id=team_id, change="updated")])
    return TeamView.model_validate(team, from_attributes=True)


async def rename_skill(session: AsyncSession, act: Act, *, skill_id: UUID, name: str) -> SkillView:
    skill = await repository.get_named(session, Skill, skill_id, lock=True)
    await repository.rename(session, skill, name)
    await event_log.append(session, act, [SkillChanged(skill_id=skill_id, change="updated")])
    return SkillView.model_validate(skill, from_attributes=True)


async def delete_team(session: AsyncSession, act: Act, *, team_id: UUID) -> None:
    """Raises Conflict `team_in_use` while accounts, queues or conversations belong to it."""
    await repository.delete_named(session, await repository.get_named(session, Team, team_id, lock=True))
    await event_log.append(session, act, [TeamChanged(team_id=team_id, change="deleted")])


async def delete_skill(session: AsyncSession, act: Act, *, skill_id: UUID) -> None:
    """Raises Conflict `skill_in_use` while an agent masters it or a queue asks for it."""
    await repository.delete_named(session, await repository.get_named(session, Skill, skill_id, lock=True))
    await event_log.append(session, act, [SkillChanged(skill_id=skill_id, change="deleted")])


async def list_teams(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[TeamView]:
    """By name, then id."""
    rows = await repository.list_named(session, Team, after=after, limit=limit)
    return [TeamView.model_validate(row, from_attributes=True) for row in rows]


async def list_skills(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[SkillView]:
    """By name, then id."""
    rows = await repository.list_named(session, Skill, after=after, limit=limit)
    return [SkillView.model_validate(row, from_attributes=True) for row in rows]
