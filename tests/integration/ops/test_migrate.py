"""Migrations run once however many start them, and a process knows whether it fits the schema."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.core.database import Database
from app.core.errors import Unavailable
from app.ops import migrate
from tests.conftest import fresh_clone

KILL = text(
    "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE application_name = 'switchboard-migrate'"
    " AND datname = current_database() AND wait_event_type = 'Lock'"
)
INVALID = text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")


@pytest.fixture
async def empty_url(postgres: str) -> AsyncIterator[str]:
    async with fresh_clone(postgres, "template0") as url:
        yield url


async def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(3)))
    assert await migrate.current(empty_url) == migrate.head()


async def test_a_database_never_migrated_is_refused_with_the_way_out(empty_url: str) -> None:
    with pytest.raises(Unavailable, match="switchboard migrate") as refused:
        await migrate.refuse_older_schema(empty_url)
    assert refused.value.code == "schema_too_old"


async def test_the_head_is_accepted(database_url: str) -> None:
    await migrate.refuse_older_schema(database_url)
    assert await migrate.current(database_url) == migrate.head()


async def test_a_newer_schema_is_accepted(database_url: str, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'of_a_later_release'"))
    await migrate.refuse_older_schema(database_url)
    assert await migrate.current(database_url) == "of_a_later_release"


async def killed(database: Database) -> bool:
    """In a transaction of its own: within one, the server's activity looks the same all the time."""
    async with database.transaction() as session:
        return bool(await session.scalar(KILL))


async def test_a_migration_broken_off_leaves_an_index_that_the_next_one_makes_anew(
    database: Database, database_url: str
) -> None:
    await migrate.downgrade(database_url, "20261122_0010")
    async with database.transaction() as session:  # a report that takes its time
        await session.execute(text("LOCK TABLE sla_breach_cause IN ROW EXCLUSIVE MODE"))
        migrating = asyncio.create_task(migrate.upgrade(database_url))
        async with asyncio.timeout(30):
            while not await killed(database):
                await asyncio.sleep(0.02)
        with pytest.raises(migrate.MigrationFailedError):
            await migrating
        with pytest.raises(migrate.MigrationFailedError, match="lock timeout"):
            await migrate.upgrade(database_url)
    async with database.transaction() as session:
        assert await session.scalar(INVALID) == 1
    await migrate.upgrade(database_url)
    async with database.transaction() as session:
        assert await session.scalar(INVALID) == 0
    await migrate.refuse_older_schema(database_url)
