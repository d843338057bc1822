"""A socket client of our own: it answers only pings, parses only frame heads, and so can hold thousands."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

PING, PONG = 0x9, 0xA
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER under which a close is a reset."""
ONE_BYTE_LENGTH, TWO_BYTE_LENGTH = 126, 127


class SocketConnection(asyncio.Protocol):
    """`on_frame` gets each text frame's bytes, `on_close` is told once of the end of an upgraded line."""

    def __init__(
        self,
        path: str,
        on_frame: Callable[["SocketConnection", bytes], None],
        on_close: Callable[["SocketConnection"], None],
    ) -> None:
        self._path = path
        self._on_frame = on_frame
        self._on_close = on_close
        self._buffer = bytearray()
        self._upgraded = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self.closed = False

    @classmethod
    async def open(
        cls,
        address: tuple[str, int],
        path: str,
        on_frame: Callable[["SocketConnection", bytes], None],
        on_close: Callable[["SocketConnection"], None] = lambda _: None,
    ) -> "SocketConnection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(path, on_frame, on_close), *address)
        await connection._upgraded
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self._upgraded.done():
            self._upgraded.set_exception(error or ConnectionResetError("refused"))
        elif not self._upgraded.exception():
            self._on_close(self)

    def stop_reading(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._upgraded.set_exception(ConnectionRefusedError(bytes(self._buffer[:end]).decode()))
                return
            del self._buffer[: end + 4]
            self._upgraded.set_result(None)
        self._take_frames()

    def _take_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == ONE_BYTE_LENGTH:
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif length == TWO_BYTE_LENGTH:
                length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + length:
                break
            if buffer[at] & 0x0F == 1:
                self._on_frame(self, bytes(buffer[start : start + length]))
            elif buffer[at] & 0x0F == PING and self._transport is not None:
                self._transport.write(
                    bytes([0x80 | PONG, 0x80 | length]) + b"\0\0\0\0" + buffer[start : start + length]
                )
            at = start + length
        del buffer[:at]

    def send(self, document: dict[str, Any]) -> None:
        """A masked text frame; a mask of zeros masks as well as any here."""
        assert self._transport is not None
        payload = json.dumps(document).encode()
        head = bytes([0x81, 0x80 | len(payload)]) if len(payload) < ONE_BYTE_LENGTH else _long_head(payload)
        self._transport.write(head + b"\0\0\0\0" + payload)

    def reset(self) -> None:
        """The other end sees a reset, as when a cable is cut and the machine answers for nobody."""
        assert self._transport is not None
        line = self._transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _long_head(payload: bytes) -> bytes:
    return bytes([0x81, 0x80 | ONE_BYTE_LENGTH]) + len(payload).to_bytes(2, "big")


async def subscribe(
    address: tuple[str, int],
    token: str,
    after: str | None,
    on_event: Callable[[bytes], None],
    on_pong: Callable[[], None] = lambda: None,
) -> SocketConnection:
    """An agent's socket that is live when this returns. `on_event` gets event frames as they came."""
    live = asyncio.get_running_loop().create_future()

    def on_frame(_: SocketConnection, frame: bytes) -> None:
        if frame.startswith(b'{"type":"event"'):
            on_event(frame)
        elif frame.startswith(b'{"type":"pong"'):
            on_pong()
        elif frame.startswith((b'{"type":"caught_up"', b'{"type":"snapshot"')) and not live.done():
            live.set_result(None)
        elif frame.startswith((b'{"type":"bye"', b'{"type":"resync')) and not live.done():
            live.set_exception(ConnectionRefusedError(frame.decode()))

    connection = await SocketConnection.open(address, "/v1/socket", on_frame)
    connection.send({"type": "authenticate", "token": token})
    connection.send({"type": "subscribe", "after": after, "board": False})
    await live
    return connection
