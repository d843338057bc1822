"""What SIGTERM does to real processes: nobody is cut off without a word, nothing is held longer than it must be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import websockets
from sqlalchemy import text

from app.core.database import Database
from app.ops.socket_client import websocket_url
from app.ops.supervisor import Child
from tests.conftest import fresh_clone
from tests.journeys.processes import Served, processes
from tests.journeys.town import Town, begin_visitor, found, log_in
from tests.protocol import JudgedConnection

SOCKETS = 12
PATIENCE_SECONDS = 30


@pytest.fixture
async def served(postgres: str, template_database: str, tmp_path: Path) -> AsyncIterator[tuple[Served, Town, Database]]:
    async with fresh_clone(postgres, template_database) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        town = await found(database)
        with processes(database_url, tmp_path, kind=Child) as running:
            yield running, town, database
        await database.close()


async def ended(served: Served, name: str) -> int:
    process = (served.api if name == "api" else served.worker).process
    assert process is not None
    return await asyncio.to_thread(process.wait, PATIENCE_SECONDS)


async def last_words(socket: websockets.ClientConnection) -> tuple[int | None, dict[str, object]]:
    frame: dict[str, object] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(websockets.ConnectionClosed):
            while True:
                frame = json.loads(await socket.recv())
    return socket.close_code, frame


async def test_an_api_that_ends_says_goodbye_to_all_and_finishes_what_it_began(
    served: tuple[Served, Town, Database],
) -> None:
    running, town, database = served
    running.api.start()
    await running.ready()
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE_SECONDS) as http:
        agent, visitor = await log_in(http, "bo"), await begin_visitor(http, town.public_key)
        sockets = []
        for number in range(SOCKETS):
            path = f"/v1/widget/socket?key={town.public_key}" if number % 3 == 0 else "/v1/socket"
            socket = await websockets.connect(websocket_url(running.url, path), create_connection=JudgedConnection)
            await socket.send(json.dumps({"type": "authenticate", "token": agent if number % 3 else visitor}))
            assert json.loads(await socket.recv())["type"] == "hello"
            if number % 2:
                await socket.send(json.dumps({"type": "subscribe", "after": None}))
            sockets.append(socket)
        async with database.transaction() as session:
            # Whoever renames the team has to wait for this lock, and so is in the middle when the end comes.
            await session.execute(text("SELECT 1 FROM team WHERE id = :id FOR UPDATE"), {"id": town.teams["Service"]})
            renaming = asyncio.create_task(rename(http, town))
            await waits_for_a_lock(database)
            assert running.api.process is not None
            running.api.process.terminate()
            words = await asyncio.gather(*(last_words(socket) for socket in sockets))
        assert (await renaming).status_code == 200
    assert await ended(running, "api") in (0, -15)
    assert [(code, word.get("type"), word.get("reason")) for code, word in words] == [
        (1012, "bye", "shutting_down")
    ] * SOCKETS
    delays = [word["retry_after_ms"] for _, word in words]
    assert len(set(delays)) > SOCKETS // 2, "they would all come back at once"
    assert [line for line in running.log_text().splitlines() if '"level": "error"' in line] == []
    assert "Traceback" not in running.log_text()


async def rename(http: httpx.AsyncClient, town: Town) -> httpx.Response:
    admin = await log_in(http, "root")
    return await http.patch(
        f"/v1/teams/{town.teams['Service']}", json={"name": "Care"}, headers={"Authorization": f"Bearer {admin}"}
    )


async def waits_for_a_lock(database: Database) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.transaction() as session:
                statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                if (await session.execute(text(statement))).scalar_one() > 0:
                    return
            await asyncio.sleep(0.05)  # PostgreSQL tells nobody that somebody waits


async def test_a_worker_that_ends_gives_its_role_up_at_once(served: tuple[Served, Town, Database]) -> None:
    running, _, database = served
    running.worker.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await owner_state(database) != "held":
            await asyncio.sleep(0.05)  # the role is taken in another process
    assert running.worker.process is not None
    running.worker.process.terminate()
    assert await ended(running, "worker") == 0
    assert await owner_state(database) == "given up"
    assert [line for line in running.log_text().splitlines() if '"level": "error"' in line] == []
    assert "Traceback" not in running.log_text()


async def owner_state(database: Database) -> str:
    """A lease lasts four seconds: one that is over right after the holder's end was given up, it did not run out."""
    async with database.transaction() as session:
        row = (
            await session.execute(
                text("SELECT expires_at < clock_timestamp() AS over FROM owner WHERE name = 'router'")
            )
        ).one_or_none()
        return "free" if row is None else "given up" if row.over else "held"
