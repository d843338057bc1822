"""The event log: appended in the transaction of the change, read in one order that is the same for all readers.

Appending gives no position: the dispatcher gives it after the commit (docs/decisions/0003-event-log-positions.md).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Protocol
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import tracing
from app.core.act import Act
from app.core.database import APPENDED, driver_connection
from app.core.errors import SwitchboardError

READ_LIMIT = 500
# No transaction lives that long (timeouts see to it), so an event is positioned less than this after `created_at`.
LONGEST_TRANSACTION = timedelta(days=2)


class Appendable(Protocol):
    """What `append` needs of an event; app/events/event.py is the model that fulfils it."""

    type: ClassVar[str]
    version: ClassVar[int]

    @property
    def key(self) -> UUID: ...

    def model_dump_json(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Position:
    """A reader's cursor: the last position it has seen, and that position's time, which bounds what is searched."""

    number: int
    positioned_at: datetime | None


ZERO = Position(0, None)


@dataclass
class StoredEvent:
    """Shared by the readers of a process, and never changed. Most of them pass over most events: so the payload is
    parsed when one asks for it, and a frozen class would take thrice as long to make."""

    position: int
    positioned_at: datetime
    id: int
    created_at: datetime
    uuid: UUID
    key: UUID
    type: str
    version: int
    occurred_at: datetime
    actor: str
    request_id: str
    payload_text: str

    @cached_property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.payload_text)
        return payload

    @property
    def cursor(self) -> Position:
        """The position of a reader that has seen everything up to this event."""
        return Position(self.position, self.positioned_at)


class LogGap(SwitchboardError):
    """A position is missing or lies beyond the head: a lost partition, a restore or a bug. Never skip it."""

    def __init__(self, after: int, found: str) -> None:
        super().__init__("log_gap", f"The log does not go on at position {after + 1}: {found}. Resynchronise.")


def appending(source: str) -> str:
    """The statement that appends the rows of `source`, which have uuid, key, type, version, occurred_at, actor,
    request_id, payload (jsonb) and ordinal. Within a larger statement, ids are taken only when the source has been read
    to its end; so let it depend on what is told of, that it be locked by then.
    """
    return f"""
INSERT INTO event (event_uuid, key, type, version, occurred_at, actor, request_id, payload)
SELECT uuid, key, type, version, occurred_at, actor, request_id, payload
FROM {source}
ORDER BY ordinal
"""


_APPEND = appending("""(
  SELECT uuid, key, type, version, occurred_at, actor, request_id, payload::jsonb AS payload, ordinal
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
       WITH ORDINALITY AS given (uuid, key, type, version, occurred_at, actor, request_id, payload, ordinal)
) AS told""")

_COLUMNS = """
SELECT p.position, p.positioned_at, e.id, e.created_at, e.event_uuid, e.key, e.type, e.version, e.occurred_at,
       e.actor, e.request_id, e.payload::text AS payload
