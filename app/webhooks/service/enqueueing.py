"""From the log to deliveries: one row for each event and each endpoint that hears of it."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core.act import Act
from app.core.due_rows import announce
from app.core.event_log import StoredEvent
from app.webhooks import repository
from app.webhooks.matching import NAMING_TYPES, TEST_TYPE, Listener, body_of
from app.webhooks.models import WebhookEndpoint
from app.webhooks.repository import Parcel

Pair = tuple[Listener, StoredEvent]


async def enqueue(session: AsyncSession, act: Act, events: Sequence[StoredEvent]) -> None:
    """For all enabled endpoints. Given the same events again, it adds nothing."""
    listeners = await repository.list_listeners(session)
    pairs = [(listener, event) for event in events for listener in listeners if _hears(listener, event)]
    await _add(session, act, await _of_real_customers(session, pairs), replayed=False)


async def enqueue_again(
    session: AsyncSession, act: Act, endpoint: WebhookEndpoint, events: Sequence[StoredEvent]
) -> int:
    """Those of the events that the endpoint hears of, whether it had them before or not. Returns how many."""
    listener = Listener(endpoint.id, endpoint.name, frozenset(endpoint.event_types))
    pairs = await _of_real_customers(session, [(listener, event) for event in events if _hears(listener, event)])
    await _add(session, act, pairs, replayed=True)
    return len(pairs)


async def enqueue_test(session: AsyncSession, act: Act, endpoint: WebhookEndpoint) -> UUID:
    """An event that tells nothing, for this endpoint only. Returns the delivery's id."""
    data = json.dumps({"endpoint_id": str(endpoint.id)})
    body = body_of(TEST_TYPE, act.now.isoformat(), data)
    delivery_id = act.new_id()
    parcel = Parcel(act.new_id(), TEST_TYPE, 0, endpoint.id, body)
    await repository.add_deliveries(session, [(delivery_id, endpoint.id, parcel)], now=act.now)
    await wake(session, act, {endpoint.id})
    return delivery_id


async def wake(session: AsyncSession, act: Act, endpoint_ids: set[UUID]) -> None:
    await repository.wake(session, endpoint_ids, now=act.now)
    announce(session, WebhookEndpoint.__tablename__, act.now)


def _hears(listener: Listener, event: StoredEvent) -> bool:
    named = event.payload.get("endpoints", ()) if event.type in NAMING_TYPES else ()
    return listener.hears(event.type, named)


async def _of_real_customers(session: AsyncSession, pairs: Sequence[Pair]) -> list[Pair]:
    """Without what probes did."""
    ids = {UUID(found) for _, event in pairs if (found := event.payload.get("conversation_id")) is not None}
    facts = await conversations.facts_of(session, ids) if ids else {}
    synthetic = {str(id_) for id_, fact in facts.items() if fact.synthetic}
    return [pair for pair in pairs if pair[1].payload.get("conversation_id") not in synthetic]


async def _add(session: AsyncSession, act: Act, pairs: Sequence[Pair], *, replayed: bool) -> None:
    if not pairs:
        return
    parcels = {event.uuid: _parcel(event) for _, event in pairs}
    rows = [(act.new_id(), listener.id, parcels[event.uuid]) for listener, event in pairs]
    await repository.add_deliveries(session, rows, now=act.now, replayed=replayed)
    await wake(session, act, {listener.id for listener, _ in pairs})


def _parcel(event: StoredEvent) -> Parcel:
    body = body_of(event.type, event.occurred_at.isoformat(), event.payload_text)
    return Parcel(event.uuid, event.type, event.position, event.key, body)
