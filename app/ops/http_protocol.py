"""uvicorn's HTTP protocol with ends: to heads and bodies that come slowly or never, and to crowds of one address."""

import asyncio
from asyncio.events import TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.errors import SwitchboardError
from app.ops.doors import Doors
from app.ops.last_words import (
    BODY_TOO_SLOW,
    CROWDED,
    DRAINING,
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    NOT_HTTP,
    last_words,
)

HEAD_SECONDS = 10.0
"""From the connection, or from the first bytes of a further request, to the end of the head."""
HEAD_MAX_BYTES = 64 * 1024
HEADERS_MAX = 100
VERSIONS = ("1.0", "1.1")
BODY_WINDOW_SECONDS = 15.0
BODY_LEAST_BYTES = 16 * 1024
"""In each window, unless the body ends in it."""
BODY_MAX_SECONDS = 900.0
UNREAD_MAX_BYTES = 1024 * 1024
"""Of a body after its answer: a client that reads only when it has sent all of a somewhat too large one is answered."""


class RefusedHead(Exception):
    """Stops the parser; what to say is in `refusal`."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """The application never sees what is refused here; the peer gets a problem document and the end.

    A request that comes in one piece, as nearly all do, costs no timer.
    """

    server_state: Doors

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._timer: TimerHandle | None = None
        self._refusal: SwitchboardError = NOT_HTTP
        self._is_in_head = True
        self._is_counted = False
        self._head_bytes = self._body_bytes = self._unread_bytes = 0
        self._body_deadline = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._is_counted = self.server_state.enter(self._address)
        if self._is_counted:
            self._time(HEAD_SECONDS, self._end_late_head)
        else:
            self._end(CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._is_counted:
            self.server_state.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._is_in_head and self._head_bytes > HEAD_MAX_BYTES:
            self._end(HEAD_TOO_LARGE)
        elif self._is_in_head and self._head_bytes and self._timer is None:
            self._time(HEAD_SECONDS, self._end_late_head)
        elif not self._is_in_head and self._timer is None:
            self._time(BODY_WINDOW_SECONDS, self._look_at_body)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if len(self.headers) > HEADERS_MAX or (self._head_bytes > HEAD_MAX_BYTES and self._is_head_too_large()):
            self._refusal = HEAD_TOO_LARGE
            raise RefusedHead
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if version not in VERSIONS or (hosts != 1 and version == "1.1"):
            raise RefusedHead  # of several hosts a proxy may have read another
        self._is_in_head, self._head_bytes = False, 0
        self._body_bytes = self._unread_bytes = 0
        self._body_deadline = self.loop.time() + BODY_MAX_SECONDS
        super().on_headers_complete()

    def _is_head_too_large(self) -> bool:
        """What has come may hold a body, too."""
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_MAX_BYTES

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > UNREAD_MAX_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._is_in_head = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._stop_timer()
        if self.server_state.is_draining:
            self._end(DRAINING)
        else:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._end(self._refusal)

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete

    def _end(self, error: SwitchboardError) -> None:
        self._stop_timer()
        if not self._is_answering:
            self.transport.write(last_words(error))
        self.transport.close()

    def _end_late_head(self) -> None:
        self._timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            self._time(HEAD_SECONDS, self._end_late_head)  # the request before it is still being answered
        elif not self.transport.is_closing():
            self._end(HEAD_TOO_SLOW)

    def _look_at_body(self) -> None:
        self._timer = None
        waits_for_us = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if self.transport.is_closing():
            return
        if self.loop.time() > self._body_deadline or (self._body_bytes < BODY_LEAST_BYTES and not waits_for_us):
            return self._end(BODY_TOO_SLOW)
        self._body_bytes = 0
        self._time(BODY_WINDOW_SECONDS, self._look_at_body)

    def _time(self, seconds: float, act: Any) -> None:
        self._timer = self.loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
