"""Who calls, and whether they may: the dependencies every operation stands behind."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import BackgroundTasks, Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository, tokens
from app.access.models import Account, ApiKey, LoginSession
from app.access.origins import is_same_origin
from app.access.permissions import ROLE_SCOPES, SCOPES
from app.access.schemas import Principal, Visibility
from app.core.act import Act
from app.core.bus import Bus
from app.core.database import SessionDep
from app.core.errors import Forbidden, Unauthenticated
from app.core.http import CursorQuery, cursor_text, decode_cursor, request_id_of
from app.core.http import problems as problems  # on one line with `require` in every api module

SESSION_COOKIE = "switchboard_session"
SESSION_CHANNEL = "session"
"""Bus channel: {"account_id", "session_id"} of an ended session, {"api_key_id"} of a revoked key. Sockets close."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC: dict[str, Any] = {"security": []}
"""`openapi_extra` of an operation that anybody may call."""

_bearer = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="The token of POST /v1/session, or an API key (`sbk_...`)"
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE, auto_error=False, scheme_name="cookie", description="Set by POST /v1/session for browsers"
)


GUARDED = problems(401, 403, 422)
"""What every guarded operation may answer besides its own problems."""


async def authenticate_token(session: AsyncSession, token: str, now: datetime) -> Principal:
    """The principal of a session token or an API key. Raises Unauthenticated for any other string."""
    principal = await _find_principal(session, token, now)
    if principal is None:
        raise token_not_valid()
    return principal


def token_not_valid() -> Unauthenticated:
    return Unauthenticated("token_not_valid", "This token is unknown, expired or revoked. Log in again.")


async def authenticate_tokens(session: AsyncSession, given: Iterable[str], now: datetime) -> dict[str, Principal]:
    """As `authenticate_token`, for many in two queries: whose each token is; those that are nobody's are left out."""
    hashes = {tokens.hash_of(token): token for token in given if _may_be_token(token)}
    key_hashes = [each for each, token in hashes.items() if tokens.is_api_key(token)]
    session_hashes = [each for each, token in hashes.items() if not tokens.is_api_key(token)]
    found: dict[str, Principal] = {}
    for api_key in await repository.list_api_keys_of(session, key_hashes) if key_hashes else ():
        found[hashes[api_key.token_hash]] = _principal_of_key(api_key)
    sessions = await repository.list_session_accounts(session, session_hashes, now) if session_hashes else ()
    for login_session, account in sessions:
        found[hashes[login_session.token_hash]] = _principal_of_session(login_session, account)
    return found


def _may_be_token(token: str) -> bool:
    return len(token) <= tokens.TOKEN_MAX_LENGTH and token.isascii()


async def _find_principal(session: AsyncSession, token: str, now: datetime) -> Principal | None:
    if not _may_be_token(token):
        return None
    token_hash = tokens.hash_of(token)
    if tokens.is_api_key(token):
        api_key = await repository.find_api_key(session, token_hash=token_hash)
        return None if api_key is None else _principal_of_key(api_key)
    found = await repository.find_session_account(session, token_hash=token_hash, now=now)
    return None if found is None else _principal_of_session(*found)


def _principal_of_key(api_key: ApiKey) -> Principal:
    # A scope that a later release took away must not come back to life through an old key.
    scopes = frozenset(api_key.scopes) & SCOPES
    return Principal(kind="api_key", id=api_key.id, role="api_key", scopes=scopes, visibility="all")


def _principal_of_session(login_session: LoginSession, account: Account) -> Principal:
    return Principal(
        kind="agent",
        id=account.id,
        role=account.role,
        scopes=ROLE_SCOPES[account.role],
        visibility=cast(Visibility, account.visibility),
        team_id=account.team_id,
        session_id=login_session.id,
        expires_at=login_session.expires_at,
    )


def refuse_foreign_origin(request: Request) -> None:
    """A cookie travels by itself, so a write that relies on it must come from a page of ours."""
    origin = request.headers.get("origin")
    public_url = request.app.state.settings.public_url
    if not is_same_origin(origin, host=request.headers.get("host", ""), public_url=public_url):
        raise Forbidden(
            "origin_not_allowed", "With the session cookie, send this from our own pages; elsewhere use a bearer token."
        )


async def _authenticated(
    request: Request,
    session: SessionDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal:
    token = bearer.credentials if bearer else cookie
    if not token:
        raise Unauthenticated("not_authenticated", "Log in with POST /v1/session, or send an API key as bearer token.")
    if bearer is None and request.method not in SAFE_METHODS:
        refuse_foreign_origin(request)
    return await authenticate_token(session, token, request.app.state.clock.now())


PrincipalDep = Annotated[Principal, Depends(_authenticated)]
"""Anybody with a valid token, whatever their scopes."""


@lru_cache
def require(scope: str) -> Callable[[Principal], Principal]:
    """The dependency that gives the Principal, if it holds `scope`."""
    return _holder(scope, Depends(_authenticated))


def _holder(scope: str, authenticated: Any) -> Callable[[Principal], Principal]:
    if scope not in SCOPES:
        raise LookupError(f"unknown scope {scope!r}")

    def holder(principal: Principal = authenticated) -> Principal:
        if scope not in principal.scopes:
            raise Forbidden("scope_missing", f"This needs the scope {scope}.", scope=scope)
        return principal

    return holder


async def _authenticated_briefly(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Principal:
    async with request.app.state.database.transaction() as session:
        return await _authenticated(request, session, bearer, cookie)


@lru_cache
def require_briefly(scope: str) -> Callable[[Principal], Principal]:
    """Like `require`, but no transaction stays open while the operation works: for bodies that come in slowly."""
    return _holder(scope, Depends(_authenticated_briefly))


def _person(principal: PrincipalDep) -> Principal:
    if principal.kind != "agent":
        raise Forbidden("person_needed", "Only a person who logged in can do this, not an API key.")
    return principal


PersonDep = Annotated[Principal, Depends(_person)]
"""Somebody who logged in: `id` is an account's and `session_id` is set."""


def _act(request: Request, principal: PrincipalDep) -> Act:
    return Act(now=request.app.state.clock.now(), actor=principal.actor, request_id=request_id_of(request))


ActDep = Annotated[Act, Depends(_act)]


def anonymous_act(request: Request) -> Act:
    """The act of an operation before anybody is known, such as logging in."""
    return Act(now=request.app.state.clock.now(), actor="anonymous", request_id=request_id_of(request))


def _after_name(cursor: CursorQuery = None) -> tuple[str, UUID] | None:
    if cursor is None:
        return None
    name, id_ = decode_cursor(cursor, (cursor_text, UUID))
    return name, id_


AfterNameDep = Annotated[tuple[str, UUID] | None, Depends(_after_name)]
"""Where a list by name goes on: (name, id) of the last row, from `encode_cursor(name, str(id))`."""


def publish_ended(background: BackgroundTasks, request: Request, account_id: UUID, session_ids: Iterable[UUID]) -> None:
    """Tell all sockets. Background tasks run when the answer is out, and so after the commit."""
    bus: Bus = request.app.state.bus
    for session_id in session_ids:
        payload = {"account_id": str(account_id), "session_id": str(session_id)}
        background.add_task(bus.publish, SESSION_CHANNEL, payload)
