"""Work kept for the agent who served its customer last (ring 0)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.routing.last_agent import held_until, remembered_seconds
from app.routing.models import Queue, WorkItem
from app.routing.service.desk import set_timer


async def keep_for_last_agents(session: AsyncSession, fresh: Sequence[tuple[WorkItem, UUID, Queue]]) -> None:
    """New works with their customers and queues, not stored yet. One statement for all of them at most."""
    memories = [
        (work, customer_id, queue, memory)
        for work, customer_id, queue in fresh
        if (memory := remembered_seconds(work.channel, queue.last_agent_memory_seconds))
    ]
    if not memories:
        return
    since = min(work.ready_at - timedelta(seconds=memory) for work, _, _, memory in memories)
    last = await conversations.list_last_owners(
        session, {customer_id for _, customer_id, _, _ in memories}, since=since
    )
    for work, customer_id, queue, _ in memories:
        owner = last.get(customer_id)
        if owner is not None:
            keep_for(work, owner.agent_id, queue, work.ready_at, served_at=owner.served_at)
            set_timer(work, queue, work.ready_at)


def keep_for(work: WorkItem, agent_id: UUID, queue: Queue, now: datetime, *, served_at: datetime) -> None:
    """As long as the agent is remembered they rank first; as long as they are asked alone nobody else is."""
    memory = timedelta(seconds=remembered_seconds(work.channel, queue.last_agent_memory_seconds))
    work.sticky_agent_id = agent_id if served_at + memory >= now else None
    work.sticky_until = held_until(
        now,
        served_at=served_at,
        memory_seconds=memory.total_seconds(),
        # Half the target, not half the night: of what comes while it is closed the deadline is far.
        due_at=min(work.due_at, now + timedelta(seconds=queue.target_seconds)),
        patience_seconds=queue.last_agent_hold_seconds,
    )
