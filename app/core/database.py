"""The PostgreSQL session: one transaction an act, committed before the answer goes out."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from prometheus_client import Gauge, Histogram
from sqlalchemy import MetaData, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.pool.base import ConnectionPoolEntry

STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
# Frees the locks of a frozen holder (a consumer's cursor, an owner's row). The event log's time bounds rely on it.
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
TRUSTED_IDLE_SECONDS = 1.0
APPENDED = "appended_events"
"""Key in `session.info`: how many events this transaction has appended."""
DRIVER = "driver_connection"
"""Key in `session.info`: the driver's connection, once its transaction has begun. A session has one transaction."""
DUE = "due_rows"
"""Key in `session.info`: by table, when the nearest due row that this transaction stored becomes due."""
AUTOCOMMIT = "autocommit"
"""Key in `session.info`: it has no transaction."""
POOL_WAIT = Histogram(
    "switchboard_database_wait_seconds",
    "From asking for a connection to having one, new ones included",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 30),
)
IN_USE = Gauge("switchboard_database_connections_in_use", "Connections of the pool that are handed out")
CAPACITY = Gauge("switchboard_database_connections_max", "Connections the pool may have, with those for a rush")


class MeasuredPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, which tells how long its connections are waited for."""

    def _do_get(self) -> ConnectionPoolEntry:
        began = time.perf_counter()
        try:
            return super()._do_get()
        finally:
            POOL_WAIT.observe(time.perf_counter() - began)
            IN_USE.set(self.checkedout())

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        IN_USE.set(self.checkedout())


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def sqlalchemy_url(database_url: str) -> str:
    """Accept `postgresql://` and `postgres://` as people write them."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    return url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def asyncpg_url(database_url: str) -> str:
    """The same address in the form the driver takes, for connections of our own (listener, dispatcher)."""
    return sqlalchemy_url(database_url).replace("postgresql+asyncpg://", "postgresql://", 1)


class Database:
    """A pool and its transactions. After each commit that appended events `on_append` is called, after each that
    announced due rows `on_due`."""

    def __init__(self, database_url: str, *, application_name: str, pool_size: int = 10) -> None:
        self.url = database_url
        self.on_append: Callable[[], None] = lambda: None
        self.on_due: Callable[[Mapping[str, datetime]], None] = lambda _: None
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(database_url),
            poolclass=MeasuredPool,
            pool_size=pool_size,
            max_overflow=pool_size,
            # The one used last knows the statements already.
            pool_use_lifo=True,
            connect_args={
                "server_settings": {
                    "application_name": application_name,
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
                    "timezone": "UTC",
                    "jit": "off",
                },
                "timeout": 10,
            },
        )
        CAPACITY.set(2 * pool_size)
        _ask_the_idle(self.engine)
        event.listen(self.engine.sync_engine, "close", _end_without_waiting)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._autocommit_sessions = async_sessionmaker(
            self.engine.execution_options(isolation_level="AUTOCOMMIT"), expire_on_commit=False, autoflush=False
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One READ COMMITTED transaction: commits when the block ends, rolls back when it raises."""
        async with self._sessions() as session:
            async with session.begin():
                yield session
            if session.info.get(APPENDED):
                self.on_append()
            if session.info.get(DUE):
                self.on_due(session.info[DUE])

    @asynccontextmanager
    async def autocommit(self, connection: "asyncpg.Connection[Any] | None" = None) -> AsyncIterator[AsyncSession]:
        """Each statement by itself: it sees what is committed then, and saves two round trips.

        One that writes is committed when it has been answered; what was appended is announced when the block ends.
        `connection`: the caller's own, for what comes thousands of times a second; the pool's costs as much as two
        statements. What is not set-based takes one of the pool all the same.
        """
        info = {AUTOCOMMIT: True} if connection is None else {AUTOCOMMIT: True, DRIVER: connection}
        async with self._autocommit_sessions(info=info) as session:
            yield session
            if session.info.get(APPENDED):
                self.on_append()

    async def close(self) -> None:
        await self.engine.dispose()


def _ask_the_idle(engine: AsyncEngine) -> None:
    """A connection that rested is asked whether it lives before it is handed out; if not, the whole pool is new.

    SQLAlchemy's own pre-ping asks each time: a round trip for every transaction. One that was used a moment ago is
    only looked at, for the driver hears at once when its socket closes.
    """

    @event.listens_for(engine.sync_engine, "checkin")
    def note(connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()
        if connection is not None and _is_unsettled(connection.driver_connection):
            record.invalidate()

    @event.listens_for(engine.sync_engine, "checkout")
    def ask(connection: Any, record: Any, _: Any) -> None:
        idle = time.monotonic() - record.info.get("used_at", time.monotonic())
        if connection.driver_connection.is_closed():
            raise InvalidatePoolError
        if idle > TRUSTED_IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except (engine.dialect.loaded_dbapi.Error, OSError) as error:
                raise InvalidatePoolError from error


def _end_without_waiting(connection: Any, _: Any) -> None:
    """The driver's own close waits for the server to hang up, often in a task that is being cancelled: then the pool
    logs an error. This says goodbye all the same."""
    connection.driver_connection.terminate()


def _is_unsettled(connection: Any) -> bool:
    """Whether a transaction is open that nobody will end, or the server still owes its answer to a cancelled statement.

    A task that is cancelled while BEGIN, COMMIT or ROLLBACK is under way leaves its connection so, for SQLAlchemy
    takes for begun only what was answered. Handed out again, it would hold its locks, and whatever followed on it would
    seem to be committed and never be.
    """
    if connection.is_closed():
        return False
    return bool(connection._top_xact is not None or connection._cancellations or connection.is_in_transaction())


async def driver_connection(session: AsyncSession) -> "asyncpg.Connection[Any]":
    """The asyncpg connection inside this session's transaction, for set-based and hot statements ($1 style).

    Measured at 0.28x through SQLAlchemy Core and 1.02x here, of the same five statements in pgbench.
    JSON columns travel as text on it: dump and load them yourself.
    """
    known: asyncpg.Connection[Any] | None = session.info.get(DRIVER)
    if known is not None:
        return known
    raw = await (await session.connection()).get_raw_connection()
    connection: asyncpg.Connection[Any] = raw.driver_connection
    if AUTOCOMMIT not in session.info and not connection.is_in_transaction():
        # SQLAlchemy begins only before a statement of its own; ours would each commit by itself.
        adapted: Any = raw.dbapi_connection
        await adapted._start_transaction()
    session.info[DRIVER] = connection
    return connection


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one array a column, for `unnest`. There must be a row."""
    return [list(column) for column in zip(*rows, strict=True)]


async def _request_session(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with database.transaction() as session:
        yield session


# scope="function": FastAPI then closes the dependency, and so commits, before the answer is sent. With the default
# scope a client could read its own write too early. tests/integration/core/test_database.py proves it.
SessionDep = Annotated[AsyncSession, Depends(_request_session, scope="function")]
