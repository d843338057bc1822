"""/v1/webhooks: endpoints that are told what happens, the delivery log, tests and replays."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from app.access.guards import GUARDED, ActDep, problems, require
from app.access.schemas import Principal
from app.core.config import Settings
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.core.idempotency import OnceDep
from app.webhooks.attempts import State
from app.webhooks.schemas import (
    DeliveryView,
    EndpointIn,
    EndpointPatch,
    EndpointView,
    EndpointWithSecret,
    ReplayIn,
    ReplayResult,
)
from app.webhooks.service import administration, replaying

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], responses=GUARDED)

Reader = Annotated[Principal, Depends(require("webhooks:read"))]
Writer = Annotated[Principal, Depends(require("webhooks:write"))]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^"?[0-9]{1,9}"?$',
        description="The `version` you have read: refused with 412 if it has changed",
    ),
]
EndpointQuery = Annotated[UUID | None, Query(description="Of this endpoint only")]
StateQuery = Annotated[State | None, Query(description="`dead`: given up after the last try")]


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


SettingsDep = Annotated[Settings, Depends(_settings)]


def _version(if_match: str | None) -> int | None:
    return None if if_match is None else int(if_match.strip('"'))


@router.get("", summary="Webhook endpoints, oldest first")
async def list_endpoints(
    _: Reader, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[EndpointView]:
    return await administration.list_endpoints(session, cursor=cursor, limit=limit)


@router.post(
    "",
    summary="Make a webhook endpoint; shows its secret",
    description="A retry is safe without Idempotency-Key, which would keep the secret: the name is unique.",
    status_code=201,
    responses=problems(409),
)
async def create_endpoint(
    body: EndpointIn, _: Writer, session: SessionDep, act: ActDep, settings: SettingsDep
) -> EndpointWithSecret:
    return await administration.create_endpoint(session, act, body, settings=settings)


@router.get("/deliveries", summary="The delivery log, newest first")
async def list_deliveries(
    _: Reader,
    session: SessionDep,
    endpoint_id: EndpointQuery = None,
    state: StateQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[DeliveryView]:
    return await replaying.list_deliveries(session, endpoint_id=endpoint_id, state=state, cursor=cursor, limit=limit)


@router.post(
    "/deliveries/{delivery_id}/replay",
    summary="Send one delivery again, with all its tries",
    response_model=DeliveryView,
    responses=problems(404),
)
async def replay_delivery(
    delivery_id: UUID, _: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(session, act, lambda: replaying.replay_delivery(session, act, delivery_id=delivery_id))


@router.get("/{endpoint_id}", summary="One webhook endpoint", responses=problems(404))
async def get_endpoint(endpoint_id: UUID, _: Reader, session: SessionDep) -> EndpointView:
    return await administration.get_endpoint(session, endpoint_id)


@router.patch("/{endpoint_id}", summary="Change, enable or disable an endpoint", responses=problems(404, 409, 412))
async def update_endpoint(
    endpoint_id: UUID,
    body: EndpointPatch,
    _: Writer,
    session: SessionDep,
    act: ActDep,
    settings: SettingsDep,
    if_match: IfMatch = None,
) -> EndpointView:
    return await administration.update_endpoint(
        session, act, body, endpoint_id=endpoint_id, version=_version(if_match), settings=settings
    )


@router.delete(
    "/{endpoint_id}", summary="Delete an endpoint; its log stays", status_code=204, responses=problems(404, 412)
)
async def delete_endpoint(
    endpoint_id: UUID, _: Writer, session: SessionDep, act: ActDep, if_match: IfMatch = None
) -> Response:
    await administration.delete_endpoint(session, act, endpoint_id=endpoint_id, version=_version(if_match))
    return Response(status_code=204)


@router.post(
    "/{endpoint_id}/secret",
    summary="A new secret, shown this once; the one before signs along for 24 hours",
    description="Send If-Match, so that a retry is no second rotation.",
    responses=problems(404, 412),
)
async def rotate_secret(
    endpoint_id: UUID, _: Writer, session: SessionDep, act: ActDep, settings: SettingsDep, if_match: IfMatch = None
) -> EndpointWithSecret:
    return await administration.rotate_secret(
        session, act, endpoint_id=endpoint_id, version=_version(if_match), settings=settings
    )


@router.post(
    "/{endpoint_id}/test",
    summary="Send a test event to an endpoint",
    status_code=202,
    response_model=DeliveryView,
    responses=problems(404, 409),
)
async def send_test(endpoint_id: UUID, _: Writer, session: SessionDep, act: ActDep, once: OnceDep) -> JSONResponse:
    return await once(session, act, lambda: replaying.send_test(session, act, endpoint_id=endpoint_id), status=202)


@router.post(
    "/{endpoint_id}/replay",
    summary="Send again what became visible in a time, up to 30 days back",
    response_model=ReplayResult,
    responses=problems(404),
)
async def replay_range(
    endpoint_id: UUID, body: ReplayIn, _: Writer, session: SessionDep, act: ActDep, once: OnceDep
) -> JSONResponse:
    return await once(
        session,
        act,
        lambda: replaying.replay_range(
            session, act, endpoint_id=endpoint_id, since=body.since, until=body.until, cursor=body.cursor
        ),
    )
