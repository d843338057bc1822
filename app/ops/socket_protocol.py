"""uvicorn's WebSocket protocol with bounds on what a peer can make it keep, and quiet about a peer's mistakes."""

from typing import Any

from websockets.frames import CloseCode, Frame

from app.ops.doors import Doors
from app.ops.last_words import DRAINING, last_words
from app.ops.lines import BoundedLine

FRAGMENTS_MAX = 1_024
"""Of one message. Their bytes are limited elsewhere, but empty ones have none."""
LINGER_SECONDS = 1.0
"""A line that is closed while its peer still sends is reset, and the peer never reads why: so we take what comes, and
look at none of it, for so long."""


class BoundedSocketProtocol(BoundedLine):
    """Takes over a connection that BoundedHttpProtocol has counted."""

    def __init__(self, *, server_state: Doors, **given: Any) -> None:
        super().__init__(server_state=server_state, **given)
        self._doors = server_state
        self._has_failed = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._doors.leave(self.client[0] if self.client else "")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._has_failed:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """As uvicorn's, but for the moment between the last word and the end."""
        assert self.conn.close_sent is not None
        self._has_failed = self.close_sent = True
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS_MAX:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            self._fail(CloseCode.INVALID_DATA)  # uvicorn would write a traceback for it
        else:
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # who does not read what we send gets no pongs: they would pile up

    def send_500_response(self) -> None:
        if not self._doors.is_draining:
            super().send_500_response()
        elif not (self.initial_response or self.handshake_complete):
            self.transport.write(last_words(DRAINING))

    def _fail(self, code: CloseCode) -> None:
        if not self.close_sent:
            self.frames = []
            self.conn.send_close(code)
            self.handle_parser_exception()


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
