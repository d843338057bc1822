"""/v1/session, /v1/me, /v1/sessions, /v1/accounts, /v1/api-keys."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.access import service
from app.access.guards import COOKIE, PUBLIC, ActDep, AgentDep, PrincipalDep, PublicActDep, require
from app.access.schemas import (
    AccountChange,
    AccountView,
    ApiKeyMade,
    ApiKeyView,
    Credentials,
    Me,
    NewApiKey,
    PasswordChange,
    Principal,
    SessionToken,
    SessionView,
)
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page, decode_cursor, encode_cursor, problems

router = APIRouter(prefix="/v1", tags=["access"])
Administrator = Annotated[Principal, Depends(require("access:write"), scope="function")]


@router.post("/session", status_code=201, summary="Log in", responses=problems(401, 422, 429), openapi_extra=PUBLIC)
async def log_in(credentials: Credentials, request: Request, response: Response, act: PublicActDep) -> SessionToken:
    made = await service.log_in(
        request.app.state.database,
        act,
        credentials,
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
    )
    response.set_cookie(
        COOKIE,
        made.token,
        expires=made.expires_at,
        httponly=True,
        samesite="strict",
        secure=request.app.state.settings.cookie_secure,
        path="/",
    )
    return made


@router.delete("/session", status_code=204, summary="Log out", responses=problems(401, 403))
async def log_out(request: Request, response: Response, principal: AgentDep, session: SessionDep, act: ActDep) -> None:
    await service.log_out(session, act, principal)
    response.delete_cookie(COOKIE, path="/")


@router.get("/me", summary="Who am I and what may I do", responses=problems(401))
async def me(principal: PrincipalDep, session: SessionDep) -> Me:
    login = (await service.get_account(session, principal.id)).login if principal.kind == "agent" else None
    return Me(
        kind=principal.kind,
        id=principal.id,
        login=login,
        role=principal.role,
        visibility=principal.visibility,
        team_id=principal.team_id,
        scopes=sorted(principal.scopes),
    )


@router.put(
    "/me/password", status_code=204, summary="Change my password; other sessions end", responses=problems(401, 403, 422)
)
async def change_password(change: PasswordChange, principal: AgentDep, session: SessionDep, act: ActDep) -> None:
    await service.change_password(session, act, principal, change)


@router.get("/sessions", summary="My sessions", responses=problems(401, 403))
async def list_sessions(principal: AgentDep, session: SessionDep, act: ActDep) -> list[SessionView]:
    return await service.list_sessions(session, act, principal)


@router.delete(
    "/sessions/{session_id}", status_code=204, summary="End one of my sessions", responses=problems(401, 404)
)
async def revoke_session(session_id: UUID, principal: AgentDep, session: SessionDep, act: ActDep) -> None:
    await service.revoke_session(session, act, principal, session_id)


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    created_at, row_id = decode_cursor(cursor, (datetime.fromisoformat, UUID))
    return created_at, row_id


def _page(items: list[Any], limit: int) -> Page[Any]:
    last = items[-1] if len(items) == limit else None
    return Page(items=items, next_cursor=encode_cursor(last.created_at.isoformat(), str(last.id)) if last else None)


@router.get("/accounts", summary="List accounts", responses=problems(401, 403))
async def list_accounts(
    _: Administrator, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[AccountView]:
    return _page(list(await service.list_accounts(session, after=_after(cursor), limit=limit)), limit)


@router.patch(
    "/accounts/{account_id}",
    summary="Change role, team, visibility or password; disable",
    responses=problems(401, 403, 404, 409, 422),
)
async def change_account(
    account_id: UUID, change: AccountChange, _: Administrator, session: SessionDep, act: ActDep
) -> AccountView:
    return await service.change_account(session, act, account_id, change)


@router.post(
    "/api-keys",
    status_code=201,
    response_model=ApiKeyMade,
    summary="Make an API key; it is shown only in this answer",
    responses=problems(401, 403, 422),
)
async def create_api_key(new: NewApiKey, principal: Administrator, session: SessionDep, act: ActDep) -> ApiKeyMade:
    # No Idempotency-Key here: storing the answer would store the key.
    return await service.create_api_key(
        session, act, new, created_by=principal.id if principal.kind == "agent" else None
    )


@router.get("/api-keys", summary="List API keys", responses=problems(401, 403))
async def list_api_keys(
    _: Administrator, session: SessionDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[ApiKeyView]:
    return _page(list(await service.list_api_keys(session, after=_after(cursor), limit=limit)), limit)


@router.delete("/api-keys/{key_id}", status_code=204, summary="Revoke an API key", responses=problems(401, 403, 404))
async def revoke_api_key(key_id: UUID, _: Administrator, session: SessionDep, act: ActDep) -> None:
    await service.revoke_api_key(session, act, key_id)
