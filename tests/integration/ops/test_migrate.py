"""Migrations run once however many start them, and a process knows whether it fits the schema."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.core.database import Database
from app.core.errors import Unavailable
from app.ops import migrate
from tests.conftest import fresh_clone


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
