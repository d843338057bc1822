"""Conversations and messages as their readers see them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.repository import reading as repository
from app.conversations.schemas import ConversationFacts, MessageOut, Sort, Summary, Unowned, View
from app.conversations.service.locking import not_found
from app.conversations.status import UNRESOLVED
from app.events.event import Rights

Place = tuple[datetime, UUID]
"""Where a row stands in a list's order."""


async def facts_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, ConversationFacts]:
    """By id; unknown ids are left out. Nobody's permission is asked."""
    return await repository.list_facts(session, ids)


async def facts_and_contents_of(
    session: AsyncSession, ids: Collection[UUID], message_ids: Collection[UUID]
) -> tuple[dict[UUID, ConversationFacts], dict[UUID, MessageOut]]:
    """`facts_of` and `load_contents` in one round trip."""
    return await repository.list_facts_and_contents(session, ids, message_ids)


async def rights_of(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Rights]:
    return {one: facts.rights for one, facts in (await repository.list_facts(session, ids)).items()}


async def load_contents(session: AsyncSession, message_ids: Collection[UUID]) -> dict[UUID, MessageOut]:
    """Bodies by message id, in one query. Nobody's permission is asked."""
    return await repository.list_contents(session, message_ids)


async def summaries_of(session: AsyncSession, ids: Collection[UUID], *, reader_id: UUID | None) -> dict[UUID, Summary]:
    """By id, with the reader's own marks. Nobody's permission is asked."""
    return await repository.list_summaries(session, ids, reader_id=reader_id)


async def get_summary(session: AsyncSession, principal: Principal, conversation_id: UUID) -> Summary:
    if await repository.find_visible_id(session, principal, conversation_id) is None:
        raise not_found()
    return (await summaries_of(session, [conversation_id], reader_id=principal.id))[conversation_id]


async def list_summaries(
    session: AsyncSession,
    principal: Principal,
    *,
    view: View = "all",
    statuses: Sequence[str] = (),
    queue_id: UUID | None = None,
    channel: str | None = None,
    customer_id: UUID | None = None,
    sort: Sort = "newest",
    after: Place | None = None,
    limit: int,
) -> tuple[list[Summary], Place | None]:
    """One page of what the principal may see, and the place after which the next one begins (None: the end)."""
    page = await repository.list_page(
        session,
        principal,
        view=view,
        statuses=statuses,
        queue_id=queue_id,
        channel=channel,
        customer_id=customer_id,
        sort=sort,
        after=after,
        limit=limit + 1,
    )
    shown = page[:limit]
    summaries = await summaries_of(session, [one for one, _ in shown], reader_id=principal.id)
    last = (shown[-1][1], shown[-1][0]) if len(page) > limit else None
    return [summaries[one] for one, _ in shown if one in summaries], last


async def list_open(session: AsyncSession, principal: Principal, *, view: View, limit: int) -> list[Summary]:
    """The newest unresolved ones of a view."""
    summaries, _ = await list_summaries(session, principal, view=view, statuses=sorted(UNRESOLVED), limit=limit)
    return summaries


async def list_messages(
    session: AsyncSession, principal: Principal, conversation_id: UUID, *, before: int | None, limit: int
) -> list[MessageOut]:
    """The last messages before a sequence, notes among them, oldest first."""
    if await repository.find_visible_id(session, principal, conversation_id) is None:
        raise not_found()
    return await repository.list_messages(session, conversation_id, before=before, limit=limit)


async def find_of_contact(session: AsyncSession, *, contact_point_id: UUID, channel_account_id: UUID) -> UUID | None:
    """The conversation a customer goes on with on this channel account, if there is one that is not closed."""
    return await repository.find_of_contact(
        session, contact_point_id=contact_point_id, channel_account_id=channel_account_id
    )


async def list_unowned_of_contacts(session: AsyncSession, contact_point_ids: Collection[UUID]) -> list[Unowned]:
    """Open conversations of these contacts that nobody owns, in one query. Nobody's permission is asked."""
    return await repository.list_unowned_of_contacts(session, contact_point_ids)


async def list_public_messages(
    session: AsyncSession, conversation_id: UUID, *, before: int | None = None, after: int | None = None, limit: int
) -> list[MessageOut]:
    """What the customer sees of a conversation: never a note. Nobody's permission is asked."""
    return await repository.list_messages(
        session, conversation_id, before=before, after=after, public_only=True, limit=limit
    )
