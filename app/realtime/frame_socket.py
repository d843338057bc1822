"""What both sockets share: reading frames within limits, the heartbeat, joining, commands, and the end."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.core import tracing
from app.core.act import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import is_away
from app.core.errors import Forbidden, InvalidInput, Unauthenticated
from app.core.http import cause_of, problem_of
from app.core.token_bucket import TokenBucket
from app.realtime.audience import Viewer
from app.realtime.connection import Connection, Seat, return_delay_ms
from app.realtime.frames import (
    MAX_FRAME_BYTES,
    Authenticate,
    Close,
    Command,
    Frame,
    MalformedFrame,
    Ping,
    Pong,
    Refused,
    Result,
    Subscribe,
    first_problem,
    parse_incoming,
)
from app.realtime.hub import Hub

log = structlog.get_logger(__name__)

AUTHENTICATE_WITHIN_SECONDS = 10.0
SILENCE_SECONDS = 45.0
"""Three heartbeats: a peer that sends nothing for so long is gone."""
FRAMES_A_SECOND = 20.0
FRAMES_AT_ONCE = 60.0


class FrameSocket(ABC):
    """One accepted socket from its first frame to its last."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.hub: Hub = socket.app.state.hub
        self.clock: Clock = socket.app.state.clock
        self.database: Database = socket.app.state.database
        self.connection = Connection(socket.send)
        self.seat: Seat | None = None
        self._joining: asyncio.Task[None] | None = None
        self._pace = TokenBucket(a_second=FRAMES_A_SECOND, at_once=FRAMES_AT_ONCE)
        self._request_id: str = socket.scope.get("state", {}).get("request_id", "")

    @abstractmethod
    async def authenticate(self, token: str) -> Viewer:
        """Who presents the token. Raises Unauthenticated, Forbidden."""

    def has_expired(self) -> bool:
        """Whether the credentials ran out by themselves since they were looked at."""
        return False

    @abstractmethod
    async def welcome(self, viewer: Viewer) -> Frame: ...

    @abstractmethod
    async def snapshot(self, session: AsyncSession, viewer: Viewer, position: str) -> Frame: ...

    @abstractmethod
    async def obey(self, command: Command) -> Result | Refused: ...

    async def on_enter(self, *, first: bool) -> None:  # noqa: B027
        """The socket is authenticated; `first`: no other of the same person is here."""

    async def on_beat(self) -> None:  # noqa: B027
        """A heartbeat came."""

    async def on_leave(self, *, last: bool) -> None:  # noqa: B027
        """The socket is gone; `last`: no other of the same person is here."""

    async def run(self, token: str | None) -> None:
        """Accept and serve until either side ends it. `token`: what the handshake itself brought."""
        await self.hub.coming.go()
        await self.socket.accept()
        writing = asyncio.create_task(self.connection.write())
        reading = asyncio.create_task(self._read(token))
        try:
            await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and self.connection.ended.is_set():
                await writing
            await self.hub.going.go()
        finally:
            await _cancel(writing, reading, self._joining)
            await self._leave()

    @property
    def act(self) -> Act:
        viewer = self.seat.viewer if self.seat else None
        return Act(now=self.clock.now(), actor=self.actor_of(viewer) if viewer else "", request_id=self._request_id)

    @staticmethod
    @abstractmethod
    def actor_of(viewer: Viewer) -> str: ...

    async def _read(self, token: str | None) -> None:
        try:
            if token is None:
                token = await self._await_authentication()
            if token is not None and await self._enter(token):
                await self._serve()
        except MalformedFrame as error:
            self.connection.end("malformed", Close.MALFORMED, detail=str(error))
        except WebSocketDisconnect:
            return
        except Exception as error:
            _tell("socket_failed", error)
            self.connection.end("unavailable", Close.TRY_AGAIN_LATER)

    async def _await_authentication(self) -> str | None:
        try:
            async with asyncio.timeout(AUTHENTICATE_WITHIN_SECONDS):
                frame = await self._next_frame()
        except TimeoutError:
            self.connection.end("too_late", Close.TOO_LATE, detail="authenticate within 10 seconds")
            return None
        if isinstance(frame, Authenticate):
            return frame.token
        if frame is not None:
            self.connection.end("session_ended", Close.NOT_AUTHENTICATED, detail="authenticate first")
        return None

    async def _enter(self, token: str) -> bool:
        async def recheck() -> Viewer:
            return await self.authenticate(token)

        try:
            viewer = await self.authenticate(token)
            hello = await self.welcome(viewer)
        except Unauthenticated as error:
            self.connection.end("session_ended", Close.NOT_AUTHENTICATED, detail=error.code)
            return False
        except Forbidden as error:
            self.connection.end("session_ended", Close.NOT_ALLOWED, detail=error.code)
            return False
        self.seat = Seat(self.connection, viewer, recheck)
        first = self.hub.attendance.admit(self.seat)
        self.connection.push_frame(hello)
        await self.on_enter(first=first)
        return True

    async def _serve(self) -> None:
        while not self.connection.ended.is_set():
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    frame = await self._next_frame()
            except TimeoutError:
                self.connection.end("heartbeat", Close.TOO_LATE, detail="no frame for 45 seconds")
                return
            if self.has_expired():
                self.connection.end("session_ended", Close.NOT_AUTHENTICATED, detail="session_expired")
                return
            match frame:
                case None:
                    return
                case Ping():
                    await self._pong()
                case Subscribe():
                    await self._subscribe(frame)
                case Command():
                    self.connection.push_frame(await self._answer(frame))
                case Authenticate():
                    pass  # the handshake's cookie was enough; the client could not know

    async def _next_frame(self) -> Authenticate | Subscribe | Ping | Command | None:
        """None: the connection was told to end. Raises WebSocketDisconnect when the peer left."""
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1005)
        text = message.get("text")
        if text is None:
            raise MalformedFrame("frames are JSON text, not binary")
        if len(text) > MAX_FRAME_BYTES or len(text.encode()) > MAX_FRAME_BYTES:
            self.connection.end("malformed", Close.FRAME_TOO_LARGE, detail="a frame is at most 64 KiB")
            return None
        if not self._pace.allows(asyncio.get_running_loop().time()):
            self.connection.end("too_many", Close.TOO_MANY, detail="too many frames", retry_after_ms=5_000)
            return None
        return parse_incoming(text)

    async def _pong(self) -> None:
        assert self.seat is not None
        position = self.hub.tail.text_of(self.hub.tail.position) if self.seat.is_live else None
        self.connection.push_frame(Pong(server_time=self.clock.now(), position=position))
        await self.on_beat()

    async def _subscribe(self, frame: Subscribe) -> None:
        """Catching up runs beside the reading, so that a slow replay does not silence the heartbeat."""
        assert self.seat is not None
        await _cancel(self._joining)
        self.seat.board = frame.board
        work = (
            self.hub.join_with_snapshot(self.seat, self.snapshot)
            if frame.after is None
            else self.hub.join_after(self.seat, frame.after)
        )
        self._joining = asyncio.create_task(self._join(work))

    async def _join(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MalformedFrame as error:
            self.connection.end("malformed", Close.MALFORMED, detail=str(error))
        except Exception as error:
            log.warning("socket_join_failed", exc_info=error)
            self.connection.end("unavailable", Close.TRY_AGAIN_LATER, retry_after_ms=return_delay_ms())

    async def _answer(self, command: Command) -> Result | Refused:
        try:
            with tracing.root("socket.command"):
                return await self.obey(command)
        except ValidationError as error:
            refusal = InvalidInput("invalid_input", f"data.{first_problem(error)}")
            return Refused(id=command.id, problem=refusal.problem(self._request_id))
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 503:  # known trouble: the line that says so is enough
                log.warning("command_unavailable", command=command.name, code=problem.code, cause=cause_of(error))
            elif problem.status >= 500:
                log.error("command_failed", command=command.name, exc_info=error)
            return Refused(id=command.id, problem=problem.problem(self._request_id))

    async def _leave(self) -> None:
        if self.seat is None:
            return
        self.hub.tail.leave(self.seat)
        last = self.hub.attendance.dismiss(self.seat)
        try:
            await self.on_leave(last=last)
        except Exception as error:
            _tell("socket_leave_failed", error)  # the heartbeat's absence tells the same a little later


def _tell(what: str, error: Exception) -> None:
    """All sockets of a process lose the database at one instant: a line for each, and no traceback."""
    if is_away(error):
        log.warning(what, error=repr(error))
    else:
        log.error(what, exc_info=error)


async def _cancel(*tasks: asyncio.Task[None] | None) -> None:
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
