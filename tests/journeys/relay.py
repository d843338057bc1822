"""A line between two processes that can be cut or slow, and whose way down can be held back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

CHUNK = 65_536


class Relay:
    def __init__(self, target: str | Path) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._down = asyncio.Event()
        self._down.set()
        self._is_cut = False
        self._delay_seconds = 0.0
        self.address = ("", 0)

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def cut(self) -> None:
        """Every connection is lost; new ones are refused at once."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._is_cut = False

    def slow_down(self, seconds: float) -> None:
        """Every piece takes so long, both ways, until it is 0 again."""
        self._delay_seconds = seconds

    def hold(self) -> None:
        """What the server says does not arrive before `let_go`; what the browser says does."""
        self._down.clear()

    def let_go(self) -> None:
        self._down.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._connect()
        except OSError:  # nobody listens there now
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer, None))
                both.create_task(self._pump(far_reader, writer, self._down))
        finally:
            self._writers -= {writer, far_writer}

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(self._target)
        target = urlsplit(self._target)
        return await asyncio.open_connection(target.hostname, target.port)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if gate is not None:
                    await gate.wait()
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def relay_to(target: str | Path) -> AsyncIterator[Relay]:
    """`target`: an address with http, or the path of a socket in the file system."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.address = server.sockets[0].getsockname()[:2]
    try:
        yield relay
    finally:
        relay.let_go()
        relay.cut()
        server.close()
