"""/v1/queues, /v1/offers, /v1/presence and what is done to the work of a conversation by hand."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse

from app.access.guards import ActDep, problems, require
from app.access.schemas import Principal
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.core.idempotency import OnceDep
from app.routing import service
from app.routing.queue_schemas import Members, NewQueue, QueueBody, QueueView
from app.routing.rule_schemas import RulesIn, RulesTrial, RulesTrialIn, RulesView
from app.routing.schemas import (
    AssignBody,
    Explanation,
    OfferAnswer,
    OfferAnswered,
    OfferRefusal,
    OfferView,
    PresenceView,
    QueueLine,
    ReadinessBody,
)
from app.routing.service.hours import Hours
from app.routing.transfer_schemas import TransferBody
from app.routing.wrap_up_schemas import EndWrapUpBody, WrapUpAnswered

router = APIRouter(prefix="/v1", tags=["routing"])
Worker = Annotated[Principal, Depends(require("work"))]
Reader = Annotated[Principal, Depends(require("routing:read"))]
Supervisor = Annotated[Principal, Depends(require("routing:write"))]
Writer = Annotated[Principal, Depends(require("conversations:write"))]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", pattern=r'^"?[0-9]{1,9}"?$', description="The `version` that was read")
]


def _hours(request: Request) -> Hours:
    hours: Hours = request.app.state.hours
    return hours


HoursDep = Annotated[Hours, Depends(_hours)]
NowQuery = Annotated[
    bool, Query(description="Also what would be decided now, with the names behind each rule; reads every agent")
]

READ = problems(401, 403, 422)
READ_ONE = problems(401, 403, 404, 422)
WRITE = problems(401, 403, 404, 409, 422)


def version_of(if_match: str | None) -> int | None:
    return None if if_match is None else int(if_match.strip('"'))


@router.get("/queues", summary="Queues by name", responses=READ)
async def list_queues(
    _: Reader, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[QueueView]:
    return await service.list_queues(session, cursor=cursor, limit=limit)


@router.post("/queues", summary="Make a queue", status_code=201, response_model=QueueView, responses=WRITE)
async def create_queue(new: NewQueue, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep) -> JSONResponse:
    body = QueueBody.model_validate(new.model_dump(exclude={"synthetic"}))
    return await once(
        session, act, lambda: service.create_queue(session, act, body, synthetic=new.synthetic), status=201
    )


@router.get("/queues/{queue_id}", summary="One queue", responses=READ_ONE)
async def get_queue(queue_id: UUID, _: Reader, session: SessionDep) -> QueueView:
    return await service.get_queue(session, queue_id)


@router.put(
    "/queues/{queue_id}",
    summary="Replace a queue's settings",
    response_model=QueueView,
    responses=WRITE | problems(412),
)
async def update_queue(
    queue_id: UUID,
    body: QueueBody,
    _: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    if_match: IfMatch = None,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.update_queue(session, act, queue_id=queue_id, body=body, version=version_of(if_match)),
    )


@router.get("/queues/{queue_id}/members", summary="Who serves in a queue", responses=READ_ONE)
async def list_members(queue_id: UUID, _: Reader, session: SessionDep) -> Members:
    return await service.list_members(session, queue_id)


@router.put("/queues/{queue_id}/members/{agent_id}", summary="Let an agent serve", status_code=204, responses=READ_ONE)
async def add_member(queue_id: UUID, agent_id: UUID, _: Supervisor, session: SessionDep, act: ActDep) -> None:
    await service.add_member(session, act, queue_id=queue_id, agent_id=agent_id)


@router.delete(
    "/queues/{queue_id}/members/{agent_id}", summary="Take an agent out", status_code=204, responses=READ_ONE
)
async def remove_member(queue_id: UUID, agent_id: UUID, _: Supervisor, session: SessionDep, act: ActDep) -> None:
    await service.remove_member(session, act, queue_id=queue_id, agent_id=agent_id)


@router.get("/routing-rules", summary="The routing rules in force, in their order", responses=READ)
async def get_rules(_: Reader, session: SessionDep) -> RulesView:
    return await service.get_rules(session)


@router.put(
    "/routing-rules",
    summary="Replace the routing rules with a new version",
    response_model=RulesView,
    responses=problems(401, 403, 409, 412, 422),
)
async def put_rules(
    body: RulesIn, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep, if_match: IfMatch = None
) -> JSONResponse:
    return await once(session, act, lambda: service.put_rules(session, act, body, version=version_of(if_match)))


@router.post(
    "/routing-rules/dry-run", summary="Try routing rules on facts or on the newest conversations", responses=READ
)
async def try_rules(body: RulesTrialIn, principal: Supervisor, session: SessionDep, act: ActDep) -> RulesTrial:
    return await service.try_rules(session, act, principal, body)


@router.get("/queue-lines", summary="What waits in each queue and who serves it, now", responses=READ)
async def list_queue_lines(request: Request, _: Reader, session: SessionDep) -> list[QueueLine]:
    return await service.list_queue_lines(session, request.app.state.clock.now())


@router.get("/offers", summary="My pending offers", responses=READ)
async def list_offers(principal: Worker, session: SessionDep) -> list[OfferView]:
    return await service.list_offers(session, principal.id)


@router.post("/offers/{offer_id}/accept", summary="Accept an offer", response_model=OfferAnswered, responses=WRITE)
async def accept_offer(
    offer_id: UUID, body: OfferAnswer, principal: Worker, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.accept_offer(session, act, agent_id=principal.id, offer_id=offer_id, token=body.token),
    )


@router.post("/offers/{offer_id}/decline", summary="Decline an offer", response_model=OfferAnswered, responses=WRITE)
async def decline_offer(
    offer_id: UUID, body: OfferRefusal, principal: Worker, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.decline_offer(
            session, act, agent_id=principal.id, offer_id=offer_id, token=body.token, reason=body.reason
        ),
    )


@router.post(
    "/work-items/{work_id}/wrap-up/end", summary="End a wrap-up", response_model=WrapUpAnswered, responses=WRITE
)
async def end_wrap_up(
    work_id: UUID, body: EndWrapUpBody, principal: Worker, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: service.end_wrap_up(session, act, principal, work_id=work_id, body=body))


@router.get("/presence", summary="My presence", responses=READ)
async def get_presence(principal: Worker, session: SessionDep) -> PresenceView:
    return await service.get_presence(session, principal.id)


@router.put("/presence", summary="Say whether I am ready", responses=READ)
async def set_presence(body: ReadinessBody, principal: Worker, session: SessionDep, act: ActDep) -> PresenceView:
    await service.set_presence(session, act, agent_id=principal.id, readiness=body.readiness, reason=body.reason)
    return await service.get_presence(session, principal.id)


@router.delete("/presence/penalty", summary="I am back: clear my penalty", responses=READ)
async def clear_penalty(principal: Worker, session: SessionDep, act: ActDep) -> PresenceView:
    await service.clear_penalty(session, act, agent_id=principal.id)
    return await service.get_presence(session, principal.id)


@router.get("/presences", summary="Presence and load of the agents I may see", responses=READ)
async def list_presences(principal: Reader, session: SessionDep) -> list[PresenceView]:
    return await service.list_presences(session, principal)


@router.put("/agents/{agent_id}/presence", summary="Set an agent's readiness", responses=READ_ONE)
async def set_presence_of(
    agent_id: UUID, body: ReadinessBody, principal: Supervisor, session: SessionDep, act: ActDep
) -> PresenceView:
    await service.set_presence_of(session, act, principal, agent_id=agent_id, body=body)
    return await service.get_presence(session, agent_id)


@router.delete("/agents/{agent_id}/presence/penalty", summary="Clear an agent's penalty", responses=READ_ONE)
async def clear_penalty_of(agent_id: UUID, principal: Supervisor, session: SessionDep, act: ActDep) -> PresenceView:
    await service.clear_penalty_of(session, act, principal, agent_id=agent_id)
    return await service.get_presence(session, agent_id)


@router.post(
    "/conversations/{conversation_id}/pick",
    summary="Take a conversation nobody owns",
    status_code=200,
    response_model=Explanation,
    responses=WRITE,
)
async def pick(
    conversation_id: UUID, principal: Worker, session: SessionDep, act: ActDep, once: OnceDep, hours: HoursDep
) -> JSONResponse:
    return await once(
        session, act, lambda: service.pick(session, act, principal, conversation_id=conversation_id, hours=hours)
    )


@router.post(
    "/conversations/{conversation_id}/assign",
    summary="Decide who owns a conversation",
    response_model=Explanation,
    responses=WRITE,
)
async def assign(
    conversation_id: UUID,
    body: AssignBody,
    principal: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    hours: HoursDep,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.assign(session, act, principal, conversation_id=conversation_id, body=body, hours=hours),
    )


@router.post(
    "/conversations/{conversation_id}/transfer",
    summary="Hand a conversation to a queue or a colleague",
    response_model=Explanation,
    responses=WRITE,
)
async def transfer(
    conversation_id: UUID,
    body: TransferBody,
    principal: Writer,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    hours: HoursDep,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: service.transfer(session, act, principal, conversation_id=conversation_id, body=body, hours=hours),
    )


@router.delete(
    "/conversations/{conversation_id}/transfer",
    summary="No longer ask the colleague of a warm transfer",
    responses=WRITE,
)
async def take_back_transfer(conversation_id: UUID, principal: Writer, session: SessionDep, act: ActDep) -> Explanation:
    return await service.take_back_transfer(session, act, principal, conversation_id=conversation_id)


@router.get("/conversations/{conversation_id}/explain", summary="Why it is where it is", responses=READ_ONE)
async def explain(
    conversation_id: UUID, principal: Reader, session: SessionDep, request: Request, now: NowQuery = False
) -> Explanation:
    at = request.app.state.clock.now() if now else None
    return await service.explain(session, principal, conversation_id=conversation_id, at=at)
