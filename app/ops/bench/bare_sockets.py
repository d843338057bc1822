"""The limit of a fan-out: a ready frame written to every transport of a bare uvloop server, and nothing else."""

import asyncio
import base64
import hashlib
import socket
from typing import cast

import uvloop

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TWO_BYTE_LENGTH_FROM = 126
SEND = b"SEND "
"""`SEND <frames> <payload bytes>\\n` on a plain connection: that many frames to every socket."""


class Bare(asyncio.Protocol):
    def __init__(self, sockets: "dict[Bare, asyncio.Transport]") -> None:
        self._sockets = sockets
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sockets.pop(self, None)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if data.startswith(b"GET "):
            key = data.split(b"Sec-WebSocket-Key: ", 1)[1].split(b"\r\n", 1)[0]
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._transport.write(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            self._sockets[self] = self._transport
        elif data.startswith(SEND):
            frames, size = map(int, data.removeprefix(SEND).split())
            self._send_all(frames, ready_frame(size))

    def _send_all(self, frames: int, frame: bytes) -> None:
        for _ in range(frames):
            for transport in self._sockets.values():
                transport.write(frame)


def ready_frame(size: int) -> bytes:
    """A text frame as large as the events it stands for."""
    head = bytes([0x81, size]) if size < TWO_BYTE_LENGTH_FROM else bytes([0x81, 126]) + size.to_bytes(2, "big")
    return head + b"x" * size


def main(listen_fd: int) -> None:
    uvloop.run(_serve(listen_fd))


async def _serve(listen_fd: int) -> None:
    sockets: dict[Bare, asyncio.Transport] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Bare(sockets), sock=socket.socket(fileno=listen_fd))
    async with server:
        await server.serve_forever()
