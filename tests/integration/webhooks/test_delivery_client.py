"""The connection itself: whose certificate is believed, which addresses are connected to, what an answer may cost."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.webhooks.attempts import Answer
from app.webhooks.delivery_client import ANSWER_LIMIT_BYTES, DeliveryClient
from app.webhooks.destinations import read_allowed
from tests.real_parts import program

LOOPBACK = "localhost, 127.0.0.0/8, ::1"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def post(url: str, *, allowed: str = LOOPBACK) -> Answer:
    client = DeliveryClient(read_allowed(allowed))
    try:
        return await client.post(url, headers={"webhook-id": "1"}, body=b"{}", now=NOW)
    finally:
        await client.close()


@asynccontextmanager
async def serving(handle: Handler, **options: Any) -> AsyncIterator[int]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """For localhost, and the only one that is believed."""
    key, signed = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {signed} -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([program("openssl"), *request.split(), *names], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(signed))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signed, key)
    return context


async def test_the_certificate_must_be_for_the_name_in_the_url(certificate: ssl.SSLContext) -> None:
    async with serving(take, ssl=certificate) as port:
        assert await post(f"https://localhost:{port}/hooks") == Answer(204)
        assert await post(f"https://127.0.0.1:{port}/hooks") == Answer(None, "connect_failed")


async def test_a_certificate_nobody_vouches_for_is_not_believed(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with serving(take, ssl=certificate) as port:
        assert await post(f"https://localhost:{port}/hooks") == Answer(None, "connect_failed")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0"])
async def test_no_way_to_write_this_machine_is_connected_to(host: str) -> None:
    async with serving(take) as port:
        assert await post(f"http://{host}:{port}/", allowed="") == Answer(None, "destination_refused")


async def test_a_name_with_one_address_that_is_not_public_is_refused_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with serving(take) as port:
        assert await post(f"http://hooks.example:{port}/", allowed="") == Answer(None, "destination_refused")
    assert asked == ["hooks.example"]


async def test_a_name_is_looked_up_once_and_the_address_found_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["127.0.0.1", "192.0.2.1"])

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with serving(take) as port:
        assert await post(f"http://hooks.example:{port}/", allowed="127.0.0.1") == Answer(204)
    assert next(answers) == "192.0.2.1", "nobody asked a second time"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
async def test_a_name_nobody_knows_is_a_failure_to_connect(host: str) -> None:
    assert await post(f"https://{host}/") == Answer(None, "connect_failed")


async def test_an_endless_answer_counts_by_its_status_and_costs_only_the_connection() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with serving(talk) as port:
        assert await post(f"http://127.0.0.1:{port}/") == Answer(200)
    assert ANSWER_LIMIT_BYTES < 1024 * 1024


async def test_an_answer_that_trickles_in_counts_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.webhooks.delivery_client.TIMEOUT_SECONDS", 0.3)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")
        await writer.drain()
        await reader.read()

    async with serving(trickle) as port:
        assert await post(f"http://127.0.0.1:{port}/") == Answer(200)


@pytest.mark.parametrize("nonsense", [b"", b"HTTP/1.1 abc\r\n\r\n", b"SSH-2.0-hello\r\n", b"HTTP/1.1 200 OK\r\nx" * 9])
async def test_who_does_not_speak_http_has_failed(nonsense: bytes) -> None:
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense)
        await writer.drain()

    async with serving(say) as port:
        assert await post(f"http://127.0.0.1:{port}/") == Answer(None, "connection_lost")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 22 Nov 2026 00:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 23:59:00 GMT", -60.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("99999999999999", None),
    ],
)
async def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    async def put_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 503 Later\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with serving(put_off) as port:
        assert await post(f"http://127.0.0.1:{port}/") == Answer(503, "http_503", seconds)
