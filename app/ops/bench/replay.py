"""Our own statements without us: what one run sent to PostgreSQL is sent again, as it was, to an equal database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import make_url

from app.channels.intake import Intake
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.ops.bench.measuring import now
from app.ops.bench.scratch import beside
from app.ops.bench.world import Sender

Statements = list[tuple[str, tuple[Any, ...]]]
IN_FLIGHT = 128
PING = ";"
"""The pool's question whether a connection still lives; the driver cannot execute it the simple way."""


async def copy_database(url: str, template: str | None, name: str) -> None:
    """`template` None: the database at `url` itself, which nobody may be connected to."""
    server = await asyncpg.connect(beside(url, "postgres"))
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template or make_url(url).database} STRATEGY file_copy")
    await server.close()


@asynccontextmanager
async def clone(url: str, name: str) -> AsyncIterator[str]:
    """A copy of the database at `url`, dropped afterwards."""
    await copy_database(url, None, name)
    try:
        yield beside(url, name)
    finally:
        server = await asyncpg.connect(beside(url, "postgres"))
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


async def intake_rate(url: str, turns: list[tuple[Sender, str]]) -> tuple[float, Statements]:
    """Messages a second through the door, by one writer; and what it sent."""
    database = Database(url, application_name="bench", pool_size=2)
    sent: Statements = []

    def note(query: Any) -> None:
        if query.query != PING:
            sent.append((query.query, query.args))

    @event.listens_for(database.engine.sync_engine, "connect")
    def record(adapted: Any, _: object) -> None:
        adapted.driver_connection.add_query_logger(note)

    intake = Intake(database, DatabaseClock())
    await intake.start()
    async with intake.short_way.use() as connection:
        connection.add_query_logger(note)
    left = iter(turns)

    async def drive() -> None:
        for sender, client_id in left:
            await intake.submit(sender.envelope(client_id))

    started = now()
    await asyncio.gather(*(drive() for _ in range(IN_FLIGHT)))
    rate = len(turns) / (now() - started)
    await intake.stop()
    await database.close()
    return rate, sent


async def replay_seconds(url: str, statements: Statements) -> float:
    connection = await asyncpg.connect(url, server_settings={"jit": "off", "timezone": "UTC"})
    started = now()
    for query, arguments in statements:
        if arguments:
            await connection.fetch(query, *arguments)
        else:
            await connection.execute(query)
    took = now() - started
    await connection.close()
    return took
