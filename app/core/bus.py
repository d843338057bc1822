"""Between processes: wake-ups and passing signals. Losing the bus loses time, never an event."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
import structlog
from prometheus_client import Counter

from app.core.driver import Backoff, connect, raise_if_cancelled
from app.core.errors import PayloadTooLarge

PREFIX = "switchboard_"
PAYLOAD_MAX_BYTES = 7_900
"""PostgreSQL carries 7,999 bytes in one notification; other buses meet the same limit."""
PENDING_MAX = 10_000
"""Messages that wait for the publisher's connection; beyond it new ones are dropped and counted."""
FLUSH_MAX = 1_000
HEARTBEAT_SECONDS = 10.0
START_WITHIN_SECONDS = 5.0
CLOSE_WITHIN_SECONDS = 1.0

log = structlog.get_logger(__name__)
dropped_total = Counter("switchboard_bus_dropped_total", "Messages dropped because the bus was gone for too long")

Handler = Callable[[dict[str, Any]], None]


class BusPayloadTooLarge(PayloadTooLarge):
    def __init__(self, channel: str, size: int) -> None:
        super().__init__(
            "bus_payload_too_large", f"{size} bytes on {channel}: send ids, at most {PAYLOAD_MAX_BYTES} bytes."
        )


class Bus(Protocol):
    """What every bus promises (tests/contract/test_bus.py).

    Each process hears each message, the sender too, in the order of one sender's messages on one channel. Messages may
    be lost while the connection is, and equal ones that were sent together may arrive as one.
    """

    async def start(self) -> None:
        """Returns once connected, or after 5 s without a connection; it goes on trying."""
        ...

    async def close(self) -> None:
        """Sends what waits, if that takes no longer than a second."""
        ...

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        """Queue a message. BusPayloadTooLarge above 7,900 bytes of JSON."""
        ...

    def nudge(self, channel: str) -> None:
        """Send an empty message, from code that cannot wait. Many before the next flush are one."""
        ...

    def subscribe(self, channel: str, handler: Callable[[dict[str, Any]], None]) -> None:
        """Call `handler` with each payload, in the event loop; it must not block. One that raises is logged."""
        ...


class PostgresBus:
    """LISTEN and NOTIFY: one connection listens, one publishes what has gathered since its last statement."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._handlers: dict[str, list[Handler]] = defaultdict(list)
        self._pending: deque[tuple[str, str]] = deque()
        self._nudged: set[str] = set()
        self._something_pending = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._listener_must_look = asyncio.Event()
        self._listening = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep_up(self._listen), name="bus listener"),
            asyncio.create_task(self._keep_up(self._publish_pending), name="bus publisher"),
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), START_WITHIN_SECONDS)

    async def close(self) -> None:
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_sent.wait(), CLOSE_WITHIN_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        self._enqueue(channel, json.dumps(payload, separators=(",", ":")))

    def nudge(self, channel: str) -> None:
        if channel not in self._nudged:
            self._nudged.add(channel)
            self._enqueue(channel, "{}")

    def subscribe(self, channel: str, handler: Handler) -> None:
        self._handlers[channel].append(handler)
        self._listener_must_look.set()

    def _enqueue(self, channel: str, text: str) -> None:
        if len(text) > PAYLOAD_MAX_BYTES:  # dumped as ASCII: one byte a character
            raise BusPayloadTooLarge(channel, len(text))
        if len(self._pending) >= PENDING_MAX:
            dropped_total.inc()
            return
        self._pending.append((PREFIX + channel, text))
        self._all_sent.clear()
        self._something_pending.set()

    async def _keep_up(self, serve: Callable[[Backoff], Coroutine[Any, Any, None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                await serve(backoff)
            except Exception as error:
                raise_if_cancelled()
                log.warning("bus_connection_lost", error=repr(error))
            await backoff.pause()

    async def _listen(self, backoff: Backoff) -> None:
        connection = await connect(self._database_url, application_name="switchboard-bus-listener")
        try:
            connection.add_termination_listener(lambda _: self._listener_must_look.set())
            listened: set[str] = set()
            while True:
                self._listener_must_look.clear()
                for channel in self._handlers.keys() - listened:
                    await connection.add_listener(PREFIX + channel, self._on_notification)
                    listened.add(channel)
                # Also the heartbeat: a server that is gone without a word is noticed here.
                await connection.execute("SELECT 1", timeout=HEARTBEAT_SECONDS)
                self._listening.set()
                backoff.reset()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._listener_must_look.wait(), HEARTBEAT_SECONDS)
        finally:
            self._listening.clear()
            connection.terminate()

    def _on_notification(self, _connection: object, _pid: int, channel: str, text: str) -> None:
        for handler in self._handlers[channel.removeprefix(PREFIX)]:
            try:
                handler(json.loads(text))
            except Exception:
                log.exception("bus_handler_failed", channel=channel)

    async def _publish_pending(self, backoff: Backoff) -> None:
        connection = await connect(
            self._database_url,
            application_name="switchboard-bus-publisher",
            # A notification is worth no flush: what a crash undoes here nobody needs to hear.
            settings={"synchronous_commit": "off"},
        )
        try:
            while True:
                backoff.reset()
                await self._something_pending.wait()
                await self._flush(connection)
        finally:
            connection.terminate()

    async def _flush(self, connection: "asyncpg.Connection[Any]") -> None:
        batch = [self._pending[index] for index in range(min(len(self._pending), FLUSH_MAX))]
        channels, texts = zip(*batch, strict=True)
        # From here a nudge is a new one: what it tells of may be younger than the notification under way.
        self._nudged.clear()
        await connection.execute(
            "SELECT pg_notify(channel, text) FROM unnest($1::text[], $2::text[]) AS message (channel, text)",
            channels,
            texts,
        )
        # Only now: a batch whose connection broke is sent again on the next one.
        for _ in batch:
            self._pending.popleft()
        if not self._pending:
            self._something_pending.clear()
            self._all_sent.set()
