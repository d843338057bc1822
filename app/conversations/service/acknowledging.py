"""Automatic messages to customers who wait: they answer nothing, so that the wait goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.models import Conversation
from app.conversations.repository import acknowledging, writing
from app.conversations.service.posting import delivery_of, next_message, posted_event
from app.conversations.status import UNRESOLVED
from app.conversations.texts import MAX_BODY_CHARACTERS, check_text
from app.core import event_log
from app.core.act import Act
from app.events.event import Event


@dataclass(frozen=True, slots=True)
class AcknowledgementText:
    body: str
    client_id: str
    request_id: str = ""


async def acknowledge(session: AsyncSession, act: Act, texts: Mapping[UUID, AcknowledgementText]) -> list[UUID]:
    """Post one to each of these conversations, and name those that got it.

    None gets a second one in its life, none where somebody has answered or resolved meanwhile, and none in which only
    machines have written.
    """
    if not texts:
        return []
    for text in texts.values():
        check_text(text.body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=1)
    # Locked before they are looked at: an answer that commits meanwhile is seen.
    locked = await writing.lock_many(session, texts)
    open_to_one = await acknowledging.list_unacknowledged(session, list(texts))
    waiting = [one for one in locked if one.id in open_to_one and _waits(one)]
    entries: list[tuple[Act, Event]] = []
    for conversation in waiting:
        text = texts[conversation.id]
        entries.append((act.under(text.request_id), _post(session, act, conversation, text)))
    await event_log.append_each(session, entries)
    return [conversation.id for conversation in waiting]


async def list_acknowledged_contacts(
    session: AsyncSession, contact_point_ids: Sequence[UUID], *, since: datetime
) -> set[UUID]:
    """The contacts that have been sent one since."""
    return await acknowledging.list_acknowledged_contacts(session, contact_point_ids, since=since)


def _waits(conversation: Conversation) -> bool:
    return conversation.status in UNRESOLVED and conversation.unanswered_since is not None


def _post(session: AsyncSession, act: Act, conversation: Conversation, text: AcknowledgementText) -> Event:
    message = next_message(
        act, conversation, body=text.body, client_id=text.client_id, message_class="auto_ack", author_id=None
    )
    session.add(message)
    session.add(delivery_of(act, message, conversation))
    return posted_event(conversation, message)
