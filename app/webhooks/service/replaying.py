"""Sending again what was sent, or missed: one delivery, or everything of a time."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.database import driver_connection
from app.core.errors import Conflict, InvalidInput
from app.core.event_log import Position
from app.core.http import Page, cursor_number, decode_cursor, encode_cursor
from app.webhooks import repository
from app.webhooks.attempts import State
from app.webhooks.models import WebhookDelivery
from app.webhooks.schemas import DeliveryView, ReplayResult
from app.webhooks.service.enqueueing import enqueue_again, enqueue_test, wake

REPLAY_BACK = timedelta(days=30)
REPLAY_EVENTS_MAX = 10_000
"""Events looked at by one request; the answer says where to go on."""
PAGE = 500


async def list_deliveries(
    session: AsyncSession, *, endpoint_id: UUID | None, state: State | None, cursor: str | None, limit: int
) -> Page[DeliveryView]:
    """Newest first."""
    before = None if cursor is None else decode_cursor(cursor, (UUID,))[0]
    found = await repository.list_deliveries(
        session, endpoint_id=endpoint_id, state=state, before=before, limit=limit + 1
    )
    more = encode_cursor(str(found[limit - 1].id)) if len(found) > limit else None
    return Page(items=[_view(each) for each in found[:limit]], next_cursor=more)


async def send_test(session: AsyncSession, act: Act, *, endpoint_id: UUID) -> DeliveryView:
    """Send `webhook.test` to it. Raises Conflict `webhook_endpoint_disabled`."""
    endpoint = await repository.get_endpoint(session, endpoint_id)
    if not endpoint.enabled:
        raise Conflict("webhook_endpoint_disabled", "Enable the endpoint first: nothing is sent to it.")
    delivery_id = await enqueue_test(session, act, endpoint)
    return _view(await repository.lock_delivery(session, delivery_id))


async def replay_delivery(session: AsyncSession, act: Act, *, delivery_id: UUID) -> DeliveryView:
    """All tries begin anew, whatever became of it. What still is pending is tried at once."""
    delivery = await repository.lock_delivery(session, delivery_id)
    await repository.get_endpoint(session, delivery.endpoint_id)
    delivery.state, delivery.tries, delivery.next_try_at, delivery.replayed = "pending", 0, act.now, True
    await session.flush()
    await wake(session, act, {delivery.endpoint_id})
    return _view(delivery)


async def replay_range(
    session: AsyncSession, act: Act, *, endpoint_id: UUID, since: datetime, until: datetime, cursor: str | None
) -> ReplayResult:
    """What the endpoint hears of now, from the log, also what it never was sent (new, disabled, other types then).

    Times are those at which events became visible. Raises InvalidInput `replay_range_invalid`.
    """
    endpoint = await repository.lock_endpoint(session, endpoint_id)
    if not act.now - REPLAY_BACK <= since < until:
        raise InvalidInput("replay_range_invalid", "`since` lies before `until`, and at most 30 days back.")
    connection = await driver_connection(session)
    start = await event_log.floor(connection, since) - 1
    if cursor is not None:
        start = max(start, decode_cursor(cursor, (cursor_number,))[0])
    after = Position(start, None)
    replayed = 0
    for _ in range(REPLAY_EVENTS_MAX // PAGE):
        page = await event_log.read(connection, after, limit=PAGE)
        wanted = [event for event in page if event.positioned_at < until]
        replayed += await enqueue_again(session, act, endpoint, wanted)
        if len(wanted) < PAGE:
            return ReplayResult(replayed=replayed, next_cursor=None)
        after = page[-1].cursor
    return ReplayResult(replayed=replayed, next_cursor=encode_cursor(after.number))


def _view(delivery: WebhookDelivery) -> DeliveryView:
    members = {name: getattr(delivery, name) for name in set(DeliveryView.model_fields) - {"event_id"}}
    return DeliveryView.model_validate(members | {"event_id": delivery.event_uuid})
