"""Conversations' part of the door: a batch of incoming messages finds its conversations and is stored."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations.arrival import Arrival, Head, NewMessage, Received, events_of, plan
from app.conversations.repository import intake as repository
from app.conversations.repository.intake import Pair
from app.core.act import Act


async def receive(
    session: AsyncSession, act: Act, arrivals: Sequence[Arrival]
) -> tuple[list[Received], list[NewMessage]]:
    """Store what is new of the arrivals. Returns where each went, in order, and the new messages, for their events.

    The contacts must be locked (`customers.service.resolve_writers`): two transactions that decide about the same
    contact would otherwise both begin a conversation.
    """
    names = [arrival.name for arrival in arrivals]
    answered = [(arrival.channel_account_id, arrival.thread_key) for arrival in arrivals if arrival.thread_key]
    pairs = sorted({(arrival.channel_account_id, arrival.contact_point_id) for arrival in arrivals})
    known, heads = await repository.lock_standing(session, names, answered, pairs)
    if all(name in known for name in names):
        return [known[name] for name in names], []
    # Rare, so a second look costs less than a join in every batch. A merge points at one that is not merged itself.
    going_on = {head.merged_into_id for head in heads if head.merged_into_id} - {head.id for head in heads}
    heads += await repository.lock_heads(session, sorted(going_on)) if going_on else []
    made = plan(arrivals, known, heads, act.now, act.new_id)
    new = [head for head in made.heads if head.number == 0]
    old = [head for head in made.heads if head.number != 0]
    if new:
        await repository.add_heads(session, new, act.now)
    await repository.store_messages(session, old, made.messages, act.now)
    return made.received, made.messages


async def find_going_on(session: AsyncSession, names: Sequence[tuple[UUID, UUID, str]]) -> dict[Pair, Head]:
    """Which of those who wrote these (channel account, contact point, provider id) go on with an open conversation.

    Left out: who has none, or sent again what had come in before, or writes to an account that is switched off.
    """
    return await repository.find_going_on(session, names) if names else {}


async def go_on(
    session: AsyncSession, act: Act, heads: Mapping[Pair, Head], arrivals: Sequence[Arrival]
) -> list[Received | None]:
    """Store arrivals without attachments, each of a contact whose open conversation was found a moment ago, with their
    events, in one statement. None in the place of those whose conversation has changed since: they are not stored.

    Raises asyncpg.UniqueViolationError when one came in meanwhile by another process; then nothing at all is stored.
    """
    if not arrivals:
        return []
    made = plan(arrivals, {}, heads.values(), act.now, act.new_id)
    told = [(act.under(each.arrival.request_id), event) for each in made.messages for event in events_of(each, act.now)]
    moved = await repository.store_going_on(session, made.heads, made.messages, told, act.now)
    return [received if received.conversation_id in moved else None for received in made.received]