FROM event_position p
LEFT JOIN event e ON e.id = p.event_id AND e.created_at = p.event_created_at
"""


async def append(session: AsyncSession, act: Act, events: Sequence[Appendable]) -> list[UUID]:
    """Append within the caller's transaction and return the events' ids, in their order.

    Call it after the rows it tells of are changed, so that their locks are held: among transactions that change the
    same row, the order of event ids is then the order of the changes. Pending ORM changes are flushed first for the
    same reason.
    """
    return await append_each(session, [(act, event) for event in events])


async def append_each(session: AsyncSession, entries: Sequence[tuple[Act, Appendable]]) -> list[UUID]:
    """`append` for a batch that serves several requests: each event under its own act."""
    if not entries:
        return []
    await session.flush()
    acts, events = [act for act, _ in entries], [event for _, event in entries]
    uuids = [act.new_id() for act in acts]
    connection = await driver_connection(session)
    await connection.execute(
        _APPEND,
        uuids,
        [event.key for event in events],
        [event.type for event in events],
        [event.version for event in events],
        [act.now for act in acts],
        [act.actor for act in acts],
        [tracing.carry(act.request_id) for act in acts],
        [event.model_dump_json() for event in events],
    )
    note_appended(session, len(events))
    return uuids


def note_appended(session: AsyncSession, number: int) -> None:
    """So that the dispatcher is woken after the commit."""
    session.info[APPENDED] = session.info.get(APPENDED, 0) + number


async def read(connection: "asyncpg.Connection[Any]", after: Position, *, limit: int = READ_LIMIT) -> list[StoredEvent]:
    """The next events after a cursor, at most `limit`; none at the head. Take a connection of `connect_to_log`.

    Raises LogGap when a position between the cursor and the last one read is missing.
    """
    rows = await _fetch_page(connection, after, limit)
    if not rows:
        at = await head(connection)
        if at.number == after.number:
            return []
        # The head may have moved since the page was read; only a second look tells that from a gap.
        rows = await _fetch_page(connection, after, limit)
        if not rows:
            raise LogGap(after.number, f"the head is {at.number} and nothing follows")
    for expected, row in enumerate(rows, start=after.number + 1):
        if row["position"] != expected or row["id"] is None:
            raise LogGap(expected - 1, f"found {row['position']}" + ("" if row["id"] else " without its event"))
    return [_stored(row) for row in rows]


async def read_one(connection: "asyncpg.Connection[Any]", position: int) -> StoredEvent:
    """The event at one position, wherever it lies. LogGap when it is gone."""
    row = await connection.fetchrow(f"{_COLUMNS} WHERE p.position = $1", position)
    if row is None or row["id"] is None:
        raise LogGap(position - 1, "it is gone")
    return _stored(row)


async def head(connection: "asyncpg.Connection[Any]") -> Position:
    """The last position given."""
    row = await connection.fetchrow(
        "SELECT last_position, positioned_at FROM event_dispatch ORDER BY batch DESC LIMIT 1"
    )
    return Position(row["last_position"], row["positioned_at"]) if row and row["last_position"] else ZERO


async def beginning(connection: "asyncpg.Connection[Any]") -> Position:
    """The cursor of a reader that has seen nothing of what is kept. Not 0 once old months were dropped."""
    first = await connection.fetchval("SELECT min(position) FROM event_position")
    return Position(first - 1, None) if first else await head(connection)


async def floor(connection: "asyncpg.Connection[Any]", since: datetime) -> int:
    """The first position given at `since` or later; the one after the head when there is none.

    A reader whose cursor is at `floor - 1` or above can be replayed from there.
    """
    # Times rise with positions, so halving finds it in some 25 probes; an index on the time would cost each insert.
    low = (await beginning(connection)).number + 1
    high = (await head(connection)).number + 1
    while low < high:
        middle = (low + high) // 2
        given_at = await connection.fetchval("SELECT positioned_at FROM event_position WHERE position = $1", middle)
        # Gone amid the search: its month was dropped, and whatever is left is younger.
        low, high = (low, middle) if given_at is not None and given_at >= since else (middle + 1, high)
    return low


async def incarnation(connection: "asyncpg.Connection[Any]") -> int:
    """Rises whenever positions may have been given again (a restore); outside cursors carry it."""
    found: int | None = await connection.fetchval("SELECT incarnation FROM installation")
    return found or 1


async def _fetch_page(connection: "asyncpg.Connection[Any]", after: Position, limit: int) -> list[asyncpg.Record]:
    if after.positioned_at is None:
        return await _fetch(
            connection, f"{_COLUMNS} WHERE p.position > $1 ORDER BY p.position LIMIT $2", after.number, limit
        )
    # positioned_at never decreases with the position, so the cursor's time bounds what can follow. The days stand in
    # the text, so that the plan holds no older partition; the driver prepares the statement anew for each day.
    day = after.positioned_at.date()
    return await _fetch(
        connection,
        f"{_COLUMNS} AND {created_since(day - LONGEST_TRANSACTION)}"
        f" WHERE p.position > $1 AND p.positioned_at >= $2 AND p.positioned_at >= '{day}T00:00:00Z'"
        " ORDER BY p.position LIMIT $3",
        after.number,
        after.positioned_at,
        limit,
    )


async def _fetch(connection: "asyncpg.Connection[Any]", statement: str, *values: Any) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
    return rows


def created_since(day: date) -> str:
    """A bound on the partition key of `event`, constant, so that it decides at planning which partitions matter."""
    return f"e.created_at >= '{day}T00:00:00Z'"


def _stored(row: asyncpg.Record) -> StoredEvent:
    return StoredEvent(*row)
