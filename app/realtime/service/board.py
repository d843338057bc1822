"""The live wallboard: at most once a second, computed once for each distinct visibility."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled
from app.events.event import Event
from app.events.routing import OfferEnded, OfferMade, PresenceChanged, QueueChanged, WorkChanged
from app.events.sla import ClocksChanged, PauseOver, SlaBreached, SlaWarned
from app.realtime.audience import Viewer
from app.realtime.connection import Connection
from app.realtime.frames import Board
from app.realtime.roster import Roster

log = structlog.get_logger(__name__)

BOARD_EVENTS = (
    *(WorkChanged, OfferMade, OfferEnded, PresenceChanged, QueueChanged),
    *(ClocksChanged, SlaWarned, SlaBreached, PauseOver),
)
AT_MOST_EVERY_SECONDS = 1.0
AT_LEAST_EVERY_SECONDS = 5.0
"""A clock becomes due soon without an event where its policy warns at another share; and who watches sees it live."""

BoardSource = Callable[[AsyncSession, Principal, datetime], Awaitable[BaseModel]]
"""The wallboard as this principal may see it: a model with `as_of`, `queues`, `agents`, `sla`. Given by the wiring."""


class BoardSeat(Protocol):
    connection: Connection
    board: bool

    @property
    def viewer(self) -> Viewer: ...


class Boards:
    def __init__(self, database: Database, clock: Clock, roster: Roster[Any], source: BoardSource) -> None:
        self._database = database
        self._clock = clock
        self._roster: Roster[BoardSeat] = roster
        self._source = source
        self._due = asyncio.Event()

    def look(self, event: Event | None) -> None:
        if isinstance(event, BOARD_EVENTS):
            self._due.set()

    def ask(self) -> None:
        """A socket has just subscribed: it gets the board with the next round."""
        self._due.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AT_LEAST_EVERY_SECONDS):
                    await self._due.wait()
            self._due.clear()
            try:
                await self._send_round()
            except Exception as error:
                raise_if_cancelled()
                log.warning("board_failed", exc_info=error)
            await asyncio.sleep(AT_MOST_EVERY_SECONDS)

    async def _send_round(self) -> None:
        groups: dict[tuple[str, UUID | None], list[tuple[Principal, BoardSeat]]] = {}
        for seat in self._roster:
            viewer = seat.viewer
            if seat.board and isinstance(viewer, Principal) and "routing:read" in viewer.scopes:
                groups.setdefault(sight_of(viewer), []).append((viewer, seat))
        for group in groups.values():
            async with self._database.transaction() as session:
                board = await self._source(session, group[0][0], self._clock.now())
            text = Board(**board.model_dump(mode="json")).text()
            for _, seat in group:
                seat.connection.push(text)


def sight_of(principal: Principal) -> tuple[str, UUID | None]:
    """Principals with the same sight get the same board."""
    if principal.visibility == "all":
        return "all", None
    return principal.visibility, principal.team_id if principal.visibility == "team" else principal.id
