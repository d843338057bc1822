"""What visitors in line are told: their place and the estimated wait, computed once for all sockets of a process."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled
from app.events.event import Event
from app.events.routing import PresenceChanged, QueueChanged, WorkChanged
from app.realtime.audience import Viewer, Visitor
from app.realtime.connection import Connection
from app.realtime.frames import InLine
from app.realtime.roster import Roster
from app.realtime.shapes import PublicQueue
from app.routing import service as routing
from app.routing.schemas import Place
from app.routing.waits import spoken_seconds

log = structlog.get_logger(__name__)

LINE_EVENTS = (WorkChanged, PresenceChanged, QueueChanged)
AT_MOST_EVERY_SECONDS = 3.0
AT_LEAST_EVERY_SECONDS = 15.0
"""Nothing tells that the latest took longer than those before."""
VISITORS_AT_ONCE = 5_000

Whose = tuple[UUID, UUID]
"""Contact point and channel account."""


class LineSeat(Protocol):
    connection: Connection

    @property
    def viewer(self) -> Viewer: ...

    @property
    def is_live(self) -> bool: ...


class Lines:
    def __init__(self, database: Database, clock: Clock, roster: Roster[Any]) -> None:
        self._database = database
        self._clock = clock
        self._roster: Roster[LineSeat] = roster
        self._due = asyncio.Event()
        self._told: WeakKeyDictionary[LineSeat, InLine] = WeakKeyDictionary()
        """What each seat heard last. Snapshots hold no places: whoever takes one is told anew."""

    def look(self, event: Event | None) -> None:
        if isinstance(event, LINE_EVENTS):
            self._due.set()

    def ask(self, seat: LineSeat) -> None:
        """A visitor's socket has just begun, perhaps anew."""
        if isinstance(seat.viewer, Visitor):
            self._told.pop(seat, None)
            self._due.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AT_LEAST_EVERY_SECONDS):
                    await self._due.wait()
            self._due.clear()
            try:
                for seats in self._portions():
                    await self._tell(seats)
            except Exception as error:
                raise_if_cancelled()
                log.warning("lines_failed", exc_info=error)
            await asyncio.sleep(AT_MOST_EVERY_SECONDS)

    def _portions(self) -> Iterator[dict[Whose, list[LineSeat]]]:
        """The sockets of visitors by whose they are, so many visitors at a time."""
        seats: dict[Whose, list[LineSeat]] = {}
        for seat in self._roster:
            viewer = seat.viewer
            if isinstance(viewer, Visitor) and seat.is_live:
                seats.setdefault((viewer.contact_point_id, viewer.channel_account_id), []).append(seat)
        whose = list(seats)
        for first in range(0, len(whose), VISITORS_AT_ONCE):
            yield {each: seats[each] for each in whose[first : first + VISITORS_AT_ONCE]}

    async def _tell(self, seats: Mapping[Whose, list[LineSeat]]) -> None:
        async with self._database.autocommit() as session:
            said = await self._load(session, {contact for contact, _ in seats})
        for whose, theirs in seats.items():
            for seat in theirs:
                self._push(seat, said.get(whose))

    async def _load(self, session: AsyncSession, contacts: set[UUID]) -> dict[Whose, InLine]:
        """A few statements, whatever the number of visitors."""
        unowned = await conversations.list_unowned_of_contacts(session, contacts)
        places = await routing.list_places(session, self._clock.now(), [each.id for each in unowned])
        return {
            (each.contact_point_id, each.channel_account_id): InLine(
                conversation_id=each.id, queue=public_queue(places[each.id])
            )
            for each in unowned
            if each.id in places
        }

    def _push(self, seat: LineSeat, frame: InLine | None) -> None:
        """Only what is new to them; once they stand in no line, that they do not."""
        last = self._told.get(seat)
        if frame is None and last is not None and last.queue is not None:
            frame = InLine(conversation_id=last.conversation_id, queue=None)
        if frame is not None and frame != last:
            self._told[seat] = frame
            seat.connection.push_frame(frame)


def public_queue(place: Place) -> PublicQueue:
    """Rounded as it may be told: the same words are not sent again for a few seconds more or less."""
    return PublicQueue(
        name=place.queue.name,
        names=place.queue.names,
        position=place.position,
        eta_p50_seconds=_told(place.eta_p50_seconds),
        eta_p90_seconds=_told(place.eta_p90_seconds),
    )


def _told(seconds: float | None) -> int | None:
    return None if seconds is None else spoken_seconds(seconds)
