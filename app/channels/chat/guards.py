"""CORS for the widget's operations, and for nothing else: pages of allowed origins may read their answers."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1/widget/"
CORS_ORIGIN = "widget_origin"
"""Key in the request's state: the origin whose page may read the answer. Set once that is known."""
PREFLIGHT_SECONDS = 600


class WidgetCors:
    """No cookie is read here, so a preflight may pass for any page; the request itself is judged by its account."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await _preflight(origin)(scope, receive, send)
        state = scope.setdefault("state", {})

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(b"vary", b"Origin")]
                if state.get(CORS_ORIGIN):
                    added.append((b"access-control-allow-origin", state[CORS_ORIGIN].encode("latin-1")))
                    added.append((b"access-control-expose-headers", b"Retry-After, X-Request-Id"))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_origin)


def _preflight(origin: str) -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin",
        },
    )
