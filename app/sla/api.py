"""/v1/sla: calendars, policies, the clocks of a conversation, what is due soon and what was kept."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from app.access.guards import ActDep, problems, require
from app.access.schemas import Principal
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.core.idempotency import OnceDep
from app.events.sla import ClockFace
from app.sla.calendar_days import CalendarDays
from app.sla.schemas import (
    AdoptBody,
    AdoptResult,
    Attainment,
    AttainmentBy,
    CalendarIn,
    CalendarPreview,
    CalendarVersionView,
    CalendarView,
    CancelPromiseIn,
    ConversationClocks,
    Country,
    DueClock,
    PauseAudit,
    PauseAuditBy,
    PolicyIn,
    PolicyVersionView,
    PolicyView,
    PromiseIn,
    PromiseView,
    TrialBody,
    TrialResult,
)
from app.sla.service import administration, adoption, audit, days, faces, history, promises, views

router = APIRouter(prefix="/v1/sla", tags=["sla"])
Reader = Annotated[Principal, Depends(require("conversations:read"))]
Writer = Annotated[Principal, Depends(require("conversations:write"))]
Planner = Annotated[Principal, Depends(require("routing:read"))]
Supervisor = Annotated[Principal, Depends(require("routing:write"))]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", pattern=r'^"?[0-9]{1,9}"?$', description="The `version` that was read")
]
HorizonQuery = Annotated[int, Query(ge=0, le=30 * 24 * 3600, description="Due within so many seconds from now")]
FirstQuery = Annotated[date, Query(alias="from", description="The first day")]
LastQuery = Annotated[date, Query(alias="to", description="The last day, at most 400 days on")]
ByQuery = Annotated[AttainmentBy, Query(description="What the lines are grouped by, beside the metric")]

READ = problems(401, 403, 422)
READ_ONE = problems(401, 403, 404, 422)
WRITE = problems(401, 403, 404, 409, 422)
EDIT = WRITE | problems(412)


def _version(if_match: str | None) -> int | None:
    return None if if_match is None else int(if_match.strip('"'))


@router.get("/calendars", summary="Business calendars as they are now", responses=READ)
async def list_calendars(
    _: Planner, session: SessionDep, act: ActDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[CalendarView]:
    return await administration.list_calendars(session, act, cursor=cursor, limit=limit)


@router.post(
    "/calendars", summary="Make a business calendar", status_code=201, response_model=CalendarView, responses=WRITE
)
async def create_calendar(
    body: CalendarIn, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session, act, lambda: administration.create_calendar(session, act, name=body.name, spec=body.spec), status=201
    )


@router.put(
    "/calendars/{calendar_id}",
    summary="Edit a calendar: a version that counts from now on",
    response_model=CalendarView,
    responses=EDIT,
)
async def update_calendar(
    calendar_id: UUID,
    body: CalendarIn,
    _: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    if_match: IfMatch = None,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: administration.update_calendar(
            session, act, calendar_id=calendar_id, name=body.name, spec=body.spec, version=_version(if_match)
        ),
    )


@router.get("/calendars/{calendar_id}/versions", summary="Versions of a calendar, newest first", responses=READ_ONE)
async def list_calendar_versions(
    calendar_id: UUID, _: Planner, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[CalendarVersionView]:
    return await history.list_calendar_versions(session, calendar_id=calendar_id, cursor=cursor, limit=limit)


@router.get("/calendars/{calendar_id}/days", summary="Which days are open, and why", responses=READ_ONE)
async def list_calendar_days(
    calendar_id: UUID, _: Planner, session: SessionDep, first: FirstQuery, last: LastQuery
) -> CalendarDays:
    return await days.list_calendar_days(session, calendar_id=calendar_id, first=first, last=last)


@router.post("/calendars/preview", summary="The days of a calendar that is not stored", responses=READ)
async def preview_calendar(body: CalendarPreview, _: Planner) -> CalendarDays:
    return days.preview_days(body.spec, body.first, body.last)


@router.get("/countries", summary="Countries and regions whose holidays are known", responses=READ)
async def list_countries(_: Planner) -> list[Country]:
    return days.list_countries()


@router.get("/policies", summary="SLA policies in the order they are asked", responses=READ)
async def list_policies(_: Planner, session: SessionDep, act: ActDep) -> list[PolicyView]:
    return await administration.list_policies(session, act)


@router.post("/policies", summary="Make an SLA policy", status_code=201, response_model=PolicyView, responses=WRITE)
async def create_policy(body: PolicyIn, _: Supervisor, session: SessionDep, act: ActDep, once: OnceDep) -> JSONResponse:
    return await once(
        session, act, lambda: administration.create_policy(session, act, name=body.name, body=body.body), status=201
    )


@router.put(
    "/policies/{policy_id}",
    summary="Edit an SLA policy: a version that open conversations may adopt",
    response_model=PolicyView,
    responses=EDIT,
)
async def update_policy(
    policy_id: UUID,
    body: PolicyIn,
    _: Supervisor,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
    if_match: IfMatch = None,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: administration.update_policy(
            session, act, policy_id=policy_id, name=body.name, body=body.body, version=_version(if_match)
        ),
    )


@router.delete("/policies/{policy_id}", summary="Retire an SLA policy", status_code=204, responses=READ_ONE)
async def retire_policy(policy_id: UUID, _: Supervisor, session: SessionDep, act: ActDep) -> None:
    await administration.retire_policy(session, act, policy_id=policy_id)


@router.get("/policies/{policy_id}/versions", summary="Versions of an SLA policy, newest first", responses=READ_ONE)
async def list_policy_versions(
    policy_id: UUID, _: Planner, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[PolicyVersionView]:
    return await history.list_policy_versions(session, policy_id=policy_id, cursor=cursor, limit=limit)


@router.post("/policies/trial", summary="Try a policy on recorded conversations", responses=WRITE)
async def try_policy(body: TrialBody, _: Supervisor, session: SessionDep, act: ActDep) -> TrialResult:
    return await adoption.try_policy(session, act, body)


@router.post(
    "/adoption", summary="Let open conversations adopt edits, or count what that would change", responses=WRITE
)
async def adopt(body: AdoptBody, _: Supervisor, session: SessionDep, act: ActDep) -> AdoptResult:
    return await adoption.adopt(session, act, dry_run=body.dry_run, after=body.after, limit=body.limit)


@router.get(
    "/conversations/{conversation_id}/clocks",
    summary="The clocks of a conversation: rest, state, what counted, and why these policies",
    responses=READ_ONE,
)
async def explain_clocks(
    conversation_id: UUID, principal: Reader, session: SessionDep, act: ActDep
) -> ConversationClocks:
    return await views.explain_clocks(session, act, principal, conversation_id)


@router.post(
    "/conversations/{conversation_id}/promises",
    summary="Promise something by a date",
    status_code=201,
    response_model=PromiseView,
    responses=WRITE,
)
async def make_promise(
    conversation_id: UUID, body: PromiseIn, principal: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: promises.make_promise(
            session, act, principal, conversation_id=conversation_id, metric=body.metric, due_at=body.due_at
        ),
        status=201,
    )


@router.post(
    "/conversations/{conversation_id}/promises/{promise_id}/keep",
    summary="What was promised has been done",
    response_model=PromiseView,
    responses=WRITE,
)
async def keep_promise(
    conversation_id: UUID, promise_id: UUID, principal: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: promises.keep_promise(session, act, principal, conversation_id=conversation_id, promise_id=promise_id),
    )


@router.post(
    "/conversations/{conversation_id}/promises/{promise_id}/cancel",
    summary="Nobody owes it any more; a date set by law needs the scope sla:statutory",
    response_model=PromiseView,
    responses=WRITE,
)
async def cancel_promise(
    conversation_id: UUID,
    promise_id: UUID,
    body: CancelPromiseIn,
    principal: Writer,
    session: SessionDep,
    act: ActDep,
    once: OnceDep,
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: promises.cancel_promise(
            session, act, principal, conversation_id=conversation_id, promise_id=promise_id, reason=body.reason
        ),
    )


@router.get(
    "/conversations/{conversation_id}/faces",
    summary="The clocks of a conversation as a screen shows them, the open ones first",
    responses=READ_ONE,
)
async def list_clocks(conversation_id: UUID, principal: Reader, session: SessionDep) -> list[ClockFace]:
    return await faces.list_clocks(session, principal, conversation_id)


@router.get("/due", summary="Open clocks by due time, the breached first", responses=READ)
async def list_due(
    principal: Reader,
    session: SessionDep,
    act: ActDep,
    within_seconds: HorizonQuery = 3600,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[DueClock]:
    until: datetime = act.now + timedelta(seconds=within_seconds)
    return await views.list_due(session, principal, until=until, cursor=cursor, limit=limit)


@router.get("/attainment", summary="Promises kept, by the interval in which they were due", responses=READ)
async def attainment(
    _: Planner,
    session: SessionDep,
    act: ActDep,
    due_from: AwareDatetime,
    due_to: AwareDatetime,
    by: ByQuery = "channel",
) -> Attainment:
    return await views.attainment(session, act, due_from=due_from, due_to=due_to, by=by)


@router.get("/pause-audit", summary="Time paused although the customer had written already", responses=READ)
async def audit_pauses(
    _: Planner,
    session: SessionDep,
    act: ActDep,
    from_at: Annotated[AwareDatetime, Query(alias="from")],
    to_at: Annotated[AwareDatetime, Query(alias="to")],
    by: Annotated[PauseAuditBy, Query(description="What the lines are grouped by")] = "agent",
) -> PauseAudit:
    return await audit.audit_pauses(session, act, from_at=from_at, to_at=to_at, by=by)
