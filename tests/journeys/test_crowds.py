"""A thousand lines of one address that say nothing, too much, or half of it, beside an agent at work."""

import asyncio
from pathlib import Path

import httpx

from app.core.database import Database
from app.ops.socket_client import ResumingSocket, websocket_url
from tests.journeys.processes import processes
from tests.journeys.town import begin_visitor, found, log_in, write

CROWD = 1_000
PLACES = 200
PATIENCE_SECONDS = 60
HALF_A_HEAD = b"GET /v1/socket HTTP/1.1\r\nHost: here\r\nX-A: "


async def test_a_thousand_strangers_of_one_address_cost_a_working_agent_nothing(
    database_url: str, tmp_path: Path
) -> None:
    database = Database(database_url, application_name="journey", pool_size=2)
    town = await found(database)
    await database.close()
    with processes(database_url, tmp_path, SWITCHBOARD_CONNECTIONS_PER_ADDRESS=str(PLACES)) as served:
        served.api.start()
        served.worker.start()
        await served.ready()
        port = int(served.url.rpartition(":")[2])
        async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE_SECONDS) as http:
            agent, visitor = await log_in(http, "bo"), await begin_visitor(http, town.public_key)
            async with ResumingSocket(websocket_url(served.url, "/v1/socket"), agent) as socket:
                await socket.live(PATIENCE_SECONDS)
                await socket.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)
                crowd = await asyncio.gather(*(stand_in_the_door(port, number) for number in range(CROWD)))
                await write(http, visitor, "hello", client_id="1")
                offer = await socket.wait_for(lambda: next(iter(socket.open_offers()), None), PATIENCE_SECONDS)
                data = {"offer_id": offer["id"], "token": offer["token"]}
                await socket.command("offer.accept", data, timeout=PATIENCE_SECONDS)  # raises when it is refused
                told = [await first_words(reader) for reader, _ in crowd[::10]]
                for _, writer in crowd:
                    writer.transport.abort()
                assert sum(words.startswith(b"HTTP/1.1 429") for words in told) >= (CROWD - PLACES) / 10 - 2
                assert {words[9:12] for words in told} <= {b"429", b"408"}
            # They are gone, and so is what they took.
            assert (await http.get("/healthz")).status_code == 200
        assert "Traceback" not in served.log_text()


async def stand_in_the_door(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((b"", HALF_A_HEAD)[number % 2])
    return reader, writer


async def first_words(reader: asyncio.StreamReader) -> bytes:
    """Of the answer that ends it: the door is full, or the head came too late."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await reader.read(12)
