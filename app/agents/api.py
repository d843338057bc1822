"""Operations on agents, teams and skills, and on who one is."""

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from app.access.guards import GUARDED, ActDep, AfterNameDep, PrincipalDep, problems, publish_ended, require
from app.access.schemas import Principal
from app.agents import service
from app.agents.schemas import (
    AgentCreate,
    AgentPatch,
    AgentSkills,
    AgentView,
    Me,
    NameBody,
    SkillBody,
    SkillPatch,
    SkillView,
    TeamPatch,
    TeamView,
)
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, LimitQuery, Page, encode_cursor
from app.core.idempotency import OnceDep

router = APIRouter(prefix="/v1", tags=["agents"])

ReaderDep = Annotated[Principal, Depends(require("agents:read"))]
WriterDep = Annotated[Principal, Depends(require("agents:write"))]
IfMatchHeader = Annotated[
    str | None, Header(max_length=200, description="The ETag you have read; anything else by now is 412")
]


Listed = TypeVar("Listed", AgentView, TeamView, SkillView)


def _page(items: list[Listed], limit: int) -> Page[Listed]:
    last = items[-1] if len(items) == limit else None
    return Page(items=items, next_cursor=encode_cursor(last.name, str(last.id)) if last else None)


@router.get("/me", summary="Who this token belongs to", responses=GUARDED)
async def describe_me(session: SessionDep, principal: PrincipalDep) -> Me:
    return await service.describe_me(session, principal)


@router.get("/agents", summary="Agents by name, disabled ones too", responses=GUARDED)
async def list_agents(
    session: SessionDep, principal: ReaderDep, after: AfterNameDep, limit: LimitQuery = PAGE_DEFAULT
) -> Page[AgentView]:
    return _page(await service.list_agents(session, after=after, limit=limit), limit)


@router.post(
    "/agents",
    status_code=201,
    summary="Make an agent: account and profile together",
    description="A retry is safe without Idempotency-Key: the login is unique.",
    responses=GUARDED | problems(404, 409),
)
async def create_agent(
    body: AgentCreate, response: Response, session: SessionDep, act: ActDep, principal: WriterDep
) -> AgentView:
    agent = await service.create_agent_as(session, act, principal, body)
    response.headers["ETag"] = service.etag_of(agent.version)
    return agent


@router.get("/agents/{agent_id}", summary="One agent, with ETag", responses=GUARDED | problems(404))
async def get_agent(agent_id: UUID, response: Response, session: SessionDep, principal: ReaderDep) -> AgentView:
    agent = await service.get_agent(session, agent_id)
    response.headers["ETag"] = service.etag_of(agent.version)
    return agent


@router.patch(
    "/agents/{agent_id}",
    summary="Change an agent's profile, role, team or visibility; disable or enable",
    description="Disabling ends all sessions at once. The last admin can be neither disabled nor demoted.",
    responses=GUARDED | problems(404, 409, 412),
)
async def change_agent(
    agent_id: UUID,
    body: AgentPatch,
    request: Request,
    response: Response,
    session: SessionDep,
    act: ActDep,
    principal: WriterDep,
    background: BackgroundTasks,
    if_match: IfMatchHeader = None,
) -> AgentView:
    agent, ended = await service.change_agent(
        session,
        act,
        principal,
        agent_id=agent_id,
        profile=body.profile_changes(),
        account=body.account_changes(),
        if_match=if_match,
    )
    publish_ended(background, request, agent_id, ended)
    response.headers["ETag"] = service.etag_of(agent.version)
    return agent


@router.put(
    "/agents/{agent_id}/skills",
    summary="Replace what an agent masters, with proficiency 1-10",
    responses=GUARDED | problems(404, 412),
)
async def set_skills(
    agent_id: UUID,
    body: AgentSkills,
    response: Response,
    session: SessionDep,
    act: ActDep,
    principal: WriterDep,
    if_match: IfMatchHeader = None,
) -> AgentView:
    agent = await service.set_skills(session, act, agent_id=agent_id, levels=body.levels(), if_match=if_match)
    response.headers["ETag"] = service.etag_of(agent.version)
    return agent


@router.get("/teams", summary="Teams by name", responses=GUARDED)
async def list_teams(
    session: SessionDep, principal: ReaderDep, after: AfterNameDep, limit: LimitQuery = PAGE_DEFAULT
) -> Page[TeamView]:
    return _page(await service.list_teams(session, after=after, limit=limit), limit)


@router.post(
    "/teams",
    status_code=201,
    summary="Make a team",
    response_model=TeamView,
    responses=GUARDED | problems(409),
)
async def create_team(
    body: NameBody, session: SessionDep, act: ActDep, principal: WriterDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: service.create_team(session, act, name=body.name), status=201)


@router.patch("/teams/{team_id}", summary="Rename a team, or name its lead", responses=GUARDED | problems(404, 409))
async def rename_team(
    team_id: UUID, body: TeamPatch, session: SessionDep, act: ActDep, principal: WriterDep
) -> TeamView:
    return await service.change_team(session, act, team_id=team_id, patch=body)


@router.delete(
    "/teams/{team_id}", status_code=204, summary="Delete an unused team", responses=GUARDED | problems(404, 409)
)
async def delete_team(team_id: UUID, session: SessionDep, act: ActDep, principal: WriterDep) -> None:
    await service.delete_team(session, act, team_id=team_id)


@router.get("/skills", summary="Skills by name", responses=GUARDED)
async def list_skills(
    session: SessionDep, principal: ReaderDep, after: AfterNameDep, limit: LimitQuery = PAGE_DEFAULT
) -> Page[SkillView]:
    return _page(await service.list_skills(session, after=after, limit=limit), limit)


@router.post(
    "/skills",
    status_code=201,
    summary="Make a skill",
    response_model=SkillView,
    responses=GUARDED | problems(409),
)
async def create_skill(
    body: SkillBody, session: SessionDep, act: ActDep, principal: WriterDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session, act, lambda: service.create_skill(session, act, name=body.name, names=body.names), status=201
    )


@router.patch("/skills/{skill_id}", summary="Rename a skill", responses=GUARDED | problems(404, 409))
async def rename_skill(
    skill_id: UUID, body: SkillPatch, session: SessionDep, act: ActDep, principal: WriterDep
) -> SkillView:
    return await service.rename_skill(session, act, skill_id=skill_id, patch=body)


@router.delete(
    "/skills/{skill_id}",
    status_code=204,
    summary="Retire a skill that nobody has and nothing asks for",
    responses=GUARDED | problems(404, 409),
)
async def delete_skill(skill_id: UUID, session: SessionDep, act: ActDep, principal: WriterDep) -> None:
    await service.delete_skill(session, act, skill_id=skill_id)
