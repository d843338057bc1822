"""Partitions are made ahead, however often, by however many and whenever, and nobody is locked out meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import wiring
from app.core import partitions
from app.core.database import Database
from app.core.partitions import PARTITIONED, ensure_partitions
from tests.clocks import ManualClock


async def names(database: Database, table: str) -> list[str]:
    async with database.engine.connect() as connection:
        return await partitions.list_partition_names(connection, table)


async def ensure(database: Database, now: datetime) -> None:
    async with database.engine.begin() as connection:
        await ensure_partitions(connection, now)


@pytest.mark.parametrize(
    ("now", "months"),
    [
        (datetime(2031, 1, 31, 23, 59, tzinfo=UTC), ["2031_01", "2031_02", "2031_03", "2031_04"]),
        (datetime(2031, 10, 1, tzinfo=UTC), ["2031_10", "2031_11", "2031_12", "2032_01"]),
        # Still October there; the night before the clocks are put back.
        (datetime.fromisoformat("2031-10-31T22:30:00-04:00"), ["2031_11", "2031_12", "2032_01", "2032_02"]),
        (datetime.fromisoformat("2031-03-01T05:00:00+08:00"), ["2031_02", "2031_03", "2031_04", "2031_05"]),
    ],
)
async def test_this_month_and_three_more_are_made_for_every_table(
    database: Database, now: datetime, months: list[str]
) -> None:
    for _ in range(2):
        await ensure(database, now)
    for table in PARTITIONED:
        assert [name for name in await names(database, table) if "_203" in name] == [
            f"{table}_{month}" for month in months
        ]


async def test_the_months_leave_no_instant_out(database: Database) -> None:
    """Around every month's end of a year, by a clock of the server that changes in between."""
    now = datetime(2031, 1, 15, tzinfo=UTC)
    async with database.engine.begin() as connection:
        await connection.execute(text("SET LOCAL timezone = 'America/New_York'"))
        await ensure_partitions(connection, now, months_ahead=12)
        for month in range(1, 13):
            end = partitions.Month(2031, month).end
            for at in (end - timedelta(microseconds=1), end):
                await connection.execute(
                    text(
                        "INSERT INTO event_position (position, positioned_at, event_id, event_created_at)"
                        " VALUES (:position, :at, 1, :at)"
                    ),
                    {"position": month * 2 + (at == end), "at": at},
                )
        found = await connection.execute(
            text("SELECT tableoid::regclass::text AS name, positioned_at FROM event_position")
        )
        assert all(name == f"event_position_{at:%Y_%m}" for name, at in found)


async def test_several_may_make_them_at_once(database: Database) -> None:
    now = datetime(2031, 5, 1, tzinfo=UTC)
    await asyncio.gather(*(ensure(database, now) for _ in range(4)))
    assert "event_2031_08" in await names(database, "event")


async def test_a_long_look_at_the_log_and_a_write_do_not_hold_up_a_new_month(database: Database) -> None:
    async with database.transaction() as reader:
        await reader.execute(text("SELECT count(*) FROM event JOIN message ON true JOIN event_position ON true"))
        await reader.execute(
            text(
                "INSERT INTO event_position (position, positioned_at, event_id, event_created_at)"
                " SELECT 1, created_at, 1, created_at FROM installation"
            )
        )
        async with database.engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            await ensure_partitions(connection, datetime(2031, 5, 1, tzinfo=UTC))
    assert "message_2031_08" in await names(database, "message")


async def test_rows_in_a_default_partition_of_one_table_are_told_and_hold_up_no_other(database: Database) -> None:
    """We make none; an operator may have, to be safe. A month that has rows there cannot be made beside it."""
    at = datetime(2031, 5, 10, tzinfo=UTC)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE event_position_default PARTITION OF event_position DEFAULT"))
        await connection.execute(text("INSERT INTO event_position VALUES (1, :at, 1, :at)"), {"at": at})
    makes_partitions = wiring.periodic(wiring.Settings(), "test")[0]
    with pytest.raises(DBAPIError, match="default partition"):
        await makes_partitions.run(database, ManualClock(at))
    assert "event_2031_05" in await names(database, "event")
    assert "message_2031_05" in await names(database, "message")
    assert "event_position_2031_05" not in await names(database, "event_position")
