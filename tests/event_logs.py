"""What tests of the event log share: events that belong to no package, and a dispatcher driven by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import asyncpg

from app.core import positions
from app.core.clock import Clock
from app.core.driver import connect_to_log
from app.core.event_log import StoredEvent
from app.events.event import Event


class Happened(Event):
    type: ClassVar[str] = "test.happened"
    subject: UUID
    note: str = ""

    @property
    def key(self) -> UUID:
        return self.subject


class HappenedOtherwise(Happened):
    type = "test.happened_otherwise"


class HappenedInFuture(Happened):
    version = 2


KNOWN_EVENTS = frozenset({("test.happened", 1), ("test.happened_otherwise", 1)})


Say = Callable[..., Awaitable[list[UUID]]]


class ByHand:
    """A dispatcher without election, for tests that decide when it works."""

    def __init__(self, connection: "asyncpg.Connection[Any]", clock: Clock) -> None:
        self.connection = connection
        self.clock = clock
        self.last: positions.Batch | None = None

    async def dispatch(self) -> int:
        """Position what there is; returns the head."""
        if self.last is None:
            self.last = await positions.resume(self.connection, self.clock)
        self.last = await positions.position_new(self.connection, self.clock, self.last) or self.last
        return self.last.last_position


@asynccontextmanager
async def opened_by_hand(database_url: str, clock: Clock) -> AsyncIterator[ByHand]:
    connection = await connect_to_log(database_url, application_name="tests")
    yield ByHand(connection, clock)
    await connection.close()


def stored(event: Event, at: datetime) -> StoredEvent:
    """As a consumer is given it, with a place in the log that nobody asks about."""
    return StoredEvent(
        position=1,
        positioned_at=at,
        id=1,
        created_at=at,
        uuid=event.key,
        key=event.key,
        type=event.type,
        version=event.version,
        occurred_at=at,
        actor="tests",
        request_id="",
        payload_text=event.model_dump_json(),
    )
