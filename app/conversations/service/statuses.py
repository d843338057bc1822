"""Changes of a conversation's status, by people and by time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation
from app.conversations.repository import writing as repository
from app.conversations.service.locking import lock, lock_visible, rights_of
from app.conversations.status import UNRESOLVED, StatusEffect, change, due_change
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict
from app.events.conversations import ConversationStatusChanged, Status

ENDED_BY_CUSTOMER = "ended_by_customer"
"""The disposition where nobody of ours gave one."""


async def change_status(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    to: Status,
    snoozed_until: datetime | None = None,
) -> None:
    """To where it stands already changes nothing, but a snoozed one may get another time to wake."""
    conversation = await lock_visible(session, principal, conversation_id)
    if conversation.status == to and to != "snoozed":
        return
    await _change(session, act, conversation, to, snoozed_until=snoozed_until)


async def resolve(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, disposition: str
) -> None:
    """It closes after seven days, unless the customer writes before."""
    conversation = await lock_visible(session, principal, conversation_id)
    await _change(session, act, conversation, "resolved", disposition=disposition)


async def end_by_customer(session: AsyncSession, act: Act, *, conversation_id: UUID) -> None:
    """Whose it is ends it: it is resolved, and open again when they write. Ending it twice changes nothing."""
    conversation = await lock(session, conversation_id)
    if conversation.status in UNRESOLVED:
        await _change(session, act, conversation, "resolved", disposition=ENDED_BY_CUSTOMER)


async def reopen(session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID) -> None:
    """Conflict `another_conversation_open` when the contact has begun a new one meanwhile."""
    conversation = await lock_visible(session, principal, conversation_id)
    if conversation.status != "resolved":
        raise Conflict(
            "status_change_not_allowed", f"Only a resolved conversation is reopened; this one is {conversation.status}."
        )
    await _change(session, act, conversation, "open")


async def run_due(session: AsyncSession, act: Act, conversation_id: UUID, _outcome: Any = None) -> None:
    """Wake the snoozed, close the resolved: what the conversation's due row does."""
    conversation = await repository.lock(session, conversation_id)
    if conversation is None or conversation.run_at is None or conversation.run_at > act.now:
        return
    after = due_change(_status(conversation))
    if after is None:
        conversation.run_at = None
        await session.flush()
        return
    await _change(session, act, conversation, after, disposition=conversation.disposition)


async def _change(
    session: AsyncSession,
    act: Act,
    conversation: Conversation,
    to: Status,
    *,
    snoozed_until: datetime | None = None,
    disposition: str | None = None,
) -> None:
    before = _status(conversation)
    effect = change(
        before,
        to,
        act.now,
        resolved_at=conversation.resolved_at,
        disposition=disposition,
        snoozed_until=snoozed_until,
    )
    _apply(conversation, effect)
    try:
        await session.flush()
    except IntegrityError as error:  # the contact has one unresolved conversation on the channel account at most
        raise Conflict(
            "another_conversation_open", "The customer has a newer open conversation: go on there."
        ) from error
    changed = ConversationStatusChanged(
        conversation_id=conversation.id,
        before=before,
        after=effect.status,
        reopened=effect.reopened,
        effective_at=act.now,
        rights=rights_of(conversation),
        channel=conversation.channel,
        priority=conversation.priority,
        snoozed_until=effect.snoozed_until,
        disposition=effect.disposition,
    )
    await event_log.append(session, act, [changed])


def _apply(conversation: Conversation, effect: StatusEffect) -> None:
    conversation.status = effect.status
    conversation.resolved_at = effect.resolved_at
    conversation.snoozed_until = effect.snoozed_until
    conversation.disposition = effect.disposition
    conversation.run_at = effect.run_at
    conversation.parked_at, conversation.attempts = None, 0
    conversation.version += 1
    if effect.answered:
        conversation.unanswered_since = None


def _status(conversation: Conversation) -> Status:
    status: Any = conversation.status  # the table's check allows no other word
    return status  # type: ignore[no-any-return]
