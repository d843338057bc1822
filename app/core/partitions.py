"""Monthly partitions of the tables that only grow: made ahead, so that no write ever finds its month missing."""

import itertools
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PARTITIONED = {"event": "created_at", "event_position": "positioned_at", "message": "arrived_at"}
MONTHS_AHEAD = 3


def month_starts(now: datetime, months: int) -> list[date]:
    """The first days of this month and of the `months` that follow, and of the one after them as the last bound."""
    first = now.year * 12 + now.month - 1
    return [date(index // 12, index % 12 + 1, 1) for index in range(first, first + months + 2)]


async def ensure_partitions(connection: AsyncConnection, now: datetime, months_ahead: int = MONTHS_AHEAD) -> None:
    """Create what is missing from this month to `months_ahead` months on. Safe to repeat and to race."""
    bounds = month_starts(now, months_ahead)
    for table in PARTITIONED:
        for start, end in itertools.pairwise(bounds):
            # Names and dates come from the constants above, never from input.
            await connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {table}_{start:%Y_%m} PARTITION OF {table}"
                    f" FOR VALUES FROM ('{start}T00:00:00Z') TO ('{end}T00:00:00Z')"
                )
            )
