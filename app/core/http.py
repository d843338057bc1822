"""HTTP manners: problem+json, request ids, body limits, security headers, cursor paging."""

import base64
import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar
from uuid import uuid4

import structlog
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from prometheus_client import Counter, Histogram
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.driver import trouble_of
from app.core.errors import (
    Conflict,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    SwitchboardError,
    TooManyRequests,
    Unauthenticated,
)
from app.core.methods import Methods
from app.core.openapi import say_all
from app.core.security_headers import SECURITY_HEADERS

log = structlog.get_logger(__name__)

BODY_LIMIT_BYTES = 256 * 1024
UPLOAD_LIMIT_BYTES = 21 * 1024 * 1024
"""20 MiB of file and the form around it."""
UPLOAD_PATHS = ("/v1/attachments", "/v1/widget/attachments")
CAUSE_MAX_CHARACTERS = 300
PAGE_DEFAULT = 50
PAGE_MAX = 100
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_HTTP_CODES = {400: "bad_request", 415: "unsupported_media_type"}

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
NO_ROUTE = "none"
HOT_ROUTE = "switchboard.hot_route"
"""Key in the scope: the request is for this path, and goes past the framework's router."""

T = TypeVar("T")
REQUESTS = Counter("switchboard_http_requests_total", "Answers given", ["method", "route", "status"])
# Few buckets: there are many routes, and what matters is the half second that a person notices.
REQUEST_SECONDS = Histogram(
    "switchboard_http_request_seconds",
    "From a request's arrival to the end of its answer",
    ["route"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 5),
)


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is null at its end."""

    items: list[T]
    next_cursor: str | None = None


LimitQuery = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Items a page")]
CursorQuery = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]


def encode_cursor(*values: str | int) -> str:
    """An opaque cursor of the last row's order values."""
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parsers: Sequence[Callable[[str], Any]]) -> list[Any]:
    """The values of `encode_cursor`, each read by its parser. Raises InvalidInput for anything we did not make."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [parse(str(value)) for parse, value in zip(parsers, values, strict=True)]
    except (ValueError, TypeError, OverflowError) as error:  # binascii.Error is a ValueError
        raise InvalidInput("invalid_cursor", "Take the cursor from next_cursor of the page before.") from error


def cursor_text(text: str) -> str:
    """PostgreSQL has no place for a NUL or half a surrogate pair in a text: ValueError for both."""
    if b"\0" in text.encode():
        raise ValueError("NUL in a text")
    return text


def cursor_instant(text: str) -> datetime:
    """ValueError without a zone, OverflowError for an instant that UTC has no year for."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("without zone")
    return at.astimezone(UTC)


def cursor_number(text: str) -> int:
    """A bigint of PostgreSQL: ValueError for a larger one."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError("out of range")
    return number


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an operation, for its OpenAPI entry."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


class Api(FastAPI):
    """An application whose OpenAPI document holds what `problems` refers to."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        say_all(document)
        return document


def operation_id(route: APIRoute) -> str:
    """`<tag>_<function>`: generated clients name their methods by it, so neither is renamed lightly."""
    return "_".join(str(part) for part in (*route.tags[:1], route.name))


def problem_text(error: SwitchboardError, request_id: str) -> bytes:
    return json.dumps(error.problem(request_id), ensure_ascii=False).encode()


def problem_response(error: SwitchboardError, request_id: str) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooManyRequests) else None
    return JSONResponse(error.problem(request_id), error.status, headers, media_type="application/problem+json")


def problem_of(error: Exception) -> SwitchboardError:
    """What a client may be told of any exception: ours as they are, a database in trouble as 503, the rest as 500."""
    if isinstance(error, SwitchboardError):
        return error
    sqlstate = (
        getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else getattr(error, "sqlstate", None)
    )
    if sqlstate in ("40001", "40P01", "55P03", "23503", "23505"):
        # The last two: a foreign key or a name that the act had looked at was taken away, or taken, before it wrote.
        return Conflict("concurrent_change", "Somebody changed the same thing at this moment. Try again.")
    if trouble := trouble_of(error):
        return trouble
    return SwitchboardError("internal_error", "The server failed. Nothing was changed. Try again or report request_id.")


def cause_of(error: BaseException) -> str:
    """One line, for a log: what was raised, and what lay at the bottom of it."""
    bottom = error
    while bottom.__cause__ is not None:
        bottom = bottom.__cause__
    return f"{type(bottom).__name__}: {bottom}".split("\n", 1)[0][:CAUSE_MAX_CHARACTERS]


