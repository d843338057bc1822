"""What a peer of a WebSocket can make the server keep: no pongs it does not read, and no place once it is gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from tests.integration.ops.raw_http import PATIENCE_SECONDS, Served, served
from tests.raw_socket import TEXT, RawSocket, cut_all

MASKED_PING = b"\x89\xfd\0\0\0\0" + b"x" * 125
PINGS_AT_ONCE = 8_000
FLOOD_BYTES = 10 * 1024 * 1024
"""More than the buffers of both systems hold."""
KEPT_BYTES = 1024 * 1024


def make_app(ended: asyncio.Event) -> FastAPI:
    app = FastAPI()

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            ended.set()

    return app


@pytest.fixture
def ended() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def server(ended: asyncio.Event) -> AsyncIterator[Served]:
    async with served(make_app(ended), ws_ping_interval=0.1, ws_ping_timeout=0.2) as opened:
        yield opened
        cut_all()


async def test_who_never_answers_a_ping_is_taken_for_gone(server: Served, ended: asyncio.Event) -> None:
    socket, _ = await RawSocket.open(server.port, "/socket")
    assert await socket.close_code() == 1011
    async with asyncio.timeout(PATIENCE_SECONDS):
        await ended.wait()


async def test_who_sends_pings_and_never_reads_gets_no_heap_of_pongs(ended: asyncio.Event) -> None:
    async with served(make_app(ended), ws_ping_interval=None) as opened:
        flooding, _ = await RawSocket.open(opened.port, "/socket", receive_bytes=4_096)
        for _ in range(FLOOD_BYTES // (PINGS_AT_ONCE * len(MASKED_PING))):
            flooding.write_bytes(MASKED_PING * PINGS_AT_ONCE)
            await flooding.drain()
        kept = max(
            connection.transport.get_write_buffer_size() for connection in opened.server.server_state.connections
        )
        assert kept < KEPT_BYTES
        neighbour, _ = await RawSocket.open(opened.port, "/socket")
        neighbour.write(TEXT, b"still here")
        assert await neighbour.read() == (TEXT, b"still here")
        cut_all()
