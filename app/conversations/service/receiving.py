"""Conversations' part of the door: a batch of incoming messages finds its conversations and is stored."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import continuing
from app.conversations.arrival import Arrival, NewMessage, Received, plan
from app.conversations.continuing import Continuation, Continued
from app.conversations.repository import continuing as continuations
from app.conversations.repository import intake as repository
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


async def go_on(session: AsyncSession, act: Act, messages: Sequence[Continuation]) -> list[Continued | None]:
    """Store messages of contacts whose conversation is open, with their events, in one statement. `session`: of
    `Database.autocommit`.

    None in the place of those who have no open one, write to an account that is switched off, or of whom something came
    in before; nothing is stored of them. Raises asyncpg.UniqueViolationError when one comes in at this moment by
    another process, or twice in the batch; then nothing at all is stored.
    """
    ids = [act.new_id() for _ in messages]
    told = [continuing.told(one, message_id, act.now) for one, message_id in zip(messages, ids, strict=True)]
    stored = await continuations.store(session, act, messages, ids, told)
    return [
        Continued(one, Received(place[0], message_id, place[1], act.now, duplicate=False), place[2]) if place else None
        for one, message_id, place in zip(messages, ids, stored, strict=True)
    ]
