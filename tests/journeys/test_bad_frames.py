"""Raw bytes on the sockets of a real server: each mistake gets its close code, and the others are served on."""

import asyncio
import json
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.database import Database
from tests.conftest import fresh_clone
from tests.journeys.processes import processes
from tests.journeys.town import Town, begin_visitor, found, log_in, write
from tests.protocol import Line

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
PATIENCE_SECONDS = 20


class RawSocket:
    """A WebSocket without a library between: it sends whatever bytes a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        self._reader, self._writer = reader, writer
        self._line = Line(path, strict=False)

    @classmethod
    async def open(cls, port: int, path: str, *headers: str) -> tuple["RawSocket", int]:
        """The socket and the handshake's status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(cls(reader, writer, path))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers]  # fmt: skip
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        return opened[-1], int(head.split()[1])

    def write(self, opcode: int, payload: bytes, *, final: bool = True, masked: bool = True) -> None:
        length = len(payload)
        size = bytes([length]) if length < 126 else struct.pack("!BH", 126, length) if length < 65_536 else b""
        size = size or struct.pack("!BQ", 127, length)
        head = bytes([(128 if final else 0) | opcode, size[0] | (128 if masked else 0)]) + size[1:]
        mask = os.urandom(4) if masked else b""
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)) if masked else payload
        self._writer.write(head + mask + body)

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

    def hang_up(self, last: bytes = b"") -> None:
        self._writer.write(last)
        self._writer.transport.abort()


opened: list[RawSocket] = []


@pytest.fixture(autouse=True)
async def no_socket_left_open() -> AsyncIterator[None]:
    yield
    while opened:
        opened.pop().hang_up()


class Scene:
    def __init__(self, url: str, town: Town, http: httpx.AsyncClient, token: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.town, self.http, self.token = town, http, token

    async def agent(self) -> RawSocket:
        socket, status = await RawSocket.open(self.port, "/v1/socket")
        assert status == 101
        socket.say(type="authenticate", token=self.token)
        await socket.until("hello")
        return socket


@pytest.fixture(scope="module")
async def scene(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("bad_frames")
    async with fresh_clone(postgres, template_database) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        town = await found(database)
        await database.close()
        with processes(database_url, folder) as served:
            served.api.start()
            await served.ready()
            async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
                yield Scene(served.url, town, http, await log_in(http, "ada"))
            # uvicorn has its own words, with a traceback, about bytes that are no UTF-8.
            log = [line for line in served.log_text().splitlines() if "Invalid UTF-8" not in line]
            assert [line for line in log if '"level": "error"' in line or "Traceback" in line] == []


def bad_utf8(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"\xff\xfe"}')


def unmasked(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"ping"}', masked=False)


def too_large(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"' + b"x" * 70_000 + b'"}')


def too_large_in_parts(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"' + b"x" * 40_000, final=False)
    socket.write(0, b"x" * 40_000 + b'"}')


def ping_in_parts(socket: RawSocket) -> None:
    socket.write(PING, b"half", final=False)


def binary(socket: RawSocket) -> None:
    socket.write(BINARY, b'{"type":"ping"}')


def no_such_opcode(socket: RawSocket) -> None:
    socket.write(11, b"")


def no_json(socket: RawSocket) -> None:
    socket.write(TEXT, b"hello")


def deep_json(socket: RawSocket) -> None:
    socket.write(TEXT, b"[" * 60_000)


def unknown_type(socket: RawSocket) -> None:
    socket.say(type="fly")


def half_a_pair(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"command","id":"\\ud800","name":"x"}')


def far_position(socket: RawSocket) -> None:
    socket.say(type="subscribe", after="9" * 30 + "-1")


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (bad_utf8, 1007),
        (unmasked, 1002),
        (too_large, 1009),
        (too_large_in_parts, 1009),
        (ping_in_parts, 1002),
        (no_such_opcode, 1002),
        (binary, 4400),
        (no_json, 4400),
        (deep_json, 4400),
        (unknown_type, 4400),
        (half_a_pair, 4400),
        (far_position, 4400),
    ],
)
async def test_a_broken_frame_gets_its_close_code_and_harms_nobody_else(scene: Scene, mistake: Any, code: int) -> None:
    neighbour, socket = await scene.agent(), await scene.agent()
    mistake(socket)
    assert await socket.close_code() == code
    neighbour.say(type="ping")
    assert (await neighbour.until("pong"))["server_time"]
    neighbour.write(CLOSE, struct.pack("!H", 1000))
    assert await neighbour.close_code() == 1000


async def test_who_hangs_up_in_the_middle_of_a_frame_leaves_nothing_behind(scene: Scene) -> None:
    for bytes_sent in (b"", b"\x81", b"\x81\xfe\xff\xff", b"\x81\x8f\0\0\0\0{"):
        socket = await scene.agent()
        socket.hang_up(bytes_sent)
    neighbour = await scene.agent()
    neighbour.say(type="ping")
    await neighbour.until("pong")


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/v1/widget/socket", "X-A: b", 403),
        ("/v1/widget/socket?key=%00", "X-A: b", 403),
        ("/v1/widget/socket?key=%ff", "X-A: b", 403),
        ("/v1/widget/socket?key=nobody", "X-A: b", 403),
        ("/v1/widget/socket?key=KEY", "Origin: https://evil.example", 403),
        ("/v1/widget/socket?key=KEY", "Origin: http://[", 403),
        ("/v1/widget/socket?key=KEY", "Origin: \xff", 403),
        ("/v1/socket", "Cookie: switchboard_session=x\r\nOrigin: https://evil.example", 403),
        ("/v1/socket", "Cookie: switchboard_session=x\r\nOrigin: http://[", 403),
        ("/v1/nowhere", "X-A: b", 403),
    ],
)
async def test_a_handshake_that_may_not_be_is_refused(scene: Scene, path: str, header: str, status: int) -> None:
    _, given = await RawSocket.open(scene.port, path.replace("KEY", scene.town.public_key), header)
    assert given == status


