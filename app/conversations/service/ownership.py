"""Who has a conversation: routing decides, this stores it and tells it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.models import Conversation
from app.conversations.repository import writing as repository
from app.conversations.schemas import Placement
from app.conversations.service.locking import lock, rights_of
from app.core import event_log
from app.core.act import Act
from app.events.conversations import ConversationPriorityChanged, ConversationRightsChanged
from app.events.event import Event, Rights


async def set_owner(
    session: AsyncSession, act: Act, *, conversation_id: UUID, owner_id: UUID | None, reason: Any, note: str = ""
) -> None:
    """Give it to an agent, or to nobody. The caller has checked who may; `reason` is the event's."""
    conversation = await lock(session, conversation_id)
    after = rights_of(conversation).model_copy(update={"owner_id": owner_id})
    await _set(session, act, conversation, after, reason, note)


async def set_owners(session: AsyncSession, act: Act, owners: Mapping[UUID, UUID], *, reason: Any) -> None:
    """`set_owner` for a batch, conversation to agent, in one statement and one append."""
    events = [
        ConversationRightsChanged(conversation_id=conversation_id, before=before, after=after, reason=reason, note="")
        for conversation_id, before, after in await repository.give_owners(session, owners)
    ]
    await event_log.append(session, act, events)


async def set_queue(
    session: AsyncSession,
    act: Act,
    *,
    conversation_id: UUID,
    queue_id: UUID,
    team_id: UUID | None,
    owner_id: UUID | None = None,
    reason: Any,
    note: str = "",
) -> None:
    """Move it to a queue and that queue's team."""
    conversation = await lock(session, conversation_id)
    after = Rights(owner_id=owner_id, team_id=team_id, queue_id=queue_id)
    await _set(session, act, conversation, after, reason, note)


async def raise_priorities(session: AsyncSession, act: Act, wanted: Mapping[UUID, int], *, reason: str) -> None:
    """At least that priority for each, in one statement and one append; one that is as high already stays."""
    if not wanted:
        return
    events = [
        ConversationPriorityChanged(conversation_id=conversation_id, before=before, after=after, reason=reason)
        for conversation_id, before, after in await repository.raise_priorities(session, wanted)
    ]
    await event_log.append(session, act, events)


async def place(
    session: AsyncSession, wanted: Sequence[tuple[Act, Placement]], *, reason: Any = "queued", note: str = ""
) -> None:
    """Put each in its queue and set its priority, in one statement and one append, each under its own act."""
    if not wanted:
        return
    acts = {one.conversation_id: act for act, one in wanted}
    entries: list[tuple[Act, Event]] = []
    for row in await repository.place(session, [one for _, one in wanted]):
        before = Rights(owner_id=row["owner_id"], team_id=row["team_id"], queue_id=row["queue_id"])
        after = before.model_copy(update={"team_id": row["new_team_id"], "queue_id": row["new_queue_id"]})
        if before != after:
            moved = ConversationRightsChanged(
                conversation_id=row["id"], before=before, after=after, reason=reason, note=note
            )
            entries.append((acts[row["id"]], moved))
        if row["priority"] != row["new_priority"]:
            raised = ConversationPriorityChanged(
                conversation_id=row["id"], before=row["priority"], after=row["new_priority"], reason=note or reason
            )
            entries.append((acts[row["id"]], raised))
    await event_log.append_each(session, entries)


async def _set(
    session: AsyncSession, act: Act, conversation: Conversation, after: Rights, reason: Any, note: str
) -> None:
    before = rights_of(conversation)
    if before == after:
        return
    await event_log.append(session, act, [_change(conversation, before, after, reason, note)])


def _change(
    conversation: Conversation, before: Rights, after: Rights, reason: Any, note: str
) -> ConversationRightsChanged:
    conversation.owner_id, conversation.team_id, conversation.queue_id = after.owner_id, after.team_id, after.queue_id
    conversation.version += 1
    return ConversationRightsChanged(
        conversation_id=conversation.id, before=before, after=after, reason=reason, note=note
    )
