"""Rows of the consumers: cursors, and the events that are parked because their consumer could not apply them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import driver_connection
from app.core.errors import NotFound
from app.core.event_log import Position, StoredEvent
from app.core.models import ConsumerCursor, ParkedEvent

ERROR_MAX_CHARACTERS = 2_000
LIST_LIMIT = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """`released_position`: the next event to apply of a key an operator has released."""

    cursor: Position
    stopped_reason: str | None
    head: int
    parked: int
    released_position: int | None

    @property
    def position(self) -> int:
        return self.cursor.number


@dataclass(frozen=True, slots=True)
class Parked:
    """`error` is None for an event that only queues behind an earlier one of its key, or was released."""

    consumer: str
    position: int
    key: UUID
    type: str
    error: str | None
    parked_at: datetime


# A key whose first event bears no error has been released: nothing is known to be wrong with it any more.
_STATE = """
SELECT c.position, c.positioned_at, c.stopped_reason,
       coalesce((SELECT last_position FROM event_dispatch ORDER BY batch DESC LIMIT 1), 0),
       (SELECT count(*) FROM parked_event p WHERE p.consumer = $1),
       (SELECT min(p.position) FROM parked_event p
        WHERE p.consumer = $1 AND p.error IS NULL AND NOT EXISTS (
            SELECT FROM parked_event earlier
            WHERE earlier.consumer = p.consumer AND earlier.key = p.key AND earlier.position < p.position))
FROM consumer_cursor c WHERE c.consumer = $1
"""


# Plain statements: each batch of each consumer makes them.
_LOCK_CURSOR = "SELECT position, positioned_at FROM consumer_cursor WHERE consumer = $1 FOR UPDATE SKIP LOCKED"
_MOVE_CURSOR = "UPDATE consumer_cursor SET position = $2, positioned_at = $3, stopped_reason = NULL WHERE consumer = $1"


# One statement: its lock on the cursors keeps months from being dropped between the look and the cursor that then
# stands before them (app/core/partition_drops.py).
_CREATE_CURSOR = {
    "beginning": """
INSERT INTO consumer_cursor (consumer, position, positioned_at)
SELECT $1, coalesce(first.position - 1, head.last_position, 0),
       CASE WHEN first.position IS NULL THEN head.positioned_at END
FROM (SELECT min(position) AS position FROM event_position) AS first
LEFT JOIN (SELECT last_position, positioned_at FROM event_dispatch ORDER BY batch DESC LIMIT 1) AS head ON true
ON CONFLICT DO NOTHING""",
    "head": """
INSERT INTO consumer_cursor (consumer, position, positioned_at)
SELECT $1, coalesce(max(last_position), 0), max(positioned_at)
FROM (SELECT last_position, positioned_at FROM event_dispatch ORDER BY batch DESC LIMIT 1) AS head
ON CONFLICT DO NOTHING""",
}


async def find_state(connection: "asyncpg.Connection[Any]", consumer: str) -> State | None:
    row = await connection.fetchrow(_STATE, consumer)
    return row and State(Position(row[0], row[1]), *row[2:])


async def create_cursor(
    connection: "asyncpg.Connection[Any]", consumer: str, *, start: Literal["beginning", "head"]
) -> None:
    """Nothing happens to a cursor that exists."""
    await connection.execute(_CREATE_CURSOR[start], consumer)


async def lock_cursor(session: AsyncSession, consumer: str) -> Position | None:
    """The cursor, ours until the transaction ends; None while another process works with it."""
    connection = await driver_connection(session)
    row = await connection.fetchrow(_LOCK_CURSOR, consumer)
    return row and Position(*row)


async def move_cursor(session: AsyncSession, consumer: str, to: Position) -> None:
    connection = await driver_connection(session)
    await connection.execute(_MOVE_CURSOR, consumer, to.number, to.positioned_at)


async def stop(session: AsyncSession, consumer: str, reason: str) -> bool:
    """Store why the consumer does not go on. False when it already was stopped; the first reason stays."""
    stopped = await session.execute(
        update(ConsumerCursor)
        .where(ConsumerCursor.consumer == consumer, ConsumerCursor.stopped_reason.is_(None))
        .values(stopped_reason=reason)
        .returning(ConsumerCursor.consumer)
    )
    return stopped.first() is not None


async def list_parked_keys(session: AsyncSession, consumer: str, keys: Collection[UUID]) -> set[UUID]:
    """Those of `keys` whose events must queue. The caller holds the cursor."""
    if not keys:
        return set()
    found = await session.scalars(
        select(ParkedEvent.key).where(ParkedEvent.consumer == consumer, ParkedEvent.key.in_(keys)).distinct()
    )
    return set(found)


async def add(session: AsyncSession, consumer: str, event: StoredEvent, *, at: datetime, error: str | None) -> None:
    await session.execute(
        insert(ParkedEvent).values(
            consumer=consumer,
            position=event.position,
            key=event.key,
            event_id=event.id,
            event_created_at=event.created_at,
            type=event.type,
            error=error and _storable(error),
            parked_at=at,
        )
    )


async def take_released(session: AsyncSession, consumer: str, position: int) -> bool:
    """Remove a released event in order to apply it. False: it is parked again, or gone."""
    taken = await session.execute(
        delete(ParkedEvent)
        .where(ParkedEvent.consumer == consumer, ParkedEvent.position == position, ParkedEvent.error.is_(None))
        .returning(ParkedEvent.position)
    )
    return taken.first() is not None


async def park_again(session: AsyncSession, consumer: str, position: int, *, error: str) -> None:
    await session.execute(
        update(ParkedEvent)
        .where(ParkedEvent.consumer == consumer, ParkedEvent.position == position)
        .values(error=_storable(error))
    )


async def release(session: AsyncSession, act: Act, *, consumer: str, key: UUID) -> int:
    """Let the consumer try a parked key again, its events in order; returns how many stand in that queue.

    The process that runs the consumer does it within a second or so. An event that fails again is parked again, with
    the rest behind it. NotFound `parked_key_not_found`.
    """
    waiting = (ParkedEvent.consumer == consumer) & (ParkedEvent.key == key)
    first, count = (await session.execute(select(func.min(ParkedEvent.position), func.count()).where(waiting))).one()
    if not count:
        raise NotFound("parked_key_not_found", "No event of this key is parked for this consumer. List parked events.")
    await session.execute(update(ParkedEvent).where(waiting, ParkedEvent.position == first).values(error=None))
    log.info("parked_key_released", released_for=consumer, key=str(key), events=count, actor=act.actor)
    return int(count)


async def list_parked(
    session: AsyncSession, *, consumer: str | None = None, after: tuple[str, int] | None = None, limit: int = LIST_LIMIT
) -> list[Parked]:
    """Parked events by consumer and position; `after` is the (consumer, position) of the last one already seen."""
    order = (ParkedEvent.consumer, ParkedEvent.position)
    query = select(*order, ParkedEvent.key, ParkedEvent.type, ParkedEvent.error, ParkedEvent.parked_at)
    if consumer is not None:
        query = query.where(ParkedEvent.consumer == consumer)
    if after is not None:
        query = query.where(tuple_(*order) > after)
    return [Parked(*row) for row in await session.execute(query.order_by(*order).limit(limit))]


def _storable(error: str) -> str:
    """PostgreSQL's text takes no NUL, and a huge message helps nobody."""
    return error.replace("\x00", "")[:ERROR_MAX_CHARACTERS]
