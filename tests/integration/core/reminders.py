"""A table of due rows of the tests' own: reminders, added, looked at and done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import due_rows
from app.core.act import Act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.ids import new_id
from tests.clocks import ManualClock


async def add(database: Database, clock: ManualClock, line: UUID | None = None, place: int = 0) -> UUID:
    row_id = new_id(clock.now())
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO reminder (id, line, place, run_at) VALUES (:id, :line, :place, :now)"),
            {"id": row_id, "line": line or row_id, "place": place, "now": clock.now()},
        )
    return row_id


async def store(database: Database, clock: DatabaseClock, run_at: datetime, *, announced: bool = False) -> UUID:
    row_id = new_id(clock.now())
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO reminder (id, run_at) VALUES (:id, :at)"), {"id": row_id, "at": run_at})
        if announced:
            due_rows.announce(session, "reminder", run_at)
    return row_id


async def row(database: Database, row_id: UUID) -> Any:
    async with database.transaction() as session:
        return (await session.execute(text("SELECT * FROM reminder WHERE id = :id"), {"id": row_id})).one()


async def mark_done(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    await session.execute(text("UPDATE reminder SET done = done + 1, run_at = NULL WHERE id = :id"), {"id": row_id})


async def mark_all_done(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
    for row_id in row_ids:
        await mark_done(session, act, row_id, None)


async def send(database: Database, act: Act, row_id: UUID) -> None:
    """An effect outside the database: what such rows are leased for."""


async def refuse(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    await mark_done(session, act, row_id, outcome)
    raise ValueError("the provider said no")
