"""How far messages have come: read marks of agents, delivery of what we sent."""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Delivery
from app.conversations.repository import reading
from app.conversations.repository import writing as repository
from app.conversations.schemas import OutgoingMessage
from app.conversations.service.locking import lock, lock_visible
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, NotFound
from app.events.conversations import ConversationRead, DeliveryChanged, DeliveryState


async def mark_read(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, sequence: int
) -> None:
    """Move the agent's mark up to `sequence`, at most to the last message; never down."""
    if principal.kind != "agent":
        raise Forbidden("person_needed", "Only a person who logged in has read marks.")
    conversation = await lock_visible(session, principal, conversation_id)
    up_to = min(sequence, conversation.last_sequence)
    if up_to > 0 and await repository.set_read(
        session, agent_id=principal.id, conversation_id=conversation_id, sequence=up_to
    ):
        read = ConversationRead(conversation_id=conversation_id, agent_id=principal.id, sequence=up_to)
        await event_log.append(session, act, [read])


async def mark_customer_delivery(
    session: AsyncSession,
    act: Act,
    *,
    conversation_id: UUID,
    state: Literal["delivered", "read"],
    up_to_sequence: int,
) -> None:
    """The customer's side has got, or read, everything up to a sequence. Marks move only up; read implies delivered."""
    conversation = await lock(session, conversation_id)
    up_to = min(up_to_sequence, conversation.last_public_sequence)
    present = conversation.customer_read_sequence if state == "read" else conversation.customer_delivered_sequence
    if up_to <= present:
        return
    conversation.customer_delivered_sequence = max(conversation.customer_delivered_sequence, up_to)
    if state == "read":
        conversation.customer_read_sequence = up_to
    await repository.raise_deliveries(session, conversation_id, up_to_sequence=up_to, state=state, now=act.now)
    changed = DeliveryChanged(
        conversation_id=conversation_id, message_id=None, sequence=up_to, state=state, watermark=True
    )
    await event_log.append(session, act, [changed])


async def find_outgoing(session: AsyncSession, message_id: UUID) -> OutgoingMessage | None:
    return await reading.find_outgoing(session, message_id)


async def record_sent(session: AsyncSession, act: Act, message_id: UUID, *, provider_id: str | None) -> None:
    """The channel took it. A mark that came faster than this one stands."""
    delivery = await repository.lock_delivery(session, message_id)
    if delivery is None or delivery.run_at is None:
        return
    delivery.provider_id = provider_id
    await _end(session, act, delivery, "sent" if delivery.state in ("queued", "failed") else delivery.state, None)


async def record_failed(session: AsyncSession, act: Act, message_id: UUID, *, error_code: str) -> None:
    """The channel refuses it for good: the agent sees it and may send it again."""
    delivery = await repository.lock_delivery(session, message_id)
    if delivery is None or delivery.run_at is None:
        return
    await _end(session, act, delivery, "failed" if delivery.state == "queued" else delivery.state, error_code)


async def _end(session: AsyncSession, act: Act, delivery: Delivery, state: str, error_code: str | None) -> None:
    delivery.run_at = None
    if delivery.state != state:
        delivery.state, delivery.changed_at, delivery.error_code = state, act.now, error_code
        await event_log.append(session, act, [_changed(delivery)])
    await session.flush()


async def resend(session: AsyncSession, act: Act, principal: Principal, *, message_id: UUID) -> None:
    """Send a failed message again. Conflict `delivery_not_failed` for any other."""
    delivery = await repository.lock_delivery(session, message_id)
    visible = delivery and await reading.find_visible_id(session, principal, delivery.conversation_id)
    if delivery is None or visible is None:
        raise NotFound("message_not_found", "There is no such message of ours, or you may not see it.")
    if delivery.state != "failed" and delivery.parked_at is None:
        raise Conflict("delivery_not_failed", f"The message is {delivery.state}: it is not sent twice.")
    delivery.state, delivery.changed_at, delivery.error_code = "queued", act.now, None
    delivery.run_at, delivery.parked_at, delivery.attempts = act.now, None, 0
    await event_log.append(session, act, [_changed(delivery)])


def _changed(delivery: Delivery) -> DeliveryChanged:
    state: DeliveryState = delivery.state  # type: ignore[assignment]
    return DeliveryChanged(
        conversation_id=delivery.conversation_id,
        message_id=delivery.message_id,
        sequence=delivery.sequence,
        state=state,
        error_code=delivery.error_code,
    )
