"""Operations of the chat widget, called from other people's pages with a visitor token."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access.guards import PUBLIC, problems
from app.channels import service as channels
from app.channels.chat import service
from app.channels.chat.adapter import bearer_token, parse_message
from app.channels.chat.guards import CORS_ORIGIN
from app.channels.chat.schemas import (
    MAX_ATTACHMENTS,
    MAX_BODY_CHARACTERS,
    MarkIn,
    PublicKey,
    VisitorIn,
    VisitorOut,
    WidgetConfig,
    WidgetMessageIn,
    WidgetMessages,
    WidgetReceived,
    widget_message,
)
from app.channels.chat.service import ChatFront
from app.channels.chat.visitor_tokens import VisitorPrincipal
from app.channels.files.schemas import MAX_FILE_BYTES
from app.channels.schemas import AccountFacts
from app.conversations.schemas import MAX_SEQUENCE
from app.core.act import Act
from app.core.database import SessionDep
from app.core.errors import Unauthenticated
from app.core.hot_routes import Endpoint
from app.core.http import PAGE_DEFAULT, LimitQuery, request_id_of

router = APIRouter(prefix="/v1/widget", tags=["widget"])

_bearer = HTTPBearer(auto_error=False, scheme_name="visitor", description="The token of POST /v1/widget/visitors")


def front_of(request: Request) -> ChatFront:
    front: ChatFront = request.app.state.chat
    return front


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _let_page_read(request: Request) -> None:
    request.scope.setdefault("state", {})[CORS_ORIGIN] = request.headers.get("origin")


def _check_origin(request: Request, account: AccountFacts) -> None:
    front_of(request).check_origin(account, request.headers.get("origin"), request.headers.get("host", ""))
    _let_page_read(request)


async def _visitor_of(request: Request) -> VisitorPrincipal:
    """The visitor, whose page's origin is allowed. A page learns of a refused token, so that it can ask for another."""
    front, now = front_of(request), request.app.state.clock.now()
    try:
        visitor = front.tokens.read(bearer_token(request.headers.get("authorization", "")), now)
        account = await front.account_of(visitor, now)
    except Unauthenticated:
        _let_page_read(request)
        raise
    _check_origin(request, account)
    return visitor


async def _visitor(
    request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> VisitorPrincipal:
    return await _visitor_of(request)


VisitorDep = Annotated[VisitorPrincipal, Depends(_visitor)]


def _act(request: Request, actor: str) -> Act:
    return Act(now=request.app.state.clock.now(), actor=actor, request_id=request_id_of(request))


@router.get("/config", summary="What the widget may do", responses=problems(403, 404, 422), openapi_extra=PUBLIC)
async def get_config(request: Request, session: SessionDep, key: Annotated[PublicKey, Query()]) -> WidgetConfig:
    account = await channels.get_facts_by_key(session, key)
    _check_origin(request, account)
    return WidgetConfig(
        name=account.name,
        brand=account.brand,
        max_body_characters=MAX_BODY_CHARACTERS,
        max_attachments=MAX_ATTACHMENTS,
        max_attachment_bytes=MAX_FILE_BYTES,
    )


@router.post(
    "/visitors",
    status_code=201,
    summary="Begin as a visitor",
    description="The token is good for 30 days. Nothing is stored before the visitor writes.",
    responses=problems(403, 404, 422, 429),
    openapi_extra=PUBLIC,
)
async def create_visitor(request: Request, session: SessionDep, body: VisitorIn) -> VisitorOut:
    account = await channels.get_facts_by_key(session, body.key)
    _check_origin(request, account)
    act = _act(request, "widget")
    front_of(request).take_visitor(address_of(request), act.now)
    visitor, token = service.begin(front_of(request), act, account, body)
    return VisitorOut(visitor_id=visitor.id, token=token, expires_at=visitor.expires_at)


_MESSAGE_DOCS: dict[str, Any] = {
    "security": [{"visitor": []}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": WidgetMessageIn.model_json_schema()}},
    },
}


@router.post(
    "/messages",
    status_code=201,
    summary="Write to us",
    description="The same `client_id` again gives the first result: a resend is safe.",
    response_model=WidgetReceived,
    responses={
        200: {"model": WidgetReceived, "description": "A resend: the first result again"},
        **problems(401, 403, 409, 422, 429, 503),
    },
    openapi_extra=_MESSAGE_DOCS,
)
async def post_message(request: Request) -> Response:
    # The hot path: no dependency, no session, the body parsed once.
    visitor = await _visitor_of(request)
    front_of(request).take_message(visitor, address_of(request), request.app.state.clock.now())
    message = parse_message(await request.body())
    received = await service.send_message(
        request.app.state.database, request.app.state.intake, visitor, message, request_id=request_id_of(request)
    )
    answer = WidgetReceived(
        conversation_id=received.conversation_id,
        message_id=received.message_id,
        sequence=received.sequence,
        arrived_at=received.arrived_at,
        client_id=message.client_id,
        duplicate=received.duplicate,
    )
    return Response(answer.model_dump_json(), 200 if received.duplicate else 201, media_type="application/json")


HOT_ROUTES: dict[tuple[str, str], Endpoint] = {("POST", "/v1/widget/messages"): post_message}


@router.get("/messages", summary="Read one's own conversation", responses=problems(401, 403, 422, 429))
async def list_messages(
    request: Request,
    session: SessionDep,
    visitor: VisitorDep,
    after: Annotated[int | None, Query(ge=0, le=MAX_SEQUENCE, description="Only what comes after")] = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> WidgetMessages:
    front_of(request).take_read(visitor, request.app.state.clock.now())
    conversation_id, messages = await service.list_messages(session, visitor, after=after, limit=limit)
    more = messages[-1].sequence if after is not None and len(messages) == limit else None
    items = [widget_message(message) for message in messages]
    return WidgetMessages(conversation_id=conversation_id, items=items, next_after=more)


@router.post(
    "/marks",
    status_code=204,
    summary="Mark messages as delivered or read",
    responses=problems(401, 403, 422, 429),
)
async def mark(request: Request, session: SessionDep, visitor: VisitorDep, body: MarkIn) -> None:
    act = _act(request, visitor.actor)
    front_of(request).take_read(visitor, act.now)
    await service.mark(session, act, visitor, state=body.state, sequence=body.sequence)


@router.post(
    "/end",
    status_code=204,
    summary="End the conversation",
    description="It is resolved, and open again when the visitor writes. Ending it again changes nothing.",
    responses=problems(401, 403, 429),
)
async def end(request: Request, session: SessionDep, visitor: VisitorDep) -> None:
    act = _act(request, visitor.actor)
    front_of(request).take_read(visitor, act.now)
    await service.end(session, act, visitor)
