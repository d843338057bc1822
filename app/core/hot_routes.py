"""Operations that come thousands of times a second, answered before the framework's own layers."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.core.errors import SwitchboardError
from app.core.http import HOT_ROUTE, problem_response, request_id_of

Endpoint = Callable[[Request], Awaitable[Response]]
SocketEndpoint = Callable[[WebSocket], Awaitable[None]]


class HotRoutes:
    """`routes` by (method, path), `sockets` by path, each exact: thousands of consoles may come back in seconds. Every
    one of them is also in a router, the routes as their entries in the OpenAPI.

    The innermost layer of ours: a refused request is answered here, so that the layers around add their headers to it.
    """

    def __init__(
        self, app: ASGIApp, routes: Mapping[tuple[str, str], Endpoint], sockets: Mapping[str, SocketEndpoint]
    ) -> None:
        self._app = app
        self._routes = routes
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and (socket_endpoint := self._sockets.get(scope["path"])) is not None:
            return await socket_endpoint(WebSocket(scope, receive, send))
        endpoint = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            return await self._app(scope, receive, send)
        scope[HOT_ROUTE] = scope["path"]
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except SwitchboardError as error:
            response = problem_response(error, request_id_of(request))
        await response(scope, receive, send)