def request_id_of(request: HTTPConnection) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def method_of(scope: Scope) -> str:
    """One of a few: a caller may send any word for it."""
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def route_of(scope: Scope) -> str:
    """The route a request was for, without what stood in its places. Known once it was answered."""
    return str(scope.get(HOT_ROUTE) or getattr(scope.get("route"), "path", NO_ROUTE))


def _is_stranger(request: Request) -> bool:
    """Whether an operation that is not public was called without any credentials."""
    public = (getattr(request.scope.get("route"), "openapi_extra", None) or {}).get("security") == []
    return not public and "authorization" not in request.headers and not request.cookies


def _validation_problem(request: Request, error: RequestValidationError) -> JSONResponse:
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return _malformed_body(request)
    if any(item["loc"][0] == "path" for item in error.errors()) and (refused := _method_problem(request)):
        return refused
    fields = [{"path": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
    problem = InvalidInput("invalid_input", "Some fields are not as the operation expects; see errors.", errors=fields)
    return problem_response(problem, request_id_of(request))


def _malformed_body(request: Request) -> JSONResponse:
    problem: SwitchboardError = InvalidInput("malformed_json", "The body is not JSON in UTF-8, or too deeply nested.")
    if _is_stranger(request):  # FastAPI reads the body before any guard is asked
        problem = Unauthenticated("not_authenticated", "Log in, or send a valid token.")
    return problem_response(problem, request_id_of(request))


def _method_problem(request: Request) -> JSONResponse | None:
    """405 when the address does not take the method; None when it does."""
    if not hasattr(request.app.state, "methods"):
        request.app.state.methods = Methods(request.app.routes)
    allowed: frozenset[str] = request.app.state.methods.of(request.scope["path"])
    if request.method in allowed:
        return None
    names = ", ".join(sorted(allowed))
    response = problem_response(MethodNotAllowed("method_not_allowed", f"Here, use {names}."), request_id_of(request))
    response.headers["Allow"] = names
    return response


def _http_problem(request: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error.__cause__, SwitchboardError):  # FastAPI wraps what was raised while the body came in
        return problem_response(error.__cause__, request_id_of(request))
    if error.status_code == 405 and (refused := _method_problem(request)):
        return refused
    if error.status_code == 400 and isinstance(error.__cause__, (ValueError, RecursionError)):
        return _malformed_body(request)
    if error.status_code == 404:
        nowhere = NotFound("not_found", "There is nothing at this address; /docs lists what there is.")
        return problem_response(nowhere, request_id_of(request))
    problem = SwitchboardError(_HTTP_CODES.get(error.status_code, "http_error"), str(error.detail))
    document = problem.problem(request_id_of(request)) | {"status": error.status_code, "title": str(error.detail)}
    return JSONResponse(document, error.status_code, error.headers, media_type="application/problem+json")


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(SwitchboardError, lambda r, e: problem_response(problem_of(e), request_id_of(r)))
    app.add_exception_handler(RequestValidationError, _validation_problem)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_problem)  # type: ignore[arg-type]


class Manners:
    """`hsts_seconds`: how long browsers are told not to come back without TLS; 0: not told."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self._app = app
        hsts = (b"strict-transport-security", f"max-age={hsts_seconds}; includeSubDomains".encode())
        self._headers = [*SECURITY_HEADERS, hsts] if hsts_seconds else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                return await self._app(scope, receive, send)
            await self._http(scope, receive, send, request_id, headers.get(b"content-length", b""))

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str, length: bytes) -> None:
        status, began = 0, time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name.lower() for name, _ in message["headers"]}
                added = [(b"x-request-id", request_id.encode()), *self._headers]
                message["headers"] = [*message["headers"], *(h for h in added if h[0] not in present)]
            await send(message)

        limit = UPLOAD_LIMIT_BYTES if scope["path"] in UPLOAD_PATHS else BODY_LIMIT_BYTES
        try:
            if length.isdigit() and int(length) > limit:
                raise _too_large(limit)
            await self._app(scope, _limited(receive, limit), send_with_headers)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 503:  # known trouble: the line that says so is enough
                log.warning("request_unavailable", path=scope["path"], code=problem.code, cause=cause_of(error))
            elif problem.status >= 500:
                log.error("request_failed", path=scope["path"], code=problem.code, exc_info=error)
            if status:
                raise
            await problem_response(problem, request_id)(scope, receive, send_with_headers)
        finally:
            _count(scope, status, time.perf_counter() - began)


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    REQUESTS.labels(method_of(scope), route, status or 499).inc()  # 499: the client left before its answer
    REQUEST_SECONDS.labels(route).observe(seconds)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge("body_too_large", f"The body is over the limit of {limit} bytes.", limit_bytes=limit)


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return counted
