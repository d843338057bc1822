"""/v1/agents, /v1/teams, /v1/skills."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from app.access.guards import ActDep, require
from app.access.schemas import Principal
from app.agents import service
from app.agents.schemas import AgentChange, AgentView, Named, NamedView, NewAgent, SkillLevels
from app.core.database import SessionDep
from app.core.errors import InvalidInput
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page, decode_cursor, encode_cursor, problems
from app.core.idempotency import OnceDep

router = APIRouter(prefix="/v1", tags=["agents"])
Reader = Annotated[Principal, Depends(require("agents:read"), scope="function")]
Writer = Annotated[Principal, Depends(require("agents:write"), scope="function")]


def _version(
    if_match: Annotated[str | None, Header(description="The ETag you read; refused with 412 when it changed.")] = None,
) -> int | None:
    if if_match is None:
        return None
    try:
        return int(if_match.strip('"'))
    except ValueError as error:
        raise InvalidInput("invalid_if_match", "Send the ETag as it was given.") from error


IfMatch = Annotated[int | None, Depends(_version)]


def _tagged(response: Response, view: AgentView) -> AgentView:
    response.headers["ETag"] = f'"{view.version}"'
    return view


@router.get("/agents", summary="List agents by name", responses=problems(401, 403, 422))
async def list_agents(
    _: Reader,
    session: SessionDep,
    team_id: UUID | None = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[AgentView]:
    after = None if cursor is None else decode_cursor(cursor, (str, UUID))
    items = await service.list_agents(
        session, after=None if after is None else (after[0], after[1]), limit=limit, team_id=team_id
    )
    last = items[-1] if len(items) == limit else None
    return Page(items=items, next_cursor=encode_cursor(last.name, str(last.id)) if last else None)


@router.post(
    "/agents",
    status_code=201,
    response_model=AgentView,
    summary="Make an agent: an account with a profile",
    responses=problems(401, 403, 409, 422),
)
async def create_agent(new: NewAgent, _: Writer, session: SessionDep, act: ActDep, once: OnceDep) -> Response:
    async def work() -> AgentView:
        return await service.get_agent(session, await service.create_agent(session, act, **new.model_dump()))

    return await once(session, act, work, status=201)


@router.get("/agents/{agent_id}", summary="One agent", responses=problems(401, 403, 404))
async def get_agent(agent_id: UUID, _: Reader, session: SessionDep, response: Response) -> AgentView:
    return _tagged(response, await service.get_agent(session, agent_id))


@router.patch("/agents/{agent_id}", summary="Change an agent's profile", responses=problems(401, 403, 404, 412, 422))
async def change_agent(
    agent_id: UUID,
    change: AgentChange,
    _: Writer,
    session: SessionDep,
    act: ActDep,
    response: Response,
    version: IfMatch,
) -> AgentView:
    return _tagged(response, await service.change_agent(session, act, agent_id, change, version=version))


@router.put(
    "/agents/{agent_id}/skills",
    summary="Replace an agent's skills: skill id to proficiency 1-10",
    responses=problems(401, 403, 404, 412, 422),
)
async def set_skills(
    agent_id: UUID,
    levels: SkillLevels,
    _: Writer,
    session: SessionDep,
    act: ActDep,
    response: Response,
    version: IfMatch,
) -> AgentView:
    return _tagged(response, await service.set_skills(session, act, agent_id, levels, version=version))


@router.get("/teams", summary="All teams", responses=problems(401, 403))
async def list_teams(_: Reader, session: SessionDep) -> list[NamedView]:
    return await service.list_teams(session)


@router.post(
    "/teams",
    status_code=201,
    response_model=NamedView,
    summary="Make a team",
    responses=problems(401, 403, 409, 422),
)
async def create_team(new: Named, _: Writer, session: SessionDep, act: ActDep, once: OnceDep) -> Response:
    async def work() -> NamedView:
        return NamedView(id=await service.create_team(session, act, name=new.name), name=new.name)

    return await once(session, act, work, status=201)


@router.patch("/teams/{team_id}", summary="Rename a team", responses=problems(401, 403, 404, 409, 422))
async def rename_team(team_id: UUID, change: Named, _: Writer, session: SessionDep, act: ActDep) -> NamedView:
    return await service.rename_team(session, act, team_id, change.name)


@router.delete(
    "/teams/{team_id}", status_code=204, summary="Delete an unused team", responses=problems(401, 403, 404, 409)
)
async def delete_team(team_id: UUID, _: Writer, session: SessionDep, act: ActDep) -> None:
    await service.delete_team(session, act, team_id)


@router.get("/skills", summary="All skills", responses=problems(401, 403))
async def list_skills(_: Reader, session: SessionDep) -> list[NamedView]:
    return await service.list_skills(session)


@router.post(
    "/skills",
    status_code=201,
    response_model=NamedView,
    summary="Make a skill",
    responses=problems(401, 403, 409, 422),
)
async def create_skill(new: Named, _: Writer, session: SessionDep, act: ActDep, once: OnceDep) -> Response:
    async def work() -> NamedView:
        return NamedView(id=await service.create_skill(session, act, name=new.name), name=new.name)

    return await once(session, act, work, status=201)


@router.patch("/skills/{skill_id}", summary="Rename a skill", responses=problems(401, 403, 404, 409, 422))
async def rename_skill(skill_id: UUID, change: Named, _: Writer, session: SessionDep, act: ActDep) -> NamedView:
    return await service.rename_skill(session, act, skill_id, change.name)


@router.delete(
    "/skills/{skill_id}", status_code=204, summary="Delete an unused skill", responses=problems(401, 403, 404, 409)
)
async def delete_skill(skill_id: UUID, _: Writer, session: SessionDep, act: ActDep) -> None:
    await service.delete_skill(session, act, skill_id)
