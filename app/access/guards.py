"""Who calls, and may they: FastAPI dependencies that answer a stranger 401 before anything else."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from app.access.schemas import Principal, Scope
from app.access.service import authenticate_token
from app.core.act import Act
from app.core.database import SessionDep
from app.core.errors import Forbidden, Unauthenticated
from app.core.http import request_id_of

COOKIE = "switchboard_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC: dict[str, Any] = {"security": []}
"""For `openapi_extra` of operations that anybody may call."""

_bearer = HTTPBearer(auto_error=False, description="A session token from POST /v1/session, or an API key (`sbk_...`).")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by POST /v1/session for our own pages.")


def same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of ours sent this. Browsers always name the origin of unsafe and socket requests."""
    origin = connection.headers.get("origin")
    if origin is None:
        return False
    public_url = connection.app.state.settings.public_url
    own_host = urlsplit(public_url).netloc if public_url else connection.headers.get("host", "")
    return bool(own_host) and urlsplit(origin).netloc == own_host


def request_act(request: Request, actor: str) -> Act:
    return Act(now=request.app.state.clock.now(), actor=actor, request_id=request_id_of(request))


async def _principal(
    request: Request,
    session: SessionDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Principal:
    token = bearer.credentials if bearer is not None else cookie
    if token is None:
        raise Unauthenticated("not_authenticated", "Log in, or send a valid API key as a bearer token.")
    if bearer is None and request.method not in SAFE_METHODS and not same_origin(request):
        # Another site's page may make a browser send our cookie, but not name our origin.
        raise Forbidden("foreign_origin", "Requests with the session cookie must come from our own pages.")
    return await authenticate_token(session, token, request.app.state.clock.now())


PrincipalDep = Annotated[Principal, Depends(_principal, scope="function")]


def require(scope: Scope) -> Callable[..., Coroutine[Any, Any, Principal]]:
    """A dependency that gives the caller's Principal if it holds the scope; 401 or 403 otherwise."""

    async def holder(principal: PrincipalDep) -> Principal:
        if scope not in principal.scopes:
            raise Forbidden("missing_scope", f"This needs the scope {scope}.", scope=scope)
        return principal

    return holder


async def _agent(principal: PrincipalDep) -> Principal:
    if principal.kind != "agent":
        raise Forbidden("agents_only", "Only a logged-in person can do this.")
    return principal


AgentDep = Annotated[Principal, Depends(_agent, scope="function")]


def _act(request: Request, principal: PrincipalDep) -> Act:
    return request_act(request, principal.actor)


ActDep = Annotated[Act, Depends(_act, scope="function")]


def _public_act(request: Request) -> Act:
    return request_act(request, "stranger")


PublicActDep = Annotated[Act, Depends(_public_act)]
