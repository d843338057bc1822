"""The database fixtures keep tests apart."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.ops import migrate

COUNT = text("SELECT count(*) FROM pg_tables WHERE tablename = 'left_behind'")


@pytest.mark.parametrize("run", [1, 2])
async def test_what_one_session_writes_the_next_does_not_see(session: AsyncSession, run: int) -> None:
    assert await session.scalar(COUNT) == 0
    await session.execute(text("CREATE TABLE left_behind (id int)"))
    await session.commit()
    assert await session.scalar(COUNT) == 1


@pytest.mark.parametrize("run", [1, 2])
async def test_what_one_database_commits_the_next_does_not_have(database: Database, run: int) -> None:
    async with database.transaction() as session:
        assert await session.scalar(COUNT) == 0
        await session.execute(text("CREATE TABLE left_behind (id int)"))


async def test_a_fresh_database_is_at_the_head(database_url: str) -> None:
    assert await migrate.current(database_url) == migrate.head()


async def test_text_beyond_ascii_is_understood(session: AsyncSession) -> None:
    assert await session.scalar(text("SELECT '客服' ~ '^\\w+$'")) is True
