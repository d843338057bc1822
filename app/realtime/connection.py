"""One accepted socket: its bounded way out, its last word, and its place among those that hear of events."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, get_args
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from starlette.types import Send
from starlette.websockets import WebSocketDisconnect

from app.core.metrics import at_nought
from app.realtime.audience import Viewer, Visitor
from app.realtime.frames import Bye, ByeReason, Close, Frame

if TYPE_CHECKING:
    from opentelemetry.trace import Span

log = structlog.get_logger(__name__)

MAX_BUFFERED_FRAMES = 1_000
MAX_BUFFERED_BYTES = 4 * 1024 * 1024
REPLAY_BUFFERED_FRAMES = 100
REPLAY_BUFFERED_BYTES = 256 * 1024
"""Replay waits for the reader below these, so that it alone never makes a reader slow."""
MAX_TRACED_FRAMES = 100
FRAMES_A_TURN = 50
SEATS_PER_PERSON = 20
RETURN_WITHIN_MS = 10_000
END_SECONDS = 5.0
"""How long a reader may take to hear the last word before the line is cut."""

CONNECTED = Gauge("switchboard_sockets", "Authenticated sockets of this process", ["kind"])
ENDED = Counter("switchboard_sockets_ended_total", "Sockets that were told to end", ["reason"])
at_nought(ENDED, get_args(ByeReason))


def size_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class Connection:
    """`position` is the last one handed to the network. Pushing never waits and never raises."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._buffer: deque[tuple[int | None, str, int]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._close: tuple[int, str] | None = None
        self._patience = asyncio.timeout(None)
        self._traced: dict[int, Span] = {}
        """By position; a seat that passes the event over ends its span at the latest with the connection."""
        self.position: int | None = None
        self.incarnation = 0
        self.ended = asyncio.Event()
        """Set when the connection is to end; nothing more is taken."""
        self.gone = asyncio.Event()
        """Set when the last word is out, or nobody is there to hear it."""

    def push(self, text: str, position: int | None = None) -> None:
        if self.ended.is_set():
            return
        size = size_of(text)
        if len(self._buffer) >= MAX_BUFFERED_FRAMES or self._bytes + size > MAX_BUFFERED_BYTES:
            self._buffer.clear()
            self._bytes = 0
            self.end("slow_reader", Close.SLOW_READER)
            return
        self._append(text, position, size)

    def trace(self, position: int, span: "Span") -> None:
        """End the span when the frame of this position is handed to the network, or never will be."""
        if self.ended.is_set() or len(self._traced) >= MAX_TRACED_FRAMES:
            span.end()
        else:
            self._traced[position] = span

    def push_frame(self, frame: Frame) -> None:
        self.push(frame.text())

    async def push_when_room(self, text: str, position: int | None = None) -> None:
        """For replay: the reader's own pace sets the pace. Returns at once when the connection is to end."""
        while self._is_full_for_replay() and not self.ended.is_set():
            self._room.clear()
            await self._room.wait()
        self.push(text, position)

    async def drained(self) -> None:
        while self._buffer and not self.ended.is_set():
            self._room.clear()
            await self._room.wait()

    def end(self, reason: ByeReason, code: int, *, detail: str = "", retry_after_ms: int = 0) -> None:
        """Say goodbye after what is still buffered, then close. Only the first call counts."""
        if self.ended.is_set():
            return
        ENDED.labels(reason).inc()
        position = f"{self.incarnation}-{self.position}" if self.position is not None else None
        bye = Bye(reason=reason, position=position, retry_after_ms=retry_after_ms, detail=detail).text()
        self._append(bye, None, size_of(bye))
        self._close = (code, detail or reason)
        self._patience.reschedule(asyncio.get_running_loop().time() + END_SECONDS)
        self.ended.set()
        self._room.set()

    async def write(self) -> None:
        """Empty the buffer until the connection ends or the peer is gone."""
        try:
            async with self._patience:
                await self._write_all()
        except TimeoutError:
            log.info("socket_cut", reason=self._close)
        except (WebSocketDisconnect, OSError):
            log.debug("socket_left")
        finally:
            # However it ended: nothing more is taken, and whoever waits for room must not wait any longer.
            self.ended.set()
            self.gone.set()
            self._room.set()
            while self._traced:
                self._traced.popitem()[1].end()

    async def _write_all(self) -> None:
        while True:
            for _ in range(FRAMES_A_TURN):
                if not self._buffer:
                    break
                position, text, size = self._buffer.popleft()
                self._bytes -= size
                await self._send({"type": "websocket.send", "text": text})
                self.position = self.position if position is None else position
                if self._traced and position in self._traced:
                    self._traced.pop(position).end()
            if not self._is_full_for_replay():
                self._room.set()
            if self._buffer:
                await asyncio.sleep(0)
            elif self._close is not None:
                await self._send({"type": "websocket.close", "code": self._close[0], "reason": self._close[1]})
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _append(self, text: str, position: int | None, size: int) -> None:
        self._buffer.append((position, text, size))
        self._bytes += size
        self._wake.set()

    def _is_full_for_replay(self) -> bool:
        return len(self._buffer) >= REPLAY_BUFFERED_FRAMES or self._bytes >= REPLAY_BUFFERED_BYTES


