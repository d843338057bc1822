"""Bring the schema up to date, and tell whether it is: a process refuses an older one, accepts a newer."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.clock import DatabaseClock
from app.core.database import Base, sqlalchemy_url
from app.core.errors import Unavailable
from app.core.ids import new_id
from app.core.models import PgSnapshot, Xid8
from app.core.partitions import ensure_partitions

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "migrations"
# A migration that cannot get its lock fails and may be run again; one that waits blocks all behind it.
LOCK_TIMEOUT_MS = 2_000
# Any constant: the two words name our advisory lock within the database.
ADVISORY_LOCK = (0x5377, 0x6D69)
WAIT_FOR_OTHER_SECONDS = 600.0
POLL_SECONDS = 0.2

# Else the comparison of models and database meets two types it does not know.
ischema_names.update(xid8=Xid8, pg_snapshot=PgSnapshot)


class MigrationFailedError(RuntimeError):
    """What was done is kept whole or begun anew; running it again is safe."""


def config() -> Config:
    """Alembic's configuration, independent of the current folder."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


def all_tables() -> MetaData:
    """Every table of every package. Found by file name: a package that is forgotten would lose its tables."""
    for file in sorted((ROOT / "app").rglob("models.py")):
        importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    return Base.metadata


def head() -> str | None:
    """The newest revision this code knows; None while there is no migration."""
    return ScriptDirectory.from_config(config()).get_current_head()


def known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


async def current(database_url: str) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    async with _connection(database_url) as connection:
        return await connection.run_sync(_current)


async def upgrade(database_url: str) -> None:
    """Run every migration that is missing. Safe to call from several processes at once: they take turns.

    Raises MigrationFailedError when the database does not answer or refuses a statement (a lock not got, say).
    """
    try:
        await _upgrade(database_url)
    # PendingRollbackError: the connection went away amid a step outside a transaction.
    except (OSError, DBAPIError, PendingRollbackError) as error:
        raise MigrationFailedError(f"The database could not be migrated: {error}") from error


async def _upgrade(database_url: str) -> None:
    async with migration_connection(database_url) as connection:
        await run(connection, lambda settings: command.upgrade(settings, "head"))
        # A schema is of use only with the partitions of this month: nobody should have to start the worker first.
        clock = DatabaseClock()
        await clock.align(connection)
        await ensure_partitions(connection, clock.now())
        await _name_installation(connection, clock.now())
        await connection.commit()


async def _name_installation(connection: AsyncConnection, now: datetime) -> None:
    """The one row that says which installation this is, and which life of its log."""
    await connection.execute(
        text(
            "INSERT INTO installation (id, incarnation, created_at)"
            " SELECT :id, 1, :now WHERE NOT EXISTS (SELECT FROM installation)"
        ),
        {"id": new_id(now), "now": now},
    )


async def downgrade(database_url: str, revision: str) -> None:
    """Go back to `revision` ("base": nothing). Loses the data of what is dropped."""
    async with migration_connection(database_url) as connection:
        await run(connection, lambda settings: command.downgrade(settings, revision))


async def run(connection: AsyncConnection, alembic_command: Callable[[Config], None]) -> None:
    """Run one of Alembic's commands, which are synchronous, on this connection."""
    settings = config()

    def on_connection(synchronous: Connection) -> None:
        settings.attributes["connection"] = synchronous
        alembic_command(settings)

    await connection.run_sync(on_connection)


async def refuse_older_schema(database_url: str) -> None:
    """Raise `Unavailable` unless the schema is at our head or beyond (at a revision unknown to us)."""
    found = await current(database_url)
    if found == head() or (found is not None and found not in known_revisions()):
        return
    raise Unavailable(
        "schema_too_old",
        f"The database is at {found or 'no revision'}, this program needs {head()}: run `switchboard migrate`.",
    )


@asynccontextmanager
async def migration_connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection with a short lock_timeout, while another holds the lock that lets one migrate at a time."""
    async with _connection(database_url, isolation_level="AUTOCOMMIT") as guard:
        await _take_turn(guard)
        async with _connection(database_url) as connection:
            yield connection


def include_object_in(connection: Connection) -> Callable[..., bool]:
    """For Alembic's comparison: leave out partitions, which are made at run time and not by migrations."""
    partitions = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))

    def include_object(item: Any, name: str | None, kind: str, *_: object) -> bool:
        table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
        return table not in partitions

    return include_object


@asynccontextmanager
async def _connection(database_url: str, **options: Any) -> AsyncIterator[AsyncConnection]:
    settings = {
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "timezone": "UTC",
        "application_name": "switchboard-migrate",
    }
    engine = create_async_engine(
        sqlalchemy_url(database_url),
        poolclass=NullPool,
        connect_args={"server_settings": settings},
        **options,
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def _take_turn(guard: AsyncConnection) -> None:
    # Asked for again and again, never waited for: a waiting statement holds a snapshot, and CREATE INDEX
    # CONCURRENTLY of the process whose turn it is would wait for that snapshot for ever.
    first, second = ADVISORY_LOCK
    async with asyncio.timeout(WAIT_FOR_OTHER_SECONDS):
        while not await guard.scalar(text(f"SELECT pg_try_advisory_lock({first}, {second})")):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
