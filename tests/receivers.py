"""A receiver of webhooks on loopback: answers as a test says, and keeps what it was sent."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.protocol import judge_webhook

WAIT_SECONDS = 30


@dataclass
class Sent:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """As docs/webhooks.md tells receivers to check it, written a second time."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        signatures = [each.split(",", 1) for each in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(one, expected) for version, one in signatures)


Answer = tuple[int, dict[str, str]]


@dataclass
class Receiver:
    port: int = 0
    got: list[Sent] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    """For the next requests; 204 once they are used up, unless `always` is set."""
    always: Answer = (204, {})
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set no answer goes out."""
    on_request: Callable[[Sent], Awaitable[None]] | None = None
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def script(self, *statuses: int) -> None:
        self.answers.extend((status, {}) for status in statuses)

    async def wait_for(self, count: int) -> list[Sent]:
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.got) < count:
                self._more.clear()
                await self._more.wait()
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._serve_one(reader, writer):
                pass
        writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")[1:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        sent = Sent(headers, await reader.readexactly(int(headers["content-length"])))
        judge_webhook(sent.headers, sent.body)
        self.got.append(sent)
        self._more.set()
        if self.on_request is not None:
            await self.on_request(sent)
        await self.hold.wait()
        status, extra = self.answers.popleft() if self.answers else self.always
        more = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
        length = "" if status == 204 else "Content-Length: 0\r\n"
        writer.write(f"HTTP/1.1 {status} Said\r\n{length}{more}\r\n".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.hold.set()
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            handlers.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await server.wait_closed()
