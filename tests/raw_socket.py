"""A WebSocket without a library between: it sends whatever bytes a test wants."""

import asyncio
import json
import os
import socket
import struct
from typing import Any

from tests.protocol import Line

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
PATIENCE_SECONDS = 20


class RawSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        self._reader, self._writer = reader, writer
        self._line = Line(path, strict=False)

    @classmethod
    async def open(cls, port: int, path: str, *headers: str, receive_bytes: int = 0) -> tuple["RawSocket", int]:
        """The socket and the handshake's status. `receive_bytes`: how much the system takes in that nobody reads."""
        connection = socket.create_connection(("127.0.0.1", port))
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        reader, writer = await asyncio.open_connection(sock=connection)
        opened.append(cls(reader, writer, path))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers]  # fmt: skip
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        return opened[-1], int(head.split()[1])

    def write(self, opcode: int, payload: bytes, *, final: bool = True, masked: bool = True, reserved: int = 0) -> None:
        """`reserved`: the three bits for extensions, which nobody has agreed on."""
        length = len(payload)
        size = bytes([length]) if length < 126 else struct.pack("!BH", 126, length) if length < 65_536 else b""
        size = size or struct.pack("!BQ", 127, length)
        head = bytes([(128 if final else 0) | reserved | opcode, size[0] | (128 if masked else 0)]) + size[1:]
        mask = os.urandom(4) if masked else b""
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)) if masked else payload
        self._writer.write(head + mask + body)

    def write_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, **frame: Any) -> None:
        text = json.dumps(frame)
        self._line.says(text)
        self.write(TEXT, text.encode())

    async def read(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, second = await self._reader.readexactly(2)
            length = second & 127
            if length > 125:
                width = {126: 2, 127: 8}[length]
                length = int.from_bytes(await self._reader.readexactly(width), "big")
            return first & 15, await self._reader.readexactly(length)

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            opcode, payload = await self.read()
            assert opcode == TEXT, payload
            self._line.hears(payload)
            frame: dict[str, Any] = json.loads(payload)
            if frame["type"] == kind:
                return frame

    async def close_code(self) -> int:
        """Of the server's close frame; 1006 when it only hung up."""
        try:
            while True:
                opcode, payload = await self.read()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006

    async def drain(self) -> None:
        await self._writer.drain()

    def hang_up(self, last: bytes = b"") -> None:
        self._writer.write(last)
        self._writer.transport.abort()


opened: list[RawSocket] = []
"""Every socket opened and not yet cut."""


def cut_all() -> None:
    while opened:
        opened.pop().hang_up()
