"""One span for each HTTP request. Imported only where traces are switched on."""

import re
from typing import Literal

import structlog
from opentelemetry.trace import Span, StatusCode
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import tracing
from app.core.http import method_of, request_id_of, route_of
from app.core.tracing import Mark

# W3C Trace Context, version 00.
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1
UNTRACED = ("/healthz", "/readyz", "/metrics")


class TracedRequests:
    """The outermost layer.

    `callers`: "from_proxy" where a proxy of ours writes `traceparent`, whose trace and decision are then kept. From
    anybody else it is only linked to: a stranger who could say "sampled" would decide what we pay for.
    """

    def __init__(self, app: ASGIApp, callers: Literal["on", "from_proxy"]) -> None:
        self._app = app
        self._believes = callers == "from_proxy"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            return await self._app(scope, receive, send)
        caller, sampled = caller_of(scope)
        if self._believes:
            opening = tracing.root(method_of(scope), parent=caller, sampled=sampled, server=True)
        else:
            opening = tracing.root(method_of(scope), link=caller, server=True)
        with opening as span:
            if span is None or not span.is_recording():
                return await self._app(scope, receive, send)
            await self._watch(span, scope, receive, send)

    async def _watch(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(trace_id=tracing.trace_of(span)):
                await self._app(scope, receive, watched)
        finally:
            # Known only now. The path itself would name conversations and customers: the route is all we tell.
            method, route = method_of(scope), route_of(scope)
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.request.method": method, "http.route": route})
            span.set_attribute("switchboard.request_id", request_id_of(HTTPConnection(scope)))


def caller_of(scope: Scope) -> tuple[Mark | None, bool]:
    """What the caller says its trace is, and whether it says that it is sampled."""
    given = [value for name, value in scope["headers"] if name == b"traceparent"]
    found = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        return None, True
    return Mark(found[1].decode(), found[2].decode()), bool(int(found[3], 16) & _SAMPLED)
