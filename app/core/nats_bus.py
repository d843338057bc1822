"""The bus over a NATS server, for installations that have one or whose processes are many."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoServersError

from app.core.bus import (
    CLOSE_WITHIN_SECONDS,
    HEARTBEAT_SECONDS,
    START_WITHIN_SECONDS,
    Handler,
    Handlers,
    Outbox,
    keep_up,
)
from app.core.driver import Backoff

CONNECT_SECONDS = 2
ROUND_TRIP_SECONDS = 5

log = structlog.get_logger(__name__)


class NatsBus:
    """One connection hears and publishes. It is made anew by us and not by the client, whose own buffer would be lost.

    `urls`: `nats://` or `tls://` addresses, separated by commas, with user and password where the server wants them.
    `namespace` keeps installations apart that share a server.
    """

    hears_the_database = False

    def __init__(self, urls: str, *, namespace: str) -> None:
        self._urls = urls
        self._prefix = f"switchboard.{namespace}."
        self._handlers = Handlers()
        self._outbox = Outbox()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(keep_up(self._serve), name="bus")
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN_SECONDS):
                await self._listening.wait()

    async def close(self) -> None:
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_SECONDS):
                await self._outbox.emptied.wait()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def publish(self, channel: str, payload: dict[str, Any]) -> None:
        self._outbox.put(channel, payload)

    def nudge(self, channel: str, payload: dict[str, Any] | None = None) -> None:
        self._outbox.nudge(channel, payload)

    def subscribe(self, channel: str, handler: Handler) -> None:
        self._handlers.add(channel, handler)

    async def _serve(self, backoff: Backoff) -> None:
        """Until the connection is lost: whichever of the two tasks notices first ends both."""
        lost = asyncio.Event()
        connection = await _connect(self._urls, lost)
        tasks = [
            asyncio.create_task(self._listen(connection, backoff), name="bus listener"),
            asyncio.create_task(self._publish_pending(connection), name="bus publisher"),
            asyncio.create_task(_raise_when(lost), name="bus guard"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._listening.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _part(connection)

    async def _listen(self, connection: Client, backoff: Backoff) -> None:
        listened: set[str] = set()
        while True:
            self._handlers.added.clear()
            for channel in self._handlers.by_channel.keys() - listened:
                await connection.subscribe(self._prefix + channel, cb=self._on_message)
                listened.add(channel)
            # Also the heartbeat: a server that is gone without a word is noticed here.
            await connection.flush(ROUND_TRIP_SECONDS)
            self._listening.set()
            backoff.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._handlers.added.wait()

    async def _on_message(self, message: Msg) -> None:
        self._handlers.call(message.subject.removeprefix(self._prefix), message.data)

    async def _publish_pending(self, connection: Client) -> None:
        while True:
            await self._outbox.filled.wait()
            batch = self._outbox.next_batch()
            for channel, text in batch:
                await connection.publish(self._prefix + channel, text.encode("ascii"))
            # Only after the server's answer: a batch whose connection broke is sent again on the next one.
            await connection.flush(ROUND_TRIP_SECONDS)
            self._outbox.sent(len(batch))


async def find_trouble(urls: str) -> str | None:
    """Why no server of `urls` takes us; None when one does."""
    try:
        connection = await _connect(urls, asyncio.Event())
    except (OSError, Error, ValueError) as error:  # ValueError: an address that is none
        return str(error) or repr(error)
    await _part(connection)
    return None


async def _connect(urls: str, lost: asyncio.Event) -> Client:
    """Raises OSError or nats.errors.Error: why the server that was tried last did not take us."""
    connection, trouble = Client(), deque[Exception](maxlen=1)

    async def on_closed() -> None:
        lost.set()

    async def on_error(error: Exception) -> None:
        trouble.append(error)
        if connection.is_connected:
            log.warning("bus_error", error=repr(error))

    try:
        await connection.connect(
            [url.strip() for url in urls.split(",")],
            name="switchboard",
            allow_reconnect=False,
            max_reconnect_attempts=1,  # it counts the first connections too; how long to pause we know ourselves
            reconnect_time_wait=0,
            connect_timeout=CONNECT_SECONDS,
            closed_cb=on_closed,
            error_cb=on_error,
        )
    except BaseException as error:
        await _part(connection)  # of a server that refused us it would keep the socket
        if isinstance(error, NoServersError) and trouble:
            raise trouble[-1] from error
        raise
    return connection


async def _raise_when(lost: asyncio.Event) -> None:
    await lost.wait()
    raise ConnectionError("NATS is gone")


async def _part(connection: Client) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_WITHIN_SECONDS):
            await connection.close()
