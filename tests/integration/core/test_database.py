"""Transactions and looks: what is committed when, and what becomes of connections that the server has ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import Database, SessionDep, driver_connection


@pytest.fixture
async def notes(database: Database) -> Database:
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE note (body text)"))
    return database


async def count(database: Database) -> int:
    async with database.look() as session:
        return int(await (await driver_connection(session)).fetchval("SELECT count(*) FROM note"))


async def test_an_answer_goes_out_after_the_commit(notes: Database) -> None:
    seen: list[int] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = notes
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/")
    async def write(session: SessionDep) -> None:
        await session.execute(text("INSERT INTO note VALUES ('kept')"))

    async def counting(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        async def look(message: dict) -> None:  # type: ignore[type-arg]
            if message["type"] == "http.response.start":
                seen.append(await count(notes))
            await send(message)  # type: ignore[operator]

        await app(scope, receive, look)  # type: ignore[arg-type]

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(counting)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/")).status_code == 200
    assert seen == [1]


async def test_driver_statements_are_undone_with_their_transaction(notes: Database) -> None:
    async def write_and_fail() -> None:
        async with notes.transaction() as session:
            await (await driver_connection(session)).execute("INSERT INTO note VALUES ('gone')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    assert await count(notes) == 0


async def test_a_look_holds_no_transaction_and_leaves_the_next_one_its_own(notes: Database) -> None:
    async with notes.look() as session:
        connection = await driver_connection(session)
        assert not connection.is_in_transaction()
        async with notes.transaction() as writing:
            await (await driver_connection(writing)).execute("INSERT INTO note VALUES ('seen at once')")
        assert await connection.fetchval("SELECT count(*) FROM note") == 1
    async with notes.transaction() as session:
        assert (await driver_connection(session)).is_in_transaction()


async def test_connections_that_the_server_ended_are_not_handed_out(notes: Database) -> None:
    for _ in range(3):
        await count(notes)
    killer = await asyncpg.connect(notes.url.replace("postgresql+asyncpg", "postgresql"))
    ended = await killer.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'tests'"
    )
    await killer.close()
    assert ended
    async with notes.transaction() as session:
        await (await driver_connection(session)).execute("INSERT INTO note VALUES ('after')")
    assert await count(notes) == 1