@pytest.mark.parametrize("token", ["sbs_nobody", "sbk_nobody", "\0", "😀", "x" * 4_000])
async def test_an_unknown_token_is_4401(scene: Scene, token: str) -> None:
    for path in ("/v1/socket", f"/v1/widget/socket?key={scene.town.public_key}"):
        socket, _ = await RawSocket.open(scene.port, path)
        socket.say(type="authenticate", token=token)
        assert (await socket.until("bye"))["reason"] == "session_ended"
        assert await socket.close_code() == 4401


async def test_a_key_without_the_scope_is_4403(scene: Scene) -> None:
    socket, _ = await RawSocket.open(scene.port, "/v1/socket")
    socket.say(type="authenticate", token=scene.town.key_token)
    assert await socket.close_code() == 4403


async def test_bad_commands_are_problems_and_the_socket_lives(scene: Scene) -> None:
    visitor = await begin_visitor(scene.http, scene.town.public_key)
    theirs = (await write(scene.http, visitor, "hello", client_id="1"))["conversation_id"]
    socket = await scene.agent()
    for number, (name, data, status) in enumerate(
        (
            ("fly", {}, 422),
            ("\0", {}, 422),
            ("message.send", {"conversation_id": theirs, "client_id": "c", "body": "psst"}, 404),
            ("note.add", {"conversation_id": theirs, "client_id": "c", "body": "psst"}, 404),
            ("conversation.read", {"conversation_id": theirs, "sequence": 1}, 404),
            ("typing", {"conversation_id": theirs, "on": True}, 404),
            ("message.send", {"conversation_id": theirs, "client_id": "\0", "body": "x"}, 422),
            ("message.send", {"conversation_id": theirs, "client_id": "c", "body": "x" * 60_000}, 422),
            ("conversation.read", {"conversation_id": theirs, "sequence": 2**63}, 422),
            ("conversation.read", {"conversation_id": "x", "sequence": 1}, 422),
            ("presence.set", {"readiness": "ready", "reason": "\0"}, 422),
            ("presence.set", {"readiness": "asleep"}, 422),
            ("offer.accept", {"offer_id": theirs, "token": "x"}, 404),
            ("offer.accept", {"offer_id": theirs, "token": "\0"}, 422),
            ("offer.decline", {"offer_id": theirs, "token": "x", "reason": "\0"}, 422),
        )
    ):
        socket.say(type="command", id=str(number), name=name, key=f"k{number}", data=data)
        result = await socket.until("result")
        assert (result["id"], result["ok"]) == (str(number), False), name
        assert result["problem"]["status"] == status, result
        assert result["problem"]["code"], result
