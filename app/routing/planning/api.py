"""Administration of routing: versions and members of queues, dry looks, skills in use and agents' terms."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from app.access.guards import ActDep, problems
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.core.idempotency import OnceDep
from app.routing import service
from app.routing.api import READ, READ_ONE, WRITE, HoursDep, IfMatch, Reader, Supervisor, version_of
from app.routing.planning.schemas import (
    AgentTermsPatch,
    AgentTermsView,
    MembersChange,
    QueueLook,
    QueueLookIn,
    QueueVersionView,
    SkillUse,
)
from app.routing.queue_schemas import Members, QueueView
from app.routing.rule_schemas import RulesVersionView, RulesView

VersionNumber = Annotated[int, Path(ge=1, lt=2**31, description="Of the settings")]

router = APIRouter(prefix="/v1", tags=["routing"])


@router.get("/queues/{queue_id}/versions", summary="Versions of a queue's settings, newest first", responses=READ_ONE)
async def list_queue_versions(
    queue_id: UUID, _: Reader, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[QueueVersionView]:
    return await service.list_versions(session, queue_id=queue_id, cursor=cursor, limit=limit)


@router.post(
    "/queues/{queue_id}/versions/{version}/restore",
    summary="Make an old version current again, as a new one",
    response_model=QueueView,
    responses=WRITE | problems(412),
)
async def restore_queue_version(
    queue_id: UUID,
    version: VersionNumber,
    _: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    if_match: IfMatch = None,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.restore_queue(session, act, queue_id=queue_id, restored=version, version=version_of(if_match)),
    )


@router.get("/routing-rules/versions", summary="Versions of the routing rules, newest first", responses=READ)
async def list_rules_versions(
    _: Reader, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[RulesVersionView]:
    return await service.list_rules_versions(session, cursor=cursor, limit=limit)


@router.post(
    "/routing-rules/versions/{version}/restore",
    summary="Make old routing rules current again, as a new version",
    response_model=RulesView,
    responses=WRITE | problems(412),
)
async def restore_rules_version(
    version: VersionNumber,
    _: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    if_match: IfMatch = None,
) -> JSONResponse:
    return await once(
        session, act, lambda: service.restore_rules(session, act, restored=version, version=version_of(if_match))
    )


@router.post(
    "/queues/{queue_id}/members",
    summary="Let many agents serve in a queue, or take them out",
    response_model=Members,
    responses=WRITE,
)
async def change_members(
    queue_id: UUID, body: MembersChange, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: service.change_members(session, act, queue_id=queue_id, body=body))


@router.post("/queue-looks", summary="Who could take a queue's work on unsaved settings", responses=READ_ONE)
async def look_at_queue(
    body: QueueLookIn, _: Supervisor, session: SessionDep, act: ActDep, hours: HoursDep
) -> QueueLook:
    return await service.look_at_queue(session, act, body, hours=hours)


@router.get("/skills/{skill_id}/use", summary="Who has a skill, which queues and rules ask for it", responses=READ_ONE)
async def get_skill_use(skill_id: UUID, _: Supervisor, session: SessionDep) -> SkillUse:
    return await service.get_skill_use(session, skill_id)


@router.get("/agents/{agent_id}/terms", summary="On which terms an agent gets work, with ETag", responses=READ_ONE)
async def get_agent_terms(agent_id: UUID, response: Response, _: Supervisor, session: SessionDep) -> AgentTermsView:
    terms = await service.get_terms(session, agent_id)
    response.headers["ETag"] = f'"{terms.version}"'
    return terms


@router.patch(
    "/agents/{agent_id}/terms",
    summary="Change an agent's skills, units, limits by channel and queues together",
    responses=WRITE | problems(412),
)
async def change_agent_terms(
    agent_id: UUID,
    body: AgentTermsPatch,
    response: Response,
    principal: Supervisor,
    session: SessionDep,
    act: ActDep,
    if_match: IfMatch = None,
) -> AgentTermsView:
    terms = await service.change_terms(
        session, act, principal, agent_id=agent_id, patch=body, version=version_of(if_match)
    )
    response.headers["ETag"] = f'"{terms.version}"'
    return terms
