"""What a conversation is about, as somebody says."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.service.locking import lock_visible
from app.core import event_log
from app.core.act import Act
from app.events.conversations import ConversationCategorised


async def set_category(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, category: str
) -> None:
    """A code of the installation's own; "" takes it back. The same again changes nothing."""
    conversation = await lock_visible(session, principal, conversation_id)
    before = conversation.category
    if before == category:
        return
    conversation.category = category
    conversation.version += 1
    told = ConversationCategorised(conversation_id=conversation.id, before=before, after=category)
    await event_log.append(session, act, [told])
