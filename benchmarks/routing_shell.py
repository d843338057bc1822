"""Durable assignments of the router's shell beside a raw asyncpg loop of the very same statements (P8).

Each round clones one small contact centre twice. On the first clone the router works off the queue, its statements
are written down; on the second they are run again with nothing but the driver, transaction by transaction.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
from sqlalchemy import event

from app.core.clock import DatabaseClock
from app.core.database import Database, asyncpg_url
from app.core.log_signal import LogSignal
from app.core.owners import acquire
from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from app.routing.service.matching import ROUTER
from app.routing.service.router import Router
from benchmarks.figures import figure

MUST, STRETCH = 0.4, 0.8
AGENTS, WORKS = 1_000, 4_000
QUEUED, REBUILD_SECONDS = 100_000, 5.0
Pairs = list[tuple[float, float]]
Statement = tuple[str, str, tuple[Any, ...]]
"""(method of the driver's connection, SQL, arguments)."""


def world(agents: int, works: int) -> tuple[str, ...]:
    """One queue that all agents serve, and so many conversations that wait in it."""
    return (
        "INSERT INTO queue (id, name, tier, priority, target_seconds, offer_timeout_seconds, auto_accept, created_at)"
        " VALUES (gen_random_uuid(), 'Bench', 2, 5, 60, 30, true, now())",
        "INSERT INTO channel_account (id, kind, name, public_key, queue_id, created_at)"
        " SELECT gen_random_uuid(), 'chat', 'Bench', 'bench', id, now() FROM queue",
        "INSERT INTO account (id, login, password_hash, role, visibility, created_at)"
        f" SELECT gen_random_uuid(), 'bench' || n, '', 'agent', 'all', now() FROM generate_series(1, {agents}) AS n",
        "INSERT INTO agent (id, name, languages, updated_at)"
        " SELECT id, login, '{en}', now() FROM account WHERE login LIKE 'bench%'",
        "INSERT INTO queue_member (queue_id, agent_id) SELECT queue.id, agent.id FROM queue, agent",
        "INSERT INTO agent_ledger (agent_id, capacity_units) SELECT id, 100 FROM agent",
        "INSERT INTO agent_presence (agent_id, session, readiness, penalty, since, last_beat_at, connected_at)"
        " SELECT id, 'connected', 'ready', 'none', now(), now(), now() FROM agent",
        f"INSERT INTO customer (id, created_at) SELECT gen_random_uuid(), now() FROM generate_series(1, {works})",
        "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
        " SELECT gen_random_uuid(), id, 'visitor', id::text, now() FROM customer",
        "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, queue_id,"
        " priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at, opened_at)"
        " SELECT gen_random_uuid(), point.customer_id, point.id, 'chat', account.id, 'open', account.queue_id, 5, '',"
        " 1, 1, 'Hello', 'customer', now(), now() FROM contact_point AS point, channel_account AS account"
        " WHERE account.public_key = 'bench'",
        "INSERT INTO work_item (id, conversation_id, queue_id, channel, state, units, tier, priority, ready_at, due_at,"
        " created_at) SELECT gen_random_uuid(), id, queue_id, 'chat', 'queued', 25, 2, 5, now(),"
        " now() + interval '60 seconds', now() FROM conversation",
    )


class Recorder:
    """Everything that went through one pool, in order."""

    def __init__(self, database: Database) -> None:
        self.statements: list[Statement] = []
        statements = self.statements

        class Recorded(asyncpg.Connection):  # type: ignore[type-arg]
            """What bypasses SQLAlchemy, transactions included."""

            async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
                statements.append(("execute", query, args))
                return await super().execute(query, *args, timeout=timeout)

            async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
                statements.append(("fetch", query, args))
                return await super().fetch(query, *args, **options)

            async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
                statements.append(("fetch", query, args))
                return await super().fetchval(query, *args, **options)

        engine = database.engine.sync_engine

        @event.listens_for(engine, "do_connect")
        def connect(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
            options["connection_class"] = Recorded

        @event.listens_for(engine, "before_cursor_execute")
        def note(_conn: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
            # SQLAlchemy's own multi-row inserts count as many, but are one statement with flat values.
            rows = bool(values) and isinstance(values[0], tuple | list) and isinstance(values, list)
            statements.append(("executemany", sql, (values,)) if rows else ("fetch", sql, tuple(values)))


async def route_all(url: str) -> tuple[float, list[Statement]]:
    """Assignments per second of the shell, and the statements it ran for them."""
    database, clock = Database(url, application_name="bench"), DatabaseClock()
    recorder = Recorder(database)
    router = Router(database, clock, LogSignal(), holder="bench")
    async with database.transaction() as session:
        epoch = await acquire(session, ROUTER, "bench", clock.now())
    assert epoch is not None
    await router.rebuild()
    recorder.statements.clear()
    started = perf_counter()
    while await router.step(epoch):
        pass
    seconds = perf_counter() - started
    await database.close()
    return await count_assigned(url) / seconds, recorder.statements


async def replay(url: str, statements: list[Statement]) -> float:
    connection = await asyncpg.connect(asyncpg_url(url), statement_cache_size=1000)
    await take_json_as_text(connection)
    methods: dict[str, Callable[..., Awaitable[Any]]] = {
        "execute": connection.execute,
        "fetch": connection.fetch,
        "executemany": connection.executemany,
    }
    started = perf_counter()
    for method, sql, values in statements:
        await methods[method](sql, *values)
    seconds = perf_counter() - started
    await connection.close()
    return await count_assigned(url) / seconds


async def take_json_as_text(connection: Any) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=str, format="text")


async def count_assigned(url: str) -> int:
    connection = await asyncpg.connect(asyncpg_url(url))
    assigned: int = await connection.fetchval("SELECT count(*) FROM work_item WHERE state = 'assigned'")
    await connection.close()
    assert assigned == WORKS, f"{assigned} of {WORKS} were assigned"
    return assigned


async def clone(server: str, name: str, template: str) -> str:
    connection = await asyncpg.connect(asyncpg_url(server))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await connection.close()
    return server.replace("/switchboard?", f"/{name}?")


async def fill(server: str, agents: int, works: int) -> None:
    await migrate.upgrade(server)
    connection = await asyncpg.connect(asyncpg_url(server))
    for statement in world(agents, works):
        await connection.execute(statement)
    await connection.close()


async def rebuilds_of(server: str, rounds: int) -> list[tuple[float, float]]:
    """Seconds each, beside the line."""
    await fill(server, AGENTS, QUEUED)
    pairs = []
    for _ in range(rounds):
        database, clock = Database(server, application_name="bench"), DatabaseClock()
        router = Router(database, clock, LogSignal(), holder="bench")
        started = perf_counter()
        await router.rebuild()
        pairs.append((perf_counter() - started, REBUILD_SECONDS))
        await database.close()
    return pairs


async def rounds_of(server: str, rounds: int) -> list[tuple[float, float]]:
    await fill(server, AGENTS, WORKS)
    source = server.partition("@/")[2].partition("?")[0]
    pairs = []
    for number in range(rounds):
        value, statements = await route_all(await clone(server, f"shell_{number}", source))
        pairs.append((value, await replay(await clone(server, f"raw_{number}", source), statements)))
    return pairs


def on_a_server(measure: Callable[[str, int], Awaitable[Pairs]], rounds: int) -> Pairs:
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            return asyncio.run(_awaited(measure(server.start(), rounds)))
        finally:
            server.stop()


async def _awaited(pairs: Awaitable[Pairs]) -> Pairs:
    return await pairs


def measure(*, rounds: int) -> dict[str, Any]:
    return figure(
        "P8",
        f"durable assignments/s, {WORKS} waiting, {AGENTS} agents, beside the same statements by the bare driver",
        on_a_server(rounds_of, rounds),
        unit="1/s",
        must=MUST,
        stretch=STRETCH,
    )


def measure_rebuild(*, rounds: int) -> dict[str, Any]:
    return figure(
        "rebuild",
        f"the router's memory from the tables, {QUEUED} queued, {AGENTS} agents",
        on_a_server(rebuilds_of, rounds),
        unit="s",
        must=1.0,
        stretch=0.4,
        at_most=True,
    )
