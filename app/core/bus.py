"""Between processes: wake-ups and passing signals. Losing the bus loses time, never an event."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import islice
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

lost_total = Counter("switchboard_bus_connections_lost_total", "Connections of the bus that failed or were lost")

Handler = Callable[[dict[str, Any]], None]
Message = tuple[str, str]
"""Channel, JSON."""


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

    hears_the_database: bool
    """Whether what the dispatcher's own statement notifies arrives here too; else its process tells it on."""

    async def start(self) -> None:
        """Returns once connected, or after 5 s without a connection; it goes on trying."""
        ...

    async def close(self) -> None:
        """Sends what waits, if that takes no longer than a second."""
        ...

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        """Queue a message. BusPayloadTooLarge above 7,900 bytes of JSON."""
        ...

    def nudge(self, channel: str, payload: dict[str, Any] | None = None) -> None:
        """Send a message from code that cannot wait. Many before the next flush are one: the last."""
        ...

    def subscribe(self, channel: str, handler: Handler) -> None:
        """Call `handler` with each payload, in the event loop; it must not block. One that raises is logged."""
        ...


class Outbox:
    """What waits to be sent, in order. A message leaves it once it was sent, so a lost connection loses none of it."""

    def __init__(self) -> None:
        self._pending: deque[list[str]] = deque()
        self._nudges: dict[str, list[str]] = {}
        self.filled = asyncio.Event()
        self.emptied = asyncio.Event()
        self.emptied.set()

    def put(self, channel: str, payload: dict[str, Any]) -> list[str]:
        message = [channel, _dump(channel, payload)]
        if len(self._pending) >= PENDING_MAX:
            dropped_total.inc()
            return message
        self._pending.append(message)
        self.emptied.clear()
        self.filled.set()
        return message

    def nudge(self, channel: str, payload: dict[str, Any] | None) -> None:
        if (waiting := self._nudges.get(channel)) is None:
            self._nudges[channel] = self.put(channel, payload or {})
        elif payload is not None:
            waiting[1] = _dump(channel, payload)

    def next_batch(self) -> list[Message]:
        """The oldest messages, which stay until `sent`. At least one, once `filled`."""
        # From here a nudge is a new one: what it tells of may be younger than the message under way.
        self._nudges.clear()
        return [(channel, text) for channel, text in islice(self._pending, FLUSH_MAX)]

    def sent(self, count: int) -> None:
        for _ in range(count):
            self._pending.popleft()
        if not self._pending:
            self.filled.clear()
            self.emptied.set()


def _dump(channel: str, payload: dict[str, Any]) -> str:
    text = json.dumps(payload, separators=(",", ":"))
    if len(text) > PAYLOAD_MAX_BYTES:  # dumped as ASCII: one byte a character
        raise BusPayloadTooLarge(channel, len(text))
    return text


class Handlers:
    """Who wants to hear what. `added` is set by each new one."""

    def __init__(self) -> None:
        self.by_channel: dict[str, list[Handler]] = defaultdict(list)
        self.added = asyncio.Event()

    def add(self, channel: str, handler: Handler) -> None:
        self.by_channel[channel].append(handler)
        self.added.set()

    def call(self, channel: str, text: str | bytes) -> None:
        for handler in self.by_channel[channel]:
            try:
                handler(json.loads(text))
            except Exception:
                log.exception("bus_handler_failed", channel=channel)


async def keep_up(serve: Callable[[Backoff], Coroutine[Any, Any, None]]) -> None:
    """Run what ends with its connection again and again, with pauses that grow until it resets them."""
    backoff = Backoff()
    while True:
        try:
            await serve(backoff)
        except Exception as error:
            raise_if_cancelled()
            lost_total.inc()
            log.warning("bus_connection_lost", error=repr(error))
        await backoff.pause()


class PostgresBus:
    """LISTEN and NOTIFY: one connection listens, one publishes what has gathered since its last statement."""

    hears_the_database = True

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._handlers = Handlers()
        self._outbox = Outbox()
        self._listening = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(keep_up(self._listen), name="bus listener"),
            asyncio.create_task(keep_up(self._publish_pending), name="bus publisher"),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await self._listening.wait()

    async def close(self) -> None:
        if self._tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_SECONDS):
                    await self._outbox.emptied.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        self._outbox.put(channel, payload)

    def nudge(self, channel: str, payload: dict[str, Any] | None = None) -> None:
        self._outbox.nudge(channel, payload)

    def subscribe(self, channel: str, handler: Handler) -> None:
        self._handlers.add(channel, handler)

    async def _listen(self, backoff: Backoff) -> None:
        connection = await connect(self._database_url, application_name="switchboard-bus-listener")
        must_look = self._handlers.added
        try:
            connection.add_termination_listener(lambda _: must_look.set())
            listened: set[str] = set()
            while True:
                must_look.clear()
                for channel in self._handlers.by_channel.keys() - listened:
                    await connection.add_listener(PREFIX + channel, self._on_notification)
                    listened.add(channel)
                # Also the heartbeat: a server that is gone without a word is noticed here.
                await connection.execute("SELECT 1", timeout=HEARTBEAT_SECONDS)
                self._listening.set()
                backoff.reset()
                with suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await must_look.wait()
        finally:
            self._listening.clear()
            connection.terminate()

    def _on_notification(self, _connection: object, _pid: int, channel: str, text: str) -> None:
        self._handlers.call(channel.removeprefix(PREFIX), text)

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
                await self._outbox.filled.wait()
                await self._flush(connection)
        finally:
            connection.terminate()

    async def _flush(self, connection: "asyncpg.Connection[Any]") -> None:
        batch = self._outbox.next_batch()
        await connection.execute(
            "SELECT pg_notify($3 || channel, text) FROM unnest($1::text[], $2::text[]) AS message (channel, text)",
            [channel for channel, _ in batch],
            [text for _, text in batch],
            PREFIX,
        )
        # Only now: a batch whose connection broke is sent again on the next one.
        self._outbox.sent(len(batch))
