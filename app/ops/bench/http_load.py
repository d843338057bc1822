"""A load client of our own: requests written beforehand, one connection each, nothing parsed that is not needed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from app.ops.bench.measuring import now

ADDRESSES = 64
"""Loopback has many addresses: connections from different ones meet the limits by address as strangers would."""


class HttpConnection(asyncio.Protocol):
    """Keep-alive, one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, host: str, port: int, *, number: int = 0) -> "HttpConnection":
        loop = asyncio.get_running_loop()
        own = (f"127.0.1.{1 + number % ADDRESSES}", 0)
        _, connection = await loop.create_connection(cls, host, port, local_addr=own)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start:].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 : end + 4 + length], b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """(status, body). Raises ConnectionError when the server hangs up."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def request(method: str, path: str, *, token: str = "", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json"] if body else []
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Outcome:
    """What a load had for answers: seconds of the good ones, the others by status."""

    seconds: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    took_seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took_seconds

    def count(self, status: int, took: float) -> None:
        if 200 <= status < 300:
            self.seconds.append(took)
        else:
            self.refused[status] = self.refused.get(status, 0) + 1


class HttpLoad:
    """Some connections to one server, opened anew for each round: idle ones the server closes."""

    def __init__(self, address: tuple[str, int], connections: int) -> None:
        self._address = address
        self._number = connections

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[list[HttpConnection]]:
        opened = [await HttpConnection.open(*self._address, number=number) for number in range(self._number)]
        try:
            yield opened
        finally:
            for connection in opened:
                connection.close()

    async def closed_loop(self, make: Callable[[], bytes], seconds: float) -> Outcome:
        """Each connection sends its next request when the last was answered: for throughput."""
        outcome, started = Outcome(), now()

        async def drive(connection: HttpConnection) -> None:
            while (begun := now()) < started + seconds:
                status, _ = await connection.ask(make())
                outcome.count(status, now() - begun)

        async with self._connected() as connections:
            started = now()
            await asyncio.gather(*(drive(connection) for connection in connections))
        outcome.took_seconds = now() - started
        return outcome

    async def open_loop(self, make: Callable[[float], bytes], rate: float, seconds: float) -> Outcome:
        """Requests at fixed times, whatever the answers do: for latency. `make` learns the scheduled time."""
        outcome = Outcome()
        free: asyncio.Queue[HttpConnection] = asyncio.Queue()

        async def send(due: float) -> None:
            connection = await free.get()
            status, _ = await connection.ask(make(due))
            outcome.count(status, now() - due)
            free.put_nowait(connection)

        async with self._connected() as connections:
            for connection in connections:
                free.put_nowait(connection)
            started = now()
            async with asyncio.TaskGroup() as sending:
                for number in range(int(rate * seconds)):
                    due = started + number / rate
                    if (wait := due - now()) > 0:
                        await asyncio.sleep(wait)
                    sending.create_task(send(due))
        outcome.took_seconds = now() - started
        return outcome
