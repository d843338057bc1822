"""A console as a load: it keeps its position, comes back by the documented back-off, and notes what it was sent."""

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from app.ops.bench.measuring import now
from app.ops.bench.socket_load import SocketConnection

# The policy of app/pages/static/shared/socket.js.
BACK_OFF_FIRST_MS = 2_000
BACK_OFF_MOST_MS = 15_000
PING_SECONDS = 15.0
EVENT = re.compile(rb'\{"type":"event","position":"\d+-(\d+)","id":"[^"]*","event":"([^"]+)"')
POSITION = re.compile(rb'"position":"(\d+-(\d+))"')
MESSAGE = b"message.received"
BYE_REASON = re.compile(rb'"reason":"([^"]*)"')
RETRY_AFTER = re.compile(rb'"retry_after_ms":(\d+)')


@dataclass(slots=True)
class Notes:
    """What happened to a crowd."""

    tries: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    repeated: int = 0


class Console:
    """`on_message` gets each new message's frame. `messages` are the positions of those."""

    def __init__(
        self,
        address: tuple[str, int],
        token: str,
        after: str,
        notes: Notes,
        on_message: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._address, self._token, self.notes = address, token, notes
        self._on_message = on_message
        self.position = after
        self.number = int(after.partition("-")[2])
        self.messages: list[int] = []
        self.live = asyncio.Event()
        self.caught_up_at = 0.0
        self._line: SocketConnection | None = None
        self._attempt = 0
        self._wait_ms = 0
        self._kept: list[SocketConnection] = []
        """Lines that broke without either end being told."""
        self._closed = False
        self._running: set[asyncio.Task[None]] = set()

    def open(self, after_seconds: float = 0.0) -> None:
        task = asyncio.get_running_loop().create_task(self._open(after_seconds))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _open(self, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        self.notes.tries += 1
        try:
            line = await SocketConnection.open(self._address, "/v1/socket", self._hear, self._lost)
        except OSError as error:
            self.notes.failed[type(error).__name__] += 1
            self._come_back()
            return
        self._line = line
        line.send({"type": "authenticate", "token": self._token})
        line.send({"type": "subscribe", "after": self.position, "board": False})

    def _hear(self, line: SocketConnection, frame: bytes) -> None:
        if line is not self._line and self._line is not None:
            return
        if event := EVENT.match(frame):
            self._take(int(event[1]), event[2], frame)
        elif frame.startswith(b'{"type":"caught_up"'):
            self._go_on(frame)
            self._attempt = 0
            self.caught_up_at = now()
            self.live.set()
        elif frame.startswith(b'{"type":"pong"') and self.live.is_set():
            self._go_on(frame)
        elif frame.startswith(b'{"type":"bye"'):
            self._note_bye(frame)
        elif frame.startswith(b'{"type":"resync'):
            self.notes.failed["resync_required"] += 1

    def _take(self, number: int, event: bytes, frame: bytes) -> None:
        if number <= self.number:
            self.notes.repeated += 1
            return
        self.number, self.position = number, f"1-{number}"
        if event == MESSAGE:
            self.messages.append(number)
            self._on_message(frame)

    def _go_on(self, frame: bytes) -> None:
        if (found := POSITION.search(frame)) and int(found[2]) > self.number:
            self.position, self.number = found[1].decode(), int(found[2])

    def _note_bye(self, frame: bytes) -> None:
        if reason := BYE_REASON.search(frame):
            self.notes.failed[reason[1].decode()] += 1
        if wait := RETRY_AFTER.search(frame):
            self._wait_ms = int(wait[1])

    def _lost(self, line: SocketConnection) -> None:
        if line is self._line:
            self._line = None
            self._come_back()

    def _come_back(self) -> None:
        self.live.clear()
        if self._closed:
            return
        ceiling = min(BACK_OFF_MOST_MS, BACK_OFF_FIRST_MS * 2**self._attempt)
        self._attempt += 1
        wait_ms, self._wait_ms = self._wait_ms, 0
        self.open(max(wait_ms, ceiling * random.random()) / 1000)

    def ping(self) -> None:
        if self._line is not None:
            self._line.send({"type": "ping"})

    def reset(self) -> None:
        """The line is cut: the other end is told by a reset."""
        if self._line is not None:
            self._line.reset()

    def fall_silent(self) -> None:
        """The line is cut behind a proxy: the other end learns nothing, and what it sends is taken by nobody."""
        line, self._line = self._line, None
        if line is not None:
            line.stop_reading()
            self._kept.append(line)
            self._come_back()

    def close(self) -> None:
        self._closed = True
        for line in [self._line, *self._kept]:
            if line is not None:
                with contextlib.suppress(OSError):
                    line.close()
