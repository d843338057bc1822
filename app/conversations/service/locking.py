"""A conversation under lock, as a verb begins with it, and its rights."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation
from app.conversations.repository import writing as repository
from app.core.errors import NotFound
from app.events.event import Rights


def not_found() -> NotFound:
    return NotFound("conversation_not_found", "There is no such conversation, or you may not see it.")


async def lock_visible(session: AsyncSession, principal: Principal, conversation_id: UUID) -> Conversation:
    conversation = await repository.lock_visible(session, principal, conversation_id)
    if conversation is None:
        raise not_found()
    return conversation


async def lock(session: AsyncSession, conversation_id: UUID) -> Conversation:
    """For acts of the system, which sees all."""
    conversation = await repository.lock(session, conversation_id)
    if conversation is None:
        raise not_found()
    return conversation


def rights_of(conversation: Conversation) -> Rights:
    return Rights(owner_id=conversation.owner_id, team_id=conversation.team_id, queue_id=conversation.queue_id)
