"""Teams and skills: what agents belong to and what they can master."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import service as access
from app.agents import repository
from app.agents.models import Skill, Team
from app.agents.schemas import SkillHolder, SkillPatch, SkillView, TeamPatch, TeamView
from app.core import event_log
from app.core.act import Act
from app.core.errors import NotFound
from app.events.agents import SkillChanged, TeamChanged


async def create_team(session: AsyncSession, act: Act, *, name: str) -> TeamView:
    """Raises Conflict `team_name_taken`."""
    team = Team(id=act.new_id(), name=name, created_at=act.now)
    await repository.add_named(session, team)
    await event_log.append(session, act, [TeamChanged(team_id=team.id, change="created")])
    return TeamView.model_validate(team, from_attributes=True)


async def create_skill(
    session: AsyncSession, act: Act, *, name: str, names: Mapping[str, str] | None = None
) -> SkillView:
    """Raises Conflict `skill_name_taken`."""
    skill = Skill(id=act.new_id(), name=name, names=dict(names or {}), created_at=act.now)
    await repository.add_named(session, skill)
    await event_log.append(session, act, [SkillChanged(skill_id=skill.id, change="created")])
    return SkillView.model_validate(skill, from_attributes=True)


async def change_team(session: AsyncSession, act: Act, *, team_id: UUID, patch: TeamPatch) -> TeamView:
    """Raises Conflict `team_name_taken`, NotFound `agent_not_found` for a lead who is no agent or is disabled."""
    team = await repository.get_named(session, Team, team_id, lock=True)
    if "lead_id" in patch.model_fields_set:
        if patch.lead_id is not None:
            await _require_serving(session, patch.lead_id)
        team.lead_id = patch.lead_id
    await repository.rename(session, team, patch.name or team.name)
    await event_log.append(session, act, [TeamChanged(team_id=team_id, change="updated")])
    return TeamView.model_validate(team, from_attributes=True)


async def list_leads(session: AsyncSession, team_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """By team: its lead, or its supervisors where it has none who serves. Teams without either are left out."""
    leads = await repository.map_leads(session, team_ids)
    disabled = await _disabled(session, leads.values())
    found = {team_id: (lead_id,) for team_id, lead_id in leads.items() if lead_id not in disabled}
    return await access.map_supervisors(session, set(team_ids) - found.keys()) | found


async def list_known_teams(session: AsyncSession, team_ids: Collection[UUID]) -> set[UUID]:
    return await repository.list_known_teams(session, team_ids)


async def _require_serving(session: AsyncSession, agent_id: UUID) -> None:
    if await repository.find_agent(session, agent_id) is None or await _disabled(session, [agent_id]):
        raise NotFound("agent_not_found", "There is no such agent, or it is disabled. Choose another one.")


async def _disabled(session: AsyncSession, agent_ids: Iterable[UUID]) -> set[UUID]:
    accounts = await access.map_accounts(session, list(agent_ids))
    return {account_id for account_id, account in accounts.items() if account.disabled_at is not None}


async def rename_skill(session: AsyncSession, act: Act, *, skill_id: UUID, patch: SkillPatch) -> SkillView:
    """Raises Conflict `skill_name_taken`."""
    skill = await repository.get_named(session, Skill, skill_id, lock=True)
    if patch.names is not None:
        skill.names = patch.names
    await repository.rename(session, skill, patch.name or skill.name)
    await event_log.append(session, act, [SkillChanged(skill_id=skill_id, change="updated")])
    return SkillView.model_validate(skill, from_attributes=True)


async def delete_team(session: AsyncSession, act: Act, *, team_id: UUID) -> None:
    """Raises Conflict `team_in_use` while accounts, queues or conversations belong to it."""
    await repository.delete_named(session, await repository.get_named(session, Team, team_id, lock=True))
    await event_log.append(session, act, [TeamChanged(team_id=team_id, change="deleted")])


async def delete_skill(session: AsyncSession, act: Act, *, skill_id: UUID) -> None:
    """Raises Conflict `skill_in_use` while an agent masters it, or a queue, a ring or a rule asks for it."""
    await repository.delete_named(session, await repository.get_named(session, Skill, skill_id, lock=True))
    await event_log.append(session, act, [SkillChanged(skill_id=skill_id, change="deleted")])


async def list_known_skills(session: AsyncSession, skill_ids: Collection[UUID]) -> set[UUID]:
    """Those of them that exist."""
    return await repository.list_known_skills(session, skill_ids)


async def list_holders(session: AsyncSession, skill_id: UUID, *, limit: int) -> tuple[int, list[SkillHolder]]:
    """How many have it, and the best of them. Raises NotFound `skill_not_found`."""
    await repository.get_named(session, Skill, skill_id)
    holders = [SkillHolder(*row) for row in await repository.list_holders(session, skill_id, limit)]
    return await repository.count_holders(session, skill_id), holders


async def list_teams(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[TeamView]:
    """By name, then id."""
    rows = await repository.list_named(session, Team, after=after, limit=limit)
    return [TeamView.model_validate(row, from_attributes=True) for row in rows]


async def list_skills(session: AsyncSession, *, after: tuple[str, UUID] | None, limit: int) -> list[SkillView]:
    """By name, then id."""
    rows = await repository.list_named(session, Skill, after=after, limit=limit)
    return [SkillView.model_validate(row, from_attributes=True) for row in rows]
