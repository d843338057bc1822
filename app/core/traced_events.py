"""Which events of the log carry a trace: for the dispatcher, which does not look at what it numbers."""

from datetime import date, datetime
from typing import Any

import asyncpg

from app.core.event_log import created_since
from app.core.tracing import MAX_SPANS_A_BATCH, SEPARATOR

_CARRIED = f"""
SELECT DISTINCT e.request_id FROM event_position p
JOIN event e ON e.id = p.event_id AND e.created_at = p.event_created_at
WHERE p.position > $1 AND p.position <= $2 AND p.positioned_at = $3 AND {{bound}}
  AND strpos(e.request_id, '{SEPARATOR}') > 0
LIMIT {MAX_SPANS_A_BATCH}
"""


async def list_carried(
    connection: "asyncpg.Connection[Any]", *, after: int, up_to: int, positioned_at: datetime, created_from: date
) -> list[str]:
    """Request ids with a trace behind them among the positions given at one instant; some of them, if they are many."""
    rows = await connection.fetch(_CARRIED.format(bound=created_since(created_from)), after, up_to, positioned_at)
    return [row["request_id"] for row in rows]