class Seat:
    """One socket's place in the hub. Frames that come while it is still being caught up are held back."""

    def __init__(self, connection: Connection, viewer: Viewer, recheck: Callable[[], Awaitable[Viewer]]):
        self.connection = connection
        self.viewer = viewer
        self.recheck = recheck
        """The viewer as the credentials give it now. Raises Unauthenticated."""
        self.board = False
        self.joined = False
        self._through = 0
        self._held: deque[tuple[str, int]] | None = None
        self._held_bytes = 0

    @property
    def key(self) -> UUID:
        """Tabs and devices of one agent, or of one visitor, have the same."""
        return self.viewer.contact_point_id if isinstance(self.viewer, Visitor) else self.viewer.id

    @property
    def kind(self) -> str:
        """What sort of reader: "visitor", "agent" or "api_key"."""
        return "visitor" if isinstance(self.viewer, Visitor) else self.viewer.kind

    @property
    def is_live(self) -> bool:
        return self.joined and self._held is None

    def join_at(self, position: int) -> None:
        self._through, self._held, self.joined = position, deque(), True

    def deliver(self, text: str, position: int) -> None:
        if not self.joined or position <= self._through:
            return
        self._through = position
        if self._held is None:
            self.connection.push(text, position)
        elif len(self._held) < MAX_BUFFERED_FRAMES and self._held_bytes < MAX_BUFFERED_BYTES:
            self._held.append((text, position))
            self._held_bytes += size_of(text)
        else:
            self.connection.end("slow_reader", Close.SLOW_READER)

    async def release(self) -> None:
        """From now on frames go straight out."""
        while self._held:
            await self.connection.push_when_room(*self._held.popleft())
        self._held, self._held_bytes = None, 0


class Attendance:
    """Who is here: every authenticated socket of this process, whether it has subscribed or not."""

    def __init__(self) -> None:
        self._seats: dict[UUID, dict[Seat, None]] = {}

    def admit(self, seat: Seat) -> bool:
        """Take in a socket; the oldest of the same person goes when there are too many.

        True: it is the person's first here.
        """
        seats = self._seats.setdefault(seat.key, {})
        seats[seat] = None
        CONNECTED.labels(seat.kind).inc()
        if len(seats) > SEATS_PER_PERSON:
            next(iter(seats)).connection.end("replaced", Close.TOO_MANY)
        return len(seats) == 1

    def dismiss(self, seat: Seat) -> bool:
        """True: it was the person's last here."""
        seats = self._seats[seat.key]
        del seats[seat]
        CONNECTED.labels(seat.kind).dec()
        if not seats:
            del self._seats[seat.key]
        return not seats

    def seats_of(self, key: UUID) -> list[Seat]:
        return list(self._seats.get(key, ()))

    def say_goodbye(self) -> list[Connection]:
        """Tell every socket that the server restarts, each with its own delay, so that they do not return at once."""
        connections = [seat.connection for seats in self._seats.values() for seat in seats]
        for connection in connections:
            connection.end("shutting_down", Close.RESTARTING, retry_after_ms=return_delay_ms())
        return connections


def return_delay_ms() -> int:
    return random.randrange(RETURN_WITHIN_MS)  # noqa: S311
