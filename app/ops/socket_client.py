"""Our sockets seen from outside: a client that resumes where it was, for the probe, the demo and the journeys."""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin

BACK_OFF_SECONDS = (0.05, 2.0)
COMMAND_TIMEOUT_SECONDS = 15.0
PING_SECONDS = 10.0
FRAME_MAX_BYTES = 4 * 1024 * 1024
FINAL_CLOSE_CODES = (4401, 4403)
"""Trying again with the same token would be refused again."""

Frame = dict[str, Any]
T = TypeVar("T")


class CommandRefused(Exception):
    """The server answered a command with a problem document."""

    def __init__(self, problem: Frame) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = problem


class SocketRefused(Exception):
    """The server will not have this client; `reason` is its close code or status."""


class ResumingSocket:
    """Authenticates, subscribes, resumes by position after every drop, repeats unanswered commands under their key.

    `events` are the log's events in the order they came, each position once; so are `removed`.
    """

    connection: type[ClientConnection] = ClientConnection
    """What carries the frames. Tests put one here that judges each of them."""

    def __init__(self, url: str, token: str, *, origin: str | None = None, board: bool = False) -> None:
        self.events: list[Frame] = []
        self.snapshots: list[Frame] = []
        self.signals: list[Frame] = []
        self.removed: list[Frame] = []
        self.boards: list[Frame] = []
        self.repeated = 0
        self.connections = 0
        self._url = url
        self._token = token
        self._origin = Origin(origin) if origin else None
        self._board = board
        self._position: str | None = None
        self._live = asyncio.Event()
        self._changed = asyncio.Condition()
        self._pending: dict[str, tuple[Frame, asyncio.Future[Frame]]] = {}
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def position(self) -> str | None:
        """The last position that was applied: a snapshot's, an event's or caught_up's."""
        return self._position

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def live(self, timeout: float = COMMAND_TIMEOUT_SECONDS) -> None:
        """Wait until the snapshot or the replay is complete. Raises SocketRefused or TimeoutError."""
        assert self._task is not None
        waiting = asyncio.create_task(self._live.wait())
        await asyncio.wait({waiting, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        was_live = waiting.done()  # it may have been cut again in between
        waiting.cancel()
        if self._task.done():
            await self._task
        if not was_live:
            raise TimeoutError(f"{self._url} was not live within {timeout} s")

    async def wait_for(self, find: Callable[[], T | None], timeout: float = COMMAND_TIMEOUT_SECONDS) -> T:
        """Wait until `find` (asked after each frame) gives something other than None or False."""
        async with asyncio.timeout(timeout), self._changed:
            while not (found := find()):
                await self._changed.wait()
            return found

    async def event(self, type_: str, timeout: float = COMMAND_TIMEOUT_SECONDS, **fields: Any) -> Frame:
        """The first event of this type whose data holds these fields, now or to come."""

        def find() -> Frame | None:
            for frame in self.events:
                if frame["event"] == type_ and all(frame["data"].get(name) == value for name, value in fields.items()):
                    return frame
            return None

        return await self.wait_for(find, timeout)

    def open_offers(self) -> list[Frame]:
        """Offers this agent was told of, by a snapshot or by an event, and has not been told the end of."""
        told = {offer["id"]: offer for snapshot in self.snapshots for offer in snapshot["offers"]}
        for event in self.events:
            if event["event"] == "offer.made" and "offer" in event["data"]:
                told[event["data"]["offer_id"]] = event["data"]["offer"]
            elif event["event"] == "offer.ended":
                told.pop(event["data"]["offer_id"], None)
        return list(told.values())

    async def command(
        self, name: str, data: Frame, *, key: str | None = None, timeout: float = COMMAND_TIMEOUT_SECONDS
    ) -> Frame:
        """Act, safely over drops: the same key is sent again until it is answered. Raises CommandRefused."""
        command_id = uuid4().hex
        frame = {"type": "command", "id": command_id, "name": name, "key": key or command_id, "data": data}
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._pending[command_id] = (frame, answer)
        try:
            await self._send(frame)
            async with asyncio.timeout(timeout):
                result = await answer
        finally:
            self._pending.pop(command_id, None)
        if not result["ok"]:
            raise CommandRefused(result["problem"])
        return result

    async def _send(self, frame: Frame) -> None:
        if self._connection is None or not self._live.is_set():
            return  # sent once the socket is live again
        with contextlib.suppress(WebSocketException):  # likewise
            await self._connection.send(json.dumps(frame))

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                async with connect(
                    self._url,
                    origin=self._origin,
                    compression=None,
                    max_size=FRAME_MAX_BYTES,
                    open_timeout=10,
                    create_connection=self.connection,
                ) as connection:
                    self._connection = connection
                    self.connections += 1
                    await self._converse(connection)
            except InvalidStatus as refusal:
                if refusal.response.status_code in (401, 403):
                    raise SocketRefused(str(refusal.response.status_code)) from refusal
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in FINAL_CLOSE_CODES:
                    raise SocketRefused(str(closed.rcvd.code)) from closed
            except (OSError, WebSocketException, TimeoutError):
                pass
            finally:
                # A connection that went live had started well: its end is a new story.
                attempt = 0 if self._live.is_set() else attempt + 1
                self._connection = None
                self._live.clear()
            least, most = BACK_OFF_SECONDS
            await asyncio.sleep(min(least * 2**attempt, most) * random.uniform(0.5, 1))  # noqa: S311 (jitter)

    async def _converse(self, connection: ClientConnection) -> None:
        await connection.send(json.dumps({"type": "authenticate", "token": self._token}))
        subscribe = {"type": "subscribe", "after": self._position, "board": self._board}
        await connection.send(json.dumps(subscribe))
        pinging = asyncio.create_task(self._ping(connection))
        try:
            async for text in connection:
                await self._apply(connection, json.loads(text))
        finally:
            pinging.cancel()

    async def _ping(self, connection: ClientConnection) -> None:
        with contextlib.suppress(WebSocketException):  # the reader hears of it as well
            while True:
                await asyncio.sleep(PING_SECONDS)
                await connection.send('{"type":"ping"}')

    async def _apply(self, connection: ClientConnection, frame: Frame) -> None:
        match frame["type"]:
            case "event":
                self._apply_positioned(frame, self.events)
            case "removed":
                self._apply_positioned(frame, self.removed)
            case "snapshot":
                self.snapshots.append(frame)
                self._position = frame["position"]
                await self._now_live(connection)
            case "caught_up":
                self._position = frame["position"]
                await self._now_live(connection)
            case "resync_required":
                self._position = None
                await connection.send(json.dumps({"type": "subscribe", "after": None, "board": self._board}))
            case "result":
                _, answer = self._pending.get(frame["id"], (None, None))
                if answer is not None and not answer.done():
                    answer.set_result(frame)
            case "signal":
                self.signals.append(frame)
            case "board":
                self.boards.append(frame)
        async with self._changed:
            self._changed.notify_all()

    def _apply_positioned(self, frame: Frame, seen: list[Frame]) -> None:
        if self._position is not None and _number(frame["position"]) <= _number(self._position):
            self.repeated += 1
            return
        self._position = frame["position"]
        seen.append(frame)

    async def _now_live(self, connection: ClientConnection) -> None:
        self._live.set()
        for frame, _ in list(self._pending.values()):
            await connection.send(json.dumps(frame))


def websocket_url(url: str, path: str) -> str:
    """The socket's address under the same host: http becomes ws, https becomes wss."""
    return url.replace("http", "ws", 1) + path


def _number(position: str) -> int:
    return int(position.partition("-")[2])
