"""Operations on log-ins, accounts and API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response

from app.access import service
from app.access.guards import (
    GUARDED,
    PUBLIC,
    SESSION_CHANNEL,
    SESSION_COOKIE,
    ActDep,
    AfterNameDep,
    PersonDep,
    anonymous_act,
    problems,
    publish_ended,
    refuse_foreign_origin,
    require,
)
from app.access.schemas import (
    AccountCreate,
    AccountPatch,
    AccountView,
    ApiKeyCreate,
    ApiKeyView,
    LoginRequest,
    NewApiKey,
    PasswordChange,
    PasswordReset,
    Principal,
    SessionView,
    StartedSession,
)
from app.access.service.sessions import SESSION_SECONDS
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, LimitQuery, Page, encode_cursor

router = APIRouter(prefix="/v1", tags=["access"])

AdminDep = Annotated[Principal, Depends(require("access:write"))]


def _is_secure(request: Request) -> bool:
    """Whether the cookie may be kept to TLS. A trusted proxy says by which way the browser came."""
    return bool(request.app.state.settings.cookie_secure) or request.url.scheme == "https"


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""


@router.post(
    "/session",
    status_code=201,
    summary="Log in",
    description="The token is in the answer, and in an HttpOnly cookie for browsers. It is good for 12 hours.",
    responses=problems(401, 403, 422, 429),
    openapi_extra=PUBLIC,
)
async def start_session(
    body: LoginRequest, request: Request, response: Response, background: BackgroundTasks
) -> StartedSession:
    if request.headers.get("origin"):
        refuse_foreign_origin(request)
    started, ended = await service.log_in(
        request.app.state.database,
        anonymous_act(request),
        login=body.login,
        password=body.password.get_secret_value(),
        address=_address_of(request),
        user_agent=request.headers.get("user-agent", ""),
    )
    publish_ended(background, request, started.account_id, ended)
    response.set_cookie(
        SESSION_COOKIE,
        started.token,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=_is_secure(request),
    )
    return started


@router.delete("/session", status_code=204, summary="Log out", responses=GUARDED)
async def end_own_session(
    request: Request,
    response: Response,
    session: SessionDep,
    act: ActDep,
    person: PersonDep,
    background: BackgroundTasks,
) -> None:
    assert person.session_id is not None
    ended = await service.end_session(session, act, person, session_id=person.session_id, reason="logout")
    publish_ended(background, request, person.id, ended)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=_is_secure(request))


@router.put(
    "/me/password",
    status_code=204,
    summary="Change one's own password",
    description="All other sessions of the account end.",
    responses=GUARDED | problems(429),
)
async def change_own_password(
    body: PasswordChange, request: Request, act: ActDep, person: PersonDep, background: BackgroundTasks
) -> None:
    ended = await service.change_password(
        request.app.state.database,
        act,
        person,
        current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(),
        address=_address_of(request),
    )
    publish_ended(background, request, person.id, ended)


@router.get("/sessions", summary="One's own live sessions, newest first", responses=GUARDED)
async def list_own_sessions(session: SessionDep, act: ActDep, person: PersonDep) -> Page[SessionView]:
    return Page(items=list(await service.list_sessions(session, act, person)))


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    summary="End one of one's own sessions",
    responses=GUARDED | problems(404),
)
async def end_one_session(
    session_id: UUID,
    request: Request,
    session: SessionDep,
    act: ActDep,
    person: PersonDep,
    background: BackgroundTasks,
) -> None:
    ended = await service.end_session(session, act, person, session_id=session_id, reason="revoked")
    publish_ended(background, request, person.id, ended)


@router.get("/accounts", summary="Accounts by login", responses=GUARDED)
async def list_accounts(
    session: SessionDep, principal: AdminDep, after: AfterNameDep, limit: LimitQuery = PAGE_DEFAULT
) -> Page[AccountView]:
    items = list(await service.list_accounts(session, after=after, limit=limit))
    last = items[-1] if len(items) == limit else None
    return Page(items=items, next_cursor=encode_cursor(last.login, str(last.id)) if last else None)


@router.post(
    "/accounts",
    status_code=201,
    summary="Make an account without an agent's profile",
    description="For people who only administer. POST /v1/agents makes account and profile together. "
    "A retry is safe without Idempotency-Key: the login is unique.",
    responses=GUARDED | problems(404, 409),
)
async def create_account(body: AccountCreate, session: SessionDep, act: ActDep, principal: AdminDep) -> AccountView:
    return await service.create_account_as(session, act, principal, body)


@router.get("/accounts/{account_id}", summary="One account", responses=GUARDED | problems(404))
async def get_account(account_id: UUID, session: SessionDep, principal: AdminDep) -> AccountView:
    return await service.get_account(session, account_id)


@router.patch(
    "/accounts/{account_id}",
    summary="Change role, team or visibility; disable or enable",
    description="Disabling ends all sessions at once. The last admin can be neither disabled nor demoted.",
    responses=GUARDED | problems(404, 409),
)
async def change_account(
    account_id: UUID,
    body: AccountPatch,
    request: Request,
    session: SessionDep,
    act: ActDep,
    principal: AdminDep,
    background: BackgroundTasks,
) -> AccountView:
    account, ended = await service.change_account(
        session, act, principal, account_id=account_id, changes=body.changes()
    )
    publish_ended(background, request, account_id, ended)
    return account


@router.put(
    "/accounts/{account_id}/password",
    status_code=204,
    summary="Set somebody's password",
    description="All sessions of the account end.",
    responses=GUARDED | problems(404),
)
async def reset_password(
    account_id: UUID,
    body: PasswordReset,
    request: Request,
    session: SessionDep,
    act: ActDep,
    principal: AdminDep,
    background: BackgroundTasks,
) -> None:
    new_password = body.new_password.get_secret_value()
    ended = await service.reset_password(session, act, principal, account_id=account_id, new_password=new_password)
    publish_ended(background, request, account_id, ended)


@router.delete(
    "/accounts/{account_id}/sessions",
    status_code=204,
    summary="End all of somebody's sessions",
    responses=GUARDED | problems(404),
)
async def end_all_sessions(
    account_id: UUID,
    request: Request,
    session: SessionDep,
    act: ActDep,
    principal: AdminDep,
    background: BackgroundTasks,
) -> None:
    ended = await service.end_all_sessions(session, act, account_id=account_id)
    publish_ended(background, request, account_id, ended)


@router.get("/api-keys", summary="API keys by name, revoked ones too", responses=GUARDED)
async def list_api_keys(
    session: SessionDep, principal: AdminDep, after: AfterNameDep, limit: LimitQuery = PAGE_DEFAULT
) -> Page[ApiKeyView]:
    items = await service.list_api_keys(session, after=after, limit=limit)
    last = items[-1] if len(items) == limit else None
    return Page(items=items, next_cursor=encode_cursor(last.name, str(last.id)) if last else None)


@router.post(
    "/api-keys",
    status_code=201,
    summary="Make an API key",
    description="Its token is in this answer only; so Idempotency-Key, which would store the answer, is not taken.",
    responses=GUARDED,
)
async def create_api_key(body: ApiKeyCreate, session: SessionDep, act: ActDep, principal: AdminDep) -> NewApiKey:
    return await service.create_api_key(session, act, principal, name=body.name, scopes=body.scopes)


@router.delete(
    "/api-keys/{api_key_id}", status_code=204, summary="Revoke an API key", responses=GUARDED | problems(404)
)
async def revoke_api_key(
    api_key_id: UUID,
    request: Request,
    session: SessionDep,
    act: ActDep,
    principal: AdminDep,
    background: BackgroundTasks,
) -> None:
    await service.revoke_api_key(session, act, api_key_id=api_key_id)
    background.add_task(request.app.state.bus.publish, SESSION_CHANNEL, {"api_key_id": str(api_key_id)})
