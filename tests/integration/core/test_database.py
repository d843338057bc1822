"""Transactions and looks: what is committed when, and what becomes of connections that the server has ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.core.database import Database, SessionDep, driver_connection

MOST_TURNS = 25
PATIENCE_SECONDS = 10


@pytest.fixture
async def notes(database: Database) -> Database:
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE note (body text)"))
    return database


async def count(database: Database) -> int:
    async with database.autocommit() as session:
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
    async with notes.autocommit() as session:
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


@pytest.mark.parametrize("by_driver", [True, False])
async def test_however_far_a_cancelled_transaction_came_the_next_one_is_committed(
    notes: Database, *, by_driver: bool
) -> None:
    """BEGIN, the statement, COMMIT: it is cancelled after ever more turns of the loop, amid each of them."""
    victim = Database(notes.url, application_name="victim", pool_size=1)

    async def write(body: str) -> None:
        async with victim.transaction() as session:
            if by_driver:
                await (await driver_connection(session)).execute("INSERT INTO note VALUES ($1)", body)
            else:
                await session.execute(text("INSERT INTO note VALUES (:body)"), {"body": body})

    for turns in range(MOST_TURNS):
        cancelled = asyncio.create_task(write("perhaps"))
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_SECONDS):  # cancelled after so many turns, it would stay for ever
            while await open_transactions(notes):
                await asyncio.sleep(0.01)  # the server sees by itself that the line is gone
        await write(f"after {turns}")
    await victim.close()
    async with notes.autocommit() as session:
        kept = (await session.execute(text("SELECT body FROM note WHERE body <> 'perhaps'"))).scalars().all()
    assert sorted(kept) == sorted(f"after {turns}" for turns in range(MOST_TURNS))


async def open_transactions(database: Database) -> int:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'victim' AND state LIKE 'idle in %'"
    async with database.autocommit() as session:
        return int((await session.execute(text(statement))).scalar_one())


async def test_a_connection_beyond_the_pools_size_is_closed_in_peace_by_a_task_that_is_cancelled(
    notes: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Two transactions on a pool of one: the second to end closes its connection, and is cancelled amid that."""
    victim = Database(notes.url, application_name="victim", pool_size=1)
    used, release = asyncio.Event(), asyncio.Event()

    async def surplus() -> None:
        async with victim.transaction() as session:
            await session.execute(text("SELECT 1"))
            used.set()
            await release.wait()

    for turns in range(MOST_TURNS):
        used.clear()
        release.clear()
        async with victim.transaction() as session:
            await session.execute(text("SELECT 1"))
            cancelled = asyncio.create_task(surplus())
            await used.wait()
        release.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
    await victim.close()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
