"""Typing and viewing: over the bus to every process, there to whoever may see the conversation; never stored."""

import asyncio
from typing import Any, Protocol
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.conversations import service as conversations
from app.core.bus import Bus
from app.core.database import Database
from app.core.driver import raise_if_cancelled
from app.core.errors import NotFound
from app.realtime.audience import Reach, Viewer, Visitor
from app.realtime.connection import Connection
from app.realtime.frames import Signal, Who
from app.realtime.roster import Roster

log = structlog.get_logger(__name__)

CHANNEL = "signal"
MAX_WAITING = 1_000


class SignalSeat(Protocol):
    connection: Connection

    @property
    def viewer(self) -> Viewer: ...


class Signals:
    def __init__(self, database: Database, bus: Bus, roster: Roster[Any]) -> None:
        self._database = database
        self._bus = bus
        self._roster: Roster[SignalSeat] = roster
        self._waiting: asyncio.Queue[Signal] = asyncio.Queue(MAX_WAITING)
        bus.subscribe(CHANNEL, self._hear)

    async def tell(self, principal: Principal, who: Who, name: str, conversation_id: UUID, *, on: bool) -> None:
        """Raises NotFound when the teller may not see the conversation."""
        async with self._database.transaction() as session:
            facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
        if facts is None or not may_see(principal, facts.rights):
            raise NotFound("conversation_not_found", "There is no such conversation, or you may not see it.")
        await self._publish(who, name, conversation_id, on=on)

    async def tell_as_visitor(self, who: Who, conversation_id: UUID, *, on: bool) -> None:
        """The caller knows that the conversation is the visitor's."""
        await self._publish(who, "typing", conversation_id, on=on)

    async def _publish(self, who: Who, name: str, conversation_id: UUID, *, on: bool) -> None:
        payload = {"name": name, "conversation_id": conversation_id, "who": who, "on": on}
        await self._bus.publish(CHANNEL, Signal.model_validate(payload).model_dump(mode="json"))

    def _hear(self, payload: dict[str, Any]) -> None:
        if not len(self._roster):
            return
        try:
            self._waiting.put_nowait(Signal.model_validate(payload))
        except (asyncio.QueueFull, ValidationError) as error:
            log.info("signal_dropped", error=type(error).__name__)

    async def run(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                async with self._database.transaction() as session:
                    await self._pass_on(session, batch)
            except Exception as error:
                raise_if_cancelled()
                log.warning("signals_lost", count=len(batch), exc_info=error)

    async def _pass_on(self, session: AsyncSession, batch: list[Signal]) -> None:
        facts = await conversations.facts_of(session, list({signal.conversation_id for signal in batch}))
        for signal in batch:
            found = facts.get(signal.conversation_id)
            if found is None:
                continue
            rights = found.rights
            reach = Reach(
                agents=frozenset({rights.owner_id} if rights.owner_id else ()),
                teams=frozenset({rights.team_id} if rights.team_id else ()),
                wide=True,
                contact_point_id=found.contact_point_id if is_for_visitor(signal) else None,
            )
            text, public = signal.text(), for_visitor(signal).text()
            for seat in self._roster.within(reach):
                if isinstance(seat.viewer, Visitor):
                    seat.connection.push(public)
                elif seat.viewer.id != signal.who.id and may_see(seat.viewer, rights):
                    seat.connection.push(text)


def is_for_visitor(signal: Signal) -> bool:
    """Customers learn that somebody is writing to them, not who looks at their conversation."""
    return signal.name == "typing" and signal.who.kind == "agent"


def for_visitor(signal: Signal) -> Signal:
    return signal.model_copy(update={"who": signal.who.model_copy(update={"id": None})})
