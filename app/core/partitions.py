"""Monthly partitions of the tables that only grow: made ahead, so that no write ever finds its month missing."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = {"event": "created_at", "event_position": "positioned_at", "message": "arrived_at"}
MONTHS_AHEAD = 3
# Any constant: the two words name our advisory lock within the database.
ADVISORY_LOCK = (0x5377, 0x7061)
_NAME = re.compile(r"(?P<table>.+)_(?P<year>\d{4})_(?P<month>\d\d)")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC, whatever clock the machine's people live by."""

    year: int
    month: int

    def plus(self, months: int) -> "Month":
        index = self.year * 12 + self.month - 1 + months
        return Month(index // 12, index % 12 + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """Exclusive."""
        return self.plus(1).start


def month_of(at: datetime) -> Month:
    utc = at.astimezone(UTC)
    return Month(utc.year, utc.month)


def partition_name(table: str, month: Month) -> str:
    return f"{table}_{month.first_day:%Y_%m}"


def month_named(table: str, partition: str) -> Month | None:
    """The month a partition of ours is for; None for one that somebody else has made."""
    found = _NAME.fullmatch(partition)
    if found is None or found["table"] != table or not 1 <= int(found["month"]) <= 12:
        return None
    return Month(int(found["year"]), int(found["month"]))


async def ensure_partitions(
    connection: AsyncConnection,
    now: datetime,
    months_ahead: int = MONTHS_AHEAD,
    *,
    tables: Collection[str] = tuple(PARTITIONED),
) -> None:
    """Create what is missing from this month to `months_ahead` months on. Safe to repeat and to race.

    A table of its own is made and attached: CREATE TABLE ... PARTITION OF would lock readers and writers out, and
    whoever came after would queue behind it. In the caller's transaction.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:first, :second)"), _lock_words())
    for table in tables:
        there = set(await list_partition_names(connection, table))
        for month in (month_of(now).plus(number) for number in range(months_ahead + 1)):
            if partition_name(table, month) not in there:
                await _add_partition(connection, table, month)


async def _add_partition(connection: AsyncConnection, table: str, month: Month) -> None:
    name = partition_name(table, month)
    # Names and dates come from the constants above, never from input.
    await connection.execute(
        text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)")
    )
    start, end = month.first_day, month.plus(1).first_day
    await connection.execute(
        text(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}T00:00:00Z') TO ('{end}T00:00:00Z')"
        )
    )


async def list_partition_names(connection: AsyncConnection, table: str) -> list[str]:
    found = await connection.scalars(
        text(
            "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
            " WHERE inhparent = CAST(:table AS regclass) ORDER BY relname"
        ),
        {"table": table},
    )
    return list(found)


def _lock_words() -> dict[str, int]:
    first, second = ADVISORY_LOCK
    return {"first": first, "second": second}
