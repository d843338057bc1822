"""Driver connections outside the pool: for the dispatcher, the bus and the readers of the log."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.core.database import IDLE_IN_TRANSACTION_TIMEOUT_MS, LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS, asyncpg_url
from app.core.errors import Unavailable

CONNECT_SECONDS = 10
# A little above the server's own limit, so that a server that is there answers with its own error first.
COMMAND_SECONDS = STATEMENT_TIMEOUT_MS / 1000 + 5
BACKOFF_FIRST_SECONDS = 0.05
BACKOFF_MAX_SECONDS = 2.0

KNOWN_PLANS = {
    # For statements written upon indexes of their own. Plans made while the tables were empty would scan whole
    # partitions later; and a plan made anew for each call costs more than most of these calls do.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


async def connect(
    database_url: str, *, application_name: str, settings: dict[str, str] | None = None
) -> "asyncpg.Connection[Any]":
    """One connection with our limits. Its loss is noticed within seconds at both ends (TCP keepalive)."""
    return await asyncpg.connect(
        asyncpg_url(database_url),
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings={
            "application_name": application_name,
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            "tcp_keepalives_idle": "2",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "3",
            "timezone": "UTC",
            "jit": "off",
            **(settings or {}),
        },
    )


async def connect_to_log(database_url: str, *, application_name: str) -> "asyncpg.Connection[Any]":
    """A connection for `event_log.read` and its like: each statement planned once, for index scans."""
    return await connect(database_url, application_name=application_name, settings=KNOWN_PLANS)


class Backoff:
    """The pauses between tries: doubling from 50 ms to 2 s, back to the first after `reset`."""

    def __init__(self) -> None:
        self._next_seconds = BACKOFF_FIRST_SECONDS

    async def pause(self) -> None:
        pause_seconds, self._next_seconds = self._next_seconds, min(self._next_seconds * 2, BACKOFF_MAX_SECONDS)
        await asyncio.sleep(pause_seconds)

    def reset(self) -> None:
        self._next_seconds = BACKOFF_FIRST_SECONDS


class KeptConnection:
    """One connection for several tasks, which take turns; opened when first needed and after a loss. For statements
    that come so often that the pool's care for a connection would cost more than they do."""

    def __init__(self, database_url: str, *, application_name: str) -> None:
        self._database_url = database_url
        self._application_name = application_name
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection[Any] | None = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        async with self._turn:
            if self._connection is None or self._connection.is_closed():
                self._connection = await connect_to_log(self._database_url, application_name=self._application_name)
            yield self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


# SQLSTATE classes and codes of a database in trouble: connection, deadlock and its like, resources, shutdown,
# a lock not got in time, a frozen transaction ended by the server, writes refused (it is becoming a replica).
TRANSIENT_STATES = ("08", "40", "53", "57P", "55P03", "25P03", "25006")
TROUBLES = {
    "25006": ("database_read_only", "The database takes no writes at present. Try again in a moment."),
    "53100": ("database_full", "The disk of the database is full. Free space there, then try again."),
}
"""By SQLSTATE: what an operator mends in another way than a database that is away."""


def is_transient(error: BaseException) -> bool:
    """Whether the error, or the one it was raised from, is the database's own trouble: the same work may succeed."""
    return any(
        isinstance(cause, (ConnectionError, asyncpg.InternalClientError))
        or str(getattr(cause, "sqlstate", "")).startswith(TRANSIENT_STATES)
        for cause in _causes(error)
    )


def trouble_of(error: BaseException) -> Unavailable | None:
    """What a client is told of a database in trouble: full, read-only or away; None when it is not the database's."""
    for cause in _causes(error):
        if trouble := TROUBLES.get(str(getattr(cause, "sqlstate", ""))):
            return Unavailable(*trouble)
    if is_away(error):
        return Unavailable("database_unavailable", "The database does not answer. Try again in a moment.")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def is_away(error: BaseException) -> bool:
    """Whether the database did not answer, in any of the shapes in which SQLAlchemy, the driver and the system say so.

    Nothing is wrong with what was asked. A statement that met the loss may have been committed.
    """
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError)):
        return True
    # A server's socket that is gone is a missing file to the system.
    return isinstance(error, (OSError, PoolTimeout)) or is_transient(error) or _is_closed(error)


def _is_closed(error: BaseException | None) -> bool:
    """The driver's word for using a connection that is gone; ValueError: the same class for a bad argument."""
    while error is not None and not isinstance(error, asyncpg.InterfaceError):
        error = error.__cause__
    return error is not None and not isinstance(error, ValueError)


def raise_if_cancelled() -> None:
    """To be called where a loop takes any error and goes on.

    A cancellation in the midst of a database call may come out as an error of that call; a loop that took it for one
    would never end. Not in a task that ran a TaskGroup itself: one that failed leaves the task marked as cancelled
    (Python 3.11 and 3.12).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
