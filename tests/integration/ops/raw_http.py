"""Bytes to and from a server, without a library between."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.ops.doors import Doors
from app.ops.http_protocol import BoundedHttpProtocol
from app.ops.serve import PartingServer, listen
from app.ops.socket_protocol import BoundedSocketProtocol

PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


class Line:
    """One connection; whatever is still open at the end is cut by whoever made it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, *parts: bytes) -> None:
        self._writer.write(b"".join(parts))

    async def drain(self) -> None:
        await self._writer.drain()

    async def send_for_ever(self, part: bytes) -> None:
        """Returns by the error that ends it."""
        while True:
            self.send(part)
            await self.drain()

    def cut(self) -> None:
        self._writer.transport.abort()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return Answer(int(head[0].split()[1]), headers, body)

    async def is_ended(self) -> bool:
        """Waits for the end; False when anything else comes first."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


class Served:
    def __init__(self, port: int, server: PartingServer, doors: Doors) -> None:
        self.port, self.server, self.doors = port, server, doors
        self.lines: list[Line] = []

    async def line(self) -> Line:
        self.lines.append(await Line.open(self.port))
        return self.lines[-1]

    async def ask(self, *parts: bytes) -> Answer:
        line = await self.line()
        line.send(*parts)
        return await line.answer()


@asynccontextmanager
async def served(app: ASGIApp, *, limit: int = 0, **options: Any) -> AsyncIterator[Served]:
    """The server as `serve` makes it, in this process."""
    listener = listen("127.0.0.1", 0)
    doors = Doors(limit)
    config = uvicorn.Config(
        app, http=BoundedHttpProtocol, ws=BoundedSocketProtocol, lifespan="off", log_config=None, server_header=False,
        access_log=False, timeout_graceful_shutdown=1, **options,
    )  # fmt: skip
    server = PartingServer(config, doors)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:
            await asyncio.sleep(0.01)  # uvicorn tells nobody that it has started
    opened = Served(listener.getsockname()[1], server, doors)
    try:
        yield opened
    finally:
        for line in opened.lines:
            line.cut()
        server.should_exit = True
        await running
