"""Words of the system to customers who wait: they answer nothing, so that the wait goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.repository import writing
from app.conversations.service.posting import delivery_of, next_message, posted_event
from app.conversations.status import UNRESOLVED
from app.conversations.texts import MAX_BODY_CHARACTERS, check_text
from app.core import event_log
from app.core.act import Act
from app.events.event import Event


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said; several are said in their order."""

    bodies: tuple[str, ...]
    client_id: str


async def announce(session: AsyncSession, act: Act, said: Mapping[UUID, Announcement]) -> None:
    """By conversation; their channels deliver it. One that was resolved meanwhile gets nothing."""
    if not said:
        return
    entries: list[tuple[Act, Event]] = []
    for conversation in await writing.lock_many(session, said):
        if conversation.status not in UNRESOLVED:
            continue
        one = said[conversation.id]
        for number, body in enumerate(one.bodies):
            message = next_message(
                act,
                conversation,
                body=check_text(body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=1),
                client_id=f"{one.client_id}:{number}",
                message_class="system",
                author_id=None,
            )
            session.add(message)
            session.add(delivery_of(act, message, conversation))
            entries.append((act, posted_event(conversation, message)))
    await event_log.append_each(session, entries)
