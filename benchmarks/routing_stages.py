"""Where the time from a resolution to the next offer's frame goes, told by the log: each event bears when its act began
and when it had its position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from time import time
from typing import Any

import asyncpg

from app.ops.bench.measuring import percentile

STAGES = (
    "resolution begins",
    "resolution positioned",
    "consumer begins",
    "units free, positioned",
    "router decides",
    "offer positioned",
    "frame seen",
)
"""What ends each: the first begins with the sending of the request, each other where the one before it ended."""

_MOMENTS = """
SELECT resolved.occurred_at, resolved.positioned_at, freed.occurred_at, freed.positioned_at,
       made.occurred_at, made.positioned_at
FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS trip (conversation_id, offer_id, number)
CROSS JOIN LATERAL (
    SELECT e.occurred_at, p.positioned_at FROM event e
    JOIN event_position p ON p.event_id = e.id AND p.event_created_at = e.created_at
    WHERE e.key = trip.conversation_id AND e.type = 'conversation.status_changed' ORDER BY e.id DESC LIMIT 1
) AS resolved
CROSS JOIN LATERAL (
    SELECT e.occurred_at, p.positioned_at FROM event e
    JOIN event_position p ON p.event_id = e.id AND p.event_created_at = e.created_at
    WHERE e.key = trip.conversation_id AND e.type = 'work.changed' ORDER BY e.id DESC LIMIT 1
) AS freed
JOIN (
    SELECT e.payload->>'offer_id' AS offer_id, e.occurred_at, p.positioned_at FROM event e
    JOIN event_position p ON p.event_id = e.id AND p.event_created_at = e.created_at WHERE e.type = 'offer.made'
) AS made ON made.offer_id = trip.offer_id
ORDER BY trip.number
"""


@dataclass(frozen=True, slots=True)
class Trip:
    """By the wall clock, which the product's own follows."""

    conversation_id: str
    offer_id: str
    began_at: datetime
    seen_at: datetime


def wall() -> datetime:
    return datetime.fromtimestamp(time(), UTC)


async def time_stages(connection: "asyncpg.Connection[Any]", trips: Sequence[Trip]) -> dict[str, dict[str, float]]:
    """By stage, its p50 and p99 in milliseconds."""
    rows = await connection.fetch(_MOMENTS, [one.conversation_id for one in trips], [one.offer_id for one in trips])
    assert len(rows) == len(trips), "an offer or a resolution is not in the log"
    took: dict[str, list[float]] = {name: [] for name in STAGES}
    for trip, row in zip(trips, rows, strict=True):
        moments: list[Any] = [trip.began_at, *row, trip.seen_at]
        for name, (before, after) in zip(STAGES, pairwise(moments), strict=True):
            took[name].append(1000 * (after - before).total_seconds())
    return {
        name: {"p50": round(percentile(spans, 0.5), 1), "p99": round(percentile(spans, 0.99), 1)}
        for name, spans in took.items()
    }
