"""What the database says now about a batch of events: rights, bodies, summaries, each in one query a batch."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.continuing import Continued
from app.core import tracing
from app.core.event_log import StoredEvent
from app.events import catalogue
from app.events.conversations import ConversationOpened, ConversationRightsChanged
from app.events.event import Event, Rights
from app.events.routing import OfferMade
from app.events.sla import ClocksChanged
from app.realtime.audience import Reach, Viewer, Visitor, gains, reach_of
from app.realtime.frames import Json
from app.realtime.render import Context, Occurrence
from app.routing import service as routing
from app.sla.service import faces

log = structlog.get_logger(__name__)

Receivers = Callable[[Reach], Sequence[Viewer]]
"""Whom of a reach this process could deliver to."""


def occurrence_of(stored: StoredEvent) -> Occurrence:
    return Occurrence(
        number=stored.position,
        id=stored.uuid,
        type=stored.type,
        version=stored.version,
        at=stored.occurred_at,
        payload=stored.payload,
        event=_parse(stored),
        request_id=stored.request_id if tracing.is_carried(stored.request_id) else "",
    )


def _parse(stored: StoredEvent) -> Event | None:
    try:
        return catalogue.parse(stored.type, stored.version, stored.payload)
    except (KeyError, ValidationError):
        # A newer release wrote it. Sockets of this one cannot judge who may have it, so nobody gets it here.
        log.warning("event_unknown", type=stored.type, version=stored.version, position=stored.position)
        return None


async def load_context(
    session: AsyncSession, now: datetime, occurrences: Sequence[Occurrence], receivers: Receivers
) -> Context:
    """Loads only what somebody here may get. `receivers` is asked once per occurrence, after the rights are known."""
    ids = {each.conversation_id for each in occurrences if each.conversation_id is not None}
    if not ids or not receivers(Reach(everyone=True)):
        return Context()
    message_ids = [each.message_id for each in occurrences if each.message_id is not None]
    facts, contents = await conversations.facts_and_contents_of(session, ids, message_ids)
    rights = {each: found.rights for each, found in facts.items()}
    contact_points = {each: found.contact_point_id for each, found in facts.items()}
    wanted = [
        (occurrence, viewers)
        for occurrence in occurrences
        if (viewers := _viewers_of(occurrence, rights, contact_points, receivers))
    ]
    events = [occurrence.event for occurrence, _ in wanted]
    return Context(
        rights=rights,
        contact_points=contact_points,
        messages={
            each.message_id: contents[each.message_id].model_dump(mode="json")
            for each, _ in wanted
            if each.message_id in contents
        },
        summaries=await _summaries(session, {e.conversation_id for e in events if isinstance(e, ConversationOpened)}),
        gained=await _gained(session, wanted, rights),
        offers=await _offers(session, now, wanted),
        owner_names=await _owner_names(session, wanted),
        faces=await _faces(session, events),
    )


def context_of_stored(stored: Sequence[Continued], occurrences: Sequence[Occurrence], receivers: Receivers) -> Context:
    """`load_context` of messages this process has just stored, one for each occurrence, without the database. Who may
    have them is judged by the rights they were stored under a moment ago: what has changed these comes after them."""
    rights = {one.received.conversation_id: one.rights for one in stored}
    contact_points = {one.received.conversation_id: one.message.contact_point_id for one in stored}
    return Context(
        rights=rights,
        contact_points=contact_points,
        messages={
            one.received.message_id: one.content().model_dump(mode="json")
            for one, occurrence in zip(stored, occurrences, strict=True)
            if _viewers_of(occurrence, rights, contact_points, receivers)
        },
    )


def _viewers_of(
    occurrence: Occurrence, rights: dict[UUID, Rights], contact_points: dict[UUID, UUID], receivers: Receivers
) -> Sequence[Viewer]:
    conversation_id = occurrence.conversation_id
    if occurrence.event is None or conversation_id is None:
        return ()
    reach = reach_of(occurrence.event, rights.get(conversation_id), contact_points.get(conversation_id))
    return receivers(reach)


Wanted = list[tuple[Occurrence, Sequence[Viewer]]]


async def _summaries(session: AsyncSession, ids: set[UUID]) -> dict[UUID, Json]:
    if not ids:
        return {}
    found = await conversations.summaries_of(session, list(ids), reader_id=None)
    return {one.id: one.model_dump(mode="json") for one in await faces.with_faces(session, list(found.values()))}


async def _faces(session: AsyncSession, events: Sequence[Event | None]) -> dict[UUID, Json]:
    """Of conversations whose clocks changed: one query, whatever their number."""
    ids = {event.conversation_id for event in events if isinstance(event, ClocksChanged)}
    found = await faces.list_faces(session, ids)
    return {conversation_id: face.model_dump(mode="json") for conversation_id, face in found.items()}


async def _gained(session: AsyncSession, wanted: Wanted, rights: dict[UUID, Rights]) -> dict[tuple[UUID, UUID], Json]:
    """One query for each agent who gained something: owners mostly, so there are few."""
    by_agent: dict[UUID, set[UUID]] = {}
    for occurrence, viewers in wanted:
        conversation_id = occurrence.conversation_id
        if not isinstance(occurrence.event, ConversationRightsChanged) or conversation_id is None:
            continue
        for viewer in viewers:
            if isinstance(viewer, Principal) and gains(viewer, occurrence.event, rights.get(conversation_id)):
                by_agent.setdefault(viewer.id, set()).add(conversation_id)
    gained: dict[tuple[UUID, UUID], Json] = {}
    for agent_id, ids in by_agent.items():
        found = await conversations.summaries_of(session, list(ids), reader_id=agent_id)
        for summary in await faces.with_faces(session, list(found.values())):
            gained[agent_id, summary.id] = summary.model_dump(mode="json")
    return gained


async def _offers(session: AsyncSession, now: datetime, wanted: Wanted) -> dict[UUID, Json]:
    agent_ids = {
        event.agent_id
        for occurrence, viewers in wanted
        if isinstance(event := occurrence.event, OfferMade)
        and any(isinstance(viewer, Principal) and viewer.id == event.agent_id for viewer in viewers)
    }
    offers: dict[UUID, Json] = {}
    for agent_id in agent_ids:
        for offer in await routing.list_offers(session, agent_id):
            offers[offer.id] = offer.model_dump(mode="json")
    return offers


async def _owner_names(session: AsyncSession, wanted: Wanted) -> dict[UUID, str]:
    """Of new owners whose customers are here."""
    ids = {
        event.after.owner_id
        for occurrence, viewers in wanted
        if isinstance(event := occurrence.event, ConversationRightsChanged)
        and event.after.owner_id is not None
        and any(isinstance(viewer, Visitor) for viewer in viewers)
    }
    return {each.id: each.name for each in await agents.list_facts(session, list(ids))} if ids else {}
