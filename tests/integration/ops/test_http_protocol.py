"""Bytes that a server must bear: requests with two meanings, slow and endless ones, crowds, and its own end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request, WebSocket

from app.core.http import BODY_LIMIT_BYTES, Manners, install_error_handlers
from app.ops import http_protocol
from tests.integration.ops.raw_http import Served, served

HOST = b"Host: here\r\n"
END = b"\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
QUICK_SECONDS = 0.2


def make_app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    app.state.seen = []

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        body = await request.body()
        request.app.state.seen.append(body)
        return {"size": len(body)}

    @app.post("/unread")
    async def unread() -> dict[str, str]:
        return {"said": "at once"}

    @app.get("/{path:path}")
    async def anywhere(path: str) -> dict[str, str]:
        return {"path": path}

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive()

    app.add_middleware(Manners)
    return app


APP = make_app()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Served]:
    async with served(APP) as opened:
        yield opened


POST = b"POST /echo HTTP/1.1\r\n" + HOST
TWO_MEANINGS = {
    "two lengths": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of lengths": POST + b"Content-Length: 4, 5\r\n\r\nabcde",
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "signed length": POST + b"Content-Length: +4\r\n\r\nabcd",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabcd",
    "length in letters": POST + b"Content-Length: 0x4\r\n\r\nabcd",
    "chunked in other words": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunk size beyond all": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nab",
    "chunk size in no digits": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab",
    "chunk longer than told": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "folded header": POST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "folded length": POST + b"Content-Length:\r\n 4\r\n\r\nabcd",
    "bare LF": b"POST /echo HTTP/1.1\nHost: here\nContent-Length: 0\n\n",
    "bare CR in a header": POST + b"X-A: b\rTransfer-Encoding: chunked\r\n\r\n",
    "NUL in a header": POST + b"X-A: b\0c\r\n\r\n",
    "space before the colon": POST + b"Content-Length : 4\r\n\r\nabcd",
    "header without a name": POST + b": b\r\n\r\n",
    "two hosts": POST + HOST + b"Content-Length: 0\r\n\r\n",
    "no host": b"POST /echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "NUL in the address": b"GET /a\0b HTTP/1.1\r\n" + HOST + END,
    "bytes in the address": b"GET /a\xff HTTP/1.1\r\n" + HOST + END,
    "space in the address": b"GET /a b HTTP/1.1\r\n" + HOST + END,
    "no address": b"GET HTTP/1.1\r\n" + HOST + END,
    "no such version": b"GET / HTTP/9.9\r\n" + HOST + END,
    "no such method": b"FLY / HTTP/1.1\r\n" + HOST + END,
    "a tunnel": b"CONNECT here:443 HTTP/1.1\r\n" + HOST + END,
    "the older HTTP/0.9": b"GET /\r\n" + END,
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\0" * 200,
}


@pytest.mark.parametrize("what", TWO_MEANINGS)
async def test_what_could_be_read_in_two_ways_is_refused_and_never_reaches_the_application(
    server: Served, what: str
) -> None:
    APP.state.seen.clear()
    line = await server.line()
    line.send(TWO_MEANINGS[what])
    answer = await line.answer()
    assert (answer.status, answer.code) == (400, "not_http")
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert await line.is_ended()
    assert APP.state.seen == []


async def test_what_follows_a_refused_request_is_not_read(server: Served) -> None:
    line = await server.line()
    line.send(TWO_MEANINGS["length and chunks"], b"GET /smuggled HTTP/1.1\r\n", HOST, END)
    assert (await line.answer()).status == 400
    assert await line.is_ended()


async def test_an_address_with_another_host_in_it_is_only_its_path(server: Served) -> None:
    answer = await server.ask(b"GET http://elsewhere/asked HTTP/1.1\r\n", HOST, END)
    assert (answer.status, answer.body) == (200, b'{"path":"asked"}')


async def test_a_head_over_the_limit_is_431(server: Served) -> None:
    for head in (b"X-A: " + b"x" * 70_000, b"\r\n".join(b"X-%d: y" % number for number in range(200))):
        answer = await server.ask(b"GET / HTTP/1.1\r\n", HOST, head, END, END)
        assert (answer.status, answer.code) == (431, "head_too_large")
    address = b"/" + b"a" * 70_000
    assert (await server.ask(b"GET " + address + b" HTTP/1.1\r\n", HOST, END)).status == 431


async def test_a_body_over_the_limit_is_413_told_or_not(server: Served) -> None:
    told = await server.ask(POST, b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT_BYTES + 1))
    assert (told.status, told.code) == (413, "body_too_large")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    untold = await server.ask(POST, b"Transfer-Encoding: chunked\r\n\r\n", chunk * 5, b"0\r\n\r\n")
    assert (untold.status, untold.code) == (413, "body_too_large")


async def test_who_goes_on_sending_after_the_answer_is_cut_off(server: Served) -> None:
    line = await server.line()
    line.send(b"POST /unread HTTP/1.1\r\n", HOST, b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")
    assert (await line.answer()).status == 200
    with pytest.raises(ConnectionError):
        await line.send_for_ever(b"10000\r\n" + b"x" * 0x10000 + END)


async def test_a_head_that_does_not_come_is_408(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", QUICK_SECONDS)
    silent, slow, second = await server.line(), await server.line(), await server.line()
    slow.send(b"GET / HTT")
    second.send(b"GET / HTTP/1.1\r\n", HOST, END)
    assert (await second.answer()).status == 200
    second.send(END)
    for line in (silent, slow, second):
        answer = await line.answer()
        assert (answer.status, answer.code) == (408, "head_too_slow")
        assert await line.is_ended()


async def test_a_body_that_only_drips_is_408(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_WINDOW_SECONDS", QUICK_SECONDS)
    line = await server.line()
    line.send(POST, b"Content-Length: 1000\r\n\r\n", b"a byte")
    answer = await line.answer()
    assert (answer.status, answer.code) == (408, "body_too_slow")
    assert await line.is_ended()


async def test_a_body_that_comes_fast_enough_is_taken(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_WINDOW_SECONDS", QUICK_SECONDS)
    monkeypatch.setattr(http_protocol, "BODY_LEAST_BYTES", 1)
    line = await server.line()
    line.send(POST, b"Content-Length: 20\r\n\r\n")
    for _ in range(20):
        line.send(b"x")
        await asyncio.sleep(QUICK_SECONDS / 10)  # the pace itself is what is tested
    assert (await line.answer()).body == b'{"size":20}'


async def test_a_body_may_not_take_for_ever_however_steady(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "BODY_WINDOW_SECONDS", QUICK_SECONDS)
    monkeypatch.setattr(http_protocol, "BODY_LEAST_BYTES", 0)
    monkeypatch.setattr(http_protocol, "BODY_MAX_SECONDS", QUICK_SECONDS)
    assert (await server.ask(POST, b"Content-Length: 40\r\n\r\nx")).code == "body_too_slow"


async def test_requests_one_after_the_other_on_one_line_are_answered_in_order(server: Served) -> None:
    line = await server.line()
    for name in (b"first", b"second", b"third"):
        line.send(b"GET /", name, b" HTTP/1.1\r\n", HOST, END)
    for name in (b"first", b"second", b"third"):
        assert (await line.answer()).body == b'{"path":"' + name + b'"}'


async def test_a_crowd_of_one_address_stays_outside_and_those_inside_are_served() -> None:
    async with served(make_app(), limit=3) as opened:
        inside = [await opened.line() for _ in range(3)]
        inside[0].send(b"GET /socket HTTP/1.1\r\n", HOST, UPGRADE, END)
        assert (await inside[0].answer()).status == 101
        outside = await opened.line()
        answer = await outside.answer()
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "too_many_connections", "5")
        inside[1].send(b"GET / HTTP/1.1\r\n", HOST, END)
        assert (await inside[1].answer()).status == 200
        for line in inside[:2]:  # a socket, and a plain connection: both give their place back
            line.cut()
        inside[2].send(b"GET / HTTP/1.1\r\n", HOST, b"Connection: close\r\n", END)
        assert (await inside[2].answer()).status == 200
        assert await inside[2].is_ended()
        assert (await opened.ask(b"GET / HTTP/1.1\r\n", HOST, END)).status == 200


async def test_a_socket_that_comes_while_the_server_ends_is_sent_elsewhere() -> None:
    async with served(APP) as opened:
        line = await opened.line()
        line.send(b"GET / HTTP/1.1\r\n", HOST, END)
        assert (await line.answer()).status == 200
        opened.doors.is_draining = True
        line.send(b"GET /socket HTTP/1.1\r\n", HOST, UPGRADE, END)
        answer = await line.answer()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "shutting_down", "2")
