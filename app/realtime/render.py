"""Events as frames: written once per event and audience, whatever the number of sockets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.events.conversations import (
    ConversationOpened,
    ConversationRightsChanged,
    ConversationStatusChanged,
    DeliveryChanged,
    MessagePosted,
    MessageReceived,
    NoteAdded,
)
from app.events.event import ConversationEvent, Event, Rights
from app.events.routing import OfferMade
from app.events.sla import ClocksChanged
from app.realtime import audience
from app.realtime.audience import Delivery, Viewer, Visitor
from app.realtime.frames import EventFrame, Json, Removed, position_text
from app.realtime.shapes import PublicMessage

PUBLIC_DATA = {"conversation_id", "number", "message_id", "sequence", "message_class", "arrived_at", "client_id"}
PUBLIC_DATA |= {"state", "watermark", "before", "after", "reopened"}
"""Members of an event's payload that a visitor may learn; `before` and `after` only where they are statuses."""
PUBLIC_MESSAGE = tuple(name for name in PublicMessage.model_fields if name != "author")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event of the log with its place in it. `event` is None when this release does not know its type."""

    number: int
    id: UUID
    type: str
    version: int
    at: datetime
    payload: Mapping[str, Any]
    event: Event | None
    request_id: str = ""
    """Only where a trace goes on with it."""

    @property
    def conversation_id(self) -> UUID | None:
        return self.event.conversation_id if isinstance(self.event, ConversationEvent) else None

    @property
    def message_id(self) -> UUID | None:
        return self.event.message_id if isinstance(self.event, MessageReceived | MessagePosted | NoteAdded) else None


@dataclass(frozen=True, slots=True)
class Context:
    """What the database says now about a batch of events; loaded in one go, then everything is decided from it."""

    rights: Mapping[UUID, Rights] = field(default_factory=dict)
    contact_points: Mapping[UUID, UUID] = field(default_factory=dict)
    """Conversation to contact point."""
    messages: Mapping[UUID, Json] = field(default_factory=dict)
    summaries: Mapping[UUID, Json] = field(default_factory=dict)
    """Of conversations that opened: as somebody sees them who has read nothing."""
    gained: Mapping[tuple[UUID, UUID], Json] = field(default_factory=dict)
    """(agent, conversation) to the summary as that agent sees it."""
    offers: Mapping[UUID, Json] = field(default_factory=dict)
    owner_names: Mapping[UUID, str] = field(default_factory=dict)
    faces: Mapping[UUID, Json] = field(default_factory=dict)
    """Conversation to its most urgent open clock, of those whose clocks changed."""


class Texts:
    """The frames one occurrence becomes. Asks for each audience's text only when somebody needs it."""

    def __init__(self, occurrence: Occurrence, context: Context, incarnation: int) -> None:
        self.occurrence = occurrence
        self._context = context
        self._position = position_text(incarnation, occurrence.number)
        self._written: dict[Delivery | type[Visitor], str] = {}

    def delivery(self, viewer: Viewer) -> Delivery:
        event = self.occurrence.event
        if event is None:
            return Delivery.NOTHING
        present, contact_point_id = self._present()
        if isinstance(viewer, Visitor):
            return audience.delivery_to_visitor(viewer, event, contact_point_id)
        return audience.delivery_to_agent(viewer, event, present)

    def reach(self) -> audience.Reach:
        if self.occurrence.event is None:
            return audience.Reach()
        return audience.reach_of(self.occurrence.event, *self._present())

    def text(self, viewer: Viewer, delivery: Delivery) -> str | None:
        """None: nothing to send. RECHECK is no frame either: the hub acts on it."""
        if delivery in (Delivery.NOTHING, Delivery.RECHECK):
            return None
        if isinstance(viewer, Visitor):
            return self._once(Visitor, self._visitor_text)
        if delivery is Delivery.GAINED:
            gained = self._context.gained.get((viewer.id, self._conversation_id()))
            return self._frame({**self._data(), "conversation": gained})
        if delivery is Delivery.REMOVED:
            return self._once(delivery, self._removed_text)
        if delivery is Delivery.OFFER:
            return self._once(delivery, self._offer_text)
        return self._once(Delivery.EVENT, lambda: self._frame(self._data()))

    def _once(self, key: Delivery | type[Visitor], write: Callable[[], str]) -> str:
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def _present(self) -> tuple[Rights | None, UUID | None]:
        conversation_id = self.occurrence.conversation_id
        if conversation_id is None:
            return None, None
        return self._context.rights.get(conversation_id), self._context.contact_points.get(conversation_id)

    def _conversation_id(self) -> UUID:
        assert self.occurrence.conversation_id is not None
        return self.occurrence.conversation_id

    def _frame(self, data: Json) -> str:
        happened = self.occurrence
        return EventFrame(
            position=self._position,
            id=happened.id,
            event=happened.type,
            version=happened.version,
            at=happened.at,
            data=data,
        ).text()

    def _data(self) -> Json:
        data = dict(self.occurrence.payload)
        if self.occurrence.message_id is not None:
            data["message"] = self._context.messages.get(self.occurrence.message_id)
        if isinstance(self.occurrence.event, ConversationOpened):
            data["conversation"] = self._context.summaries.get(self.occurrence.event.conversation_id)
        if isinstance(self.occurrence.event, ClocksChanged):
            data["sla"] = self._context.faces.get(self.occurrence.event.conversation_id)
        return data

    def _removed_text(self) -> str:
        return Removed(position=self._position, conversation_id=self._conversation_id()).text()

    def _offer_text(self) -> str:
        assert isinstance(self.occurrence.event, OfferMade)
        return self._frame({**self._data(), "offer": self._context.offers.get(self.occurrence.event.offer_id)})

    def _visitor_text(self) -> str:
        event, payload = self.occurrence.event, self.occurrence.payload
        if isinstance(event, ConversationRightsChanged):
            owner_name = self._context.owner_names.get(event.after.owner_id) if event.after.owner_id else None
            agent = {"name": owner_name} if owner_name is not None else None
            waiting = {} if event.after.owner_id is None else {"queue": None}
            return self._frame({"conversation_id": str(event.conversation_id), "agent": agent, **waiting})
        data = {name: value for name, value in payload.items() if name in PUBLIC_DATA}
        if isinstance(event, MessageReceived | MessagePosted):
            data["message"] = public_message(self._context.messages.get(event.message_id))
        if isinstance(event, ConversationOpened):
            opened = {"id": str(event.conversation_id), "number": event.number}
            data["conversation"] = {**opened, "status": "open", "agent": None}
        assert isinstance(
            event, ConversationOpened | ConversationStatusChanged | MessageReceived | MessagePosted | DeliveryChanged
        )
        return self._frame(data)


def public_message(message: Json | None) -> Json | None:
    """A message as its customer may see it: no ids of people, and nothing at all unless it is public."""
    if message is None or message.get("visibility") != "public":
        return None
    author = message.get("author")
    public = {name: message.get(name) for name in PUBLIC_MESSAGE}
    return {**public, "author": {"name": author["name"]} if author else None}
