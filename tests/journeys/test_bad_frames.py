"""Raw bytes on the sockets of a real server: each mistake gets its close code, and the others are served on."""

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
from tests.raw_socket import BINARY, CLOSE, PING, TEXT, RawSocket, cut_all


@pytest.fixture(autouse=True)
async def no_socket_left_open() -> AsyncIterator[None]:
    yield
    cut_all()


class Scene:
    def __init__(self, url: str, town: Town, http: httpx.AsyncClient, token: str, visitor_token: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.town, self.http, self.token, self.visitor_token = town, http, token, visitor_token

    async def agent(self) -> RawSocket:
        socket, status = await RawSocket.open(self.port, "/v1/socket")
        assert status == 101
        socket.say(type="authenticate", token=self.token)
        await socket.until("hello")
        return socket

    async def visitor(self) -> RawSocket:
        socket, status = await RawSocket.open(self.port, f"/v1/widget/socket?key={self.town.public_key}")
        assert status == 101
        socket.say(type="authenticate", token=self.visitor_token)
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
                tokens = await log_in(http, "ada"), await begin_visitor(http, town.public_key)
                yield Scene(served.url, town, http, *tokens)
            assert [
                line for line in served.log_text().splitlines() if '"level": "error"' in line or "Traceback" in line
            ] == []


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


def ping_too_long(socket: RawSocket) -> None:
    socket.write(PING, b"x" * 126)


def close_too_long(socket: RawSocket) -> None:
    socket.write(CLOSE, b"\x03\xe8" + b"x" * 124)


def close_without_a_code(socket: RawSocket) -> None:
    socket.write(CLOSE, b"\x03")


def close_with_a_code_of_nobody(socket: RawSocket) -> None:
    socket.write(CLOSE, struct.pack("!H", 1005))


def reserved_bits(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":"ping"}', reserved=0x40)


def nothing_to_continue(socket: RawSocket) -> None:
    socket.write(0, b"rest")


def a_second_beginning(socket: RawSocket) -> None:
    socket.write(TEXT, b'{"type":', final=False)
    socket.write(TEXT, b'{"type":"ping"}')


def length_beyond_all(socket: RawSocket) -> None:
    socket.write_bytes(b"\x81\xff" + b"\xff" * 8 + b"\0" * 4)


def parts_without_end(socket: RawSocket) -> None:
    socket.write(TEXT, b"", final=False)
    for _ in range(1_100):
        socket.write(0, b"", final=False)


def too_fast(socket: RawSocket) -> None:
    for _ in range(100):
        socket.say(type="authenticate", token="again")  # once is enough, and costs the server nothing


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


@pytest.mark.parametrize("who", ["agent", "visitor"])
@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        (bad_utf8, 1007),
        (unmasked, 1002),
        (too_large, 1009),
        (too_large_in_parts, 1009),
        (ping_in_parts, 1002),
        (no_such_opcode, 1002),
        (ping_too_long, 1002),
        (close_too_long, 1002),
        (close_without_a_code, 1002),
        (close_with_a_code_of_nobody, 1002),
        (reserved_bits, 1002),
        (nothing_to_continue, 1002),
        (a_second_beginning, 1002),
        (length_beyond_all, 1009),
        (parts_without_end, 1009),
        (too_fast, 4429),
        (binary, 4400),
        (no_json, 4400),
        (deep_json, 4400),
        (unknown_type, 4400),
        (half_a_pair, 4400),
        (far_position, 4400),
    ],
)
async def test_a_broken_frame_gets_its_close_code_and_harms_nobody_else(
    scene: Scene, mistake: Any, code: int, who: str
) -> None:
    neighbour, socket = await scene.agent(), await getattr(scene, who)()
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
