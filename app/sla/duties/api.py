"""/v1/sla: what a breach leaves people to do. Escalations to accept, tasks, causes to give, remedies to note."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from app.access.guards import ActDep, problems, require
from app.access.schemas import Principal
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.core.idempotency import OnceDep
from app.sla.duties.schemas import (
    BreachView,
    CauseCode,
    CauseCodeIn,
    CauseCount,
    CauseIn,
    DutyView,
    EscalationView,
    RemedyIn,
    RemedyView,
    TaskView,
)
from app.sla.duties.service import causes, escalations, remedies, tasks

router = APIRouter(prefix="/v1/sla", tags=["sla"])
Reader = Annotated[Principal, Depends(require("conversations:read"))]
Writer = Annotated[Principal, Depends(require("conversations:write"))]
Worker = Annotated[Principal, Depends(require("work"))]
Supervisor = Annotated[Principal, Depends(require("routing:write"))]
ViewQuery = Annotated[DutyView, Query(description="What names me, what names my team, or also what I may see")]
StateQuery = Annotated[Literal["open", "done"], Query()]
UnansweredQuery = Annotated[bool, Query(description="Only those without a cause")]
ConversationQuery = Annotated[UUID | None, Query(description="Only those of this conversation")]
CodePath = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,60}$")]

READ = problems(401, 403, 422)
READ_ONE = problems(401, 403, 404, 422)
WRITE = problems(401, 403, 404, 409, 422)


@router.get("/escalations", summary="Escalations that nobody has accepted yet", responses=READ)
async def list_escalations(
    principal: Reader,
    session: SessionDep,
    view: ViewQuery = "mine",
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[EscalationView]:
    return await escalations.list_open(session, principal, view=view, cursor=cursor, limit=limit)


@router.post(
    "/escalations/{escalation_id}/accept",
    summary="Take what a ladder asks for: as its owner, or as the one responsible beside the owner",
    response_model=EscalationView,
    responses=WRITE,
)
async def accept_escalation(
    escalation_id: UUID, principal: Worker, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: escalations.accept(session, act, principal, escalation_id=escalation_id))


@router.get("/tasks", summary="Tasks that policies created", responses=READ)
async def list_tasks(
    principal: Reader,
    session: SessionDep,
    view: ViewQuery = "mine",
    state: StateQuery = "open",
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[TaskView]:
    return await tasks.list_tasks(session, principal, view=view, state=state, cursor=cursor, limit=limit)


@router.post("/tasks/{task_id}/done", summary="A task is done", response_model=TaskView, responses=WRITE)
async def finish_task(
    task_id: UUID, principal: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: tasks.finish_task(session, act, principal, task_id=task_id))


@router.get("/cause-codes", summary="Why promises may have been broken; the retired last", responses=READ)
async def list_cause_codes(_: Reader, session: SessionDep) -> list[CauseCode]:
    return await causes.list_codes(session)


@router.put("/cause-codes/{code}", summary="Add, rename or retire a cause", response_model=CauseCode, responses=WRITE)
async def put_cause_code(
    code: CodePath, body: CauseCodeIn, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: causes.put_code(session, code=code, body=body))


@router.get("/breaches", summary="Breaches whose cause I may give", responses=READ)
async def list_breaches(
    principal: Reader,
    session: SessionDep,
    unanswered: UnansweredQuery = True,
    conversation_id: ConversationQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[BreachView]:
    return await causes.list_breaches(
        session, principal, unanswered=unanswered, conversation_id=conversation_id, cursor=cursor, limit=limit
    )


@router.get("/breach-causes", summary="How often each cause was given, by when promises broke", responses=READ)
async def count_causes(
    principal: Reader, session: SessionDep, breached_from: AwareDatetime, breached_to: AwareDatetime
) -> list[CauseCount]:
    return await causes.count_causes(session, principal, breached_from=breached_from, breached_to=breached_to)


@router.put("/clocks/{clock_id}/cause", summary="Say why it was breached", response_model=BreachView, responses=WRITE)
async def give_cause(
    clock_id: UUID, body: CauseIn, principal: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: causes.give_cause(session, act, principal, clock_id=clock_id, body=body))


@router.get("/clocks/{clock_id}/remedies", summary="What the customer was given for it", responses=READ_ONE)
async def list_remedies(clock_id: UUID, principal: Reader, session: SessionDep) -> list[RemedyView]:
    return await remedies.list_remedies(session, principal, clock_id=clock_id)


@router.post(
    "/clocks/{clock_id}/remedies",
    summary="Note a remedy",
    status_code=201,
    response_model=RemedyView,
    responses=WRITE,
)
async def note_remedy(
    clock_id: UUID, body: RemedyIn, principal: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: remedies.note_remedy(session, act, principal, clock_id=clock_id, body=body),
        status=201,
    )
