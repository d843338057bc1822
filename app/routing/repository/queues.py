"""Statements on queues and their members."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.routing import capacity
from app.routing.models import Queue, QueueMember


async def get_queue(session: AsyncSession, queue_id: UUID) -> Queue:
    queue = await session.get(Queue, queue_id)
    if queue is None:
        raise NotFound("queue_not_found", "There is no such queue.")
    return queue


async def lock_queue(session: AsyncSession, queue_id: UUID) -> Queue:
    """New work may refer to it meanwhile."""
    queue = await session.get(Queue, queue_id, with_for_update={"key_share": True}, populate_existing=True)
    if queue is None:
        raise NotFound("queue_not_found", "There is no such queue.")
    return queue


async def list_queues(session: AsyncSession, queue_ids: Collection[UUID] | None = None) -> Sequence[Queue]:
    statement = select(Queue).order_by(Queue.name, Queue.id)
    if queue_ids is not None:
        statement = statement.where(Queue.id.in_(queue_ids))
    return (await session.scalars(statement)).all()


async def list_queues_after(session: AsyncSession, after: tuple[str, UUID] | None, limit: int) -> Sequence[Queue]:
    statement = select(Queue).order_by(Queue.name, Queue.id).limit(limit)
    if after is not None:
        name, queue_id = after
        statement = statement.where((Queue.name > name) | ((Queue.name == name) & (Queue.id > queue_id)))
    return (await session.scalars(statement)).all()


async def list_calendar_ids(session: AsyncSession) -> set[UUID]:
    """The business calendars in whose hours any queue is open."""
    named = select(Queue.calendar_id).where(Queue.calendar_id.is_not(None)).distinct()
    return {each for each in await session.scalars(named) if each is not None}


def add_queue(session: AsyncSession, queue: Queue) -> None:
    session.add(queue)


async def find_by_name(session: AsyncSession, name: str) -> Queue | None:
    return (
        await session.scalars(select(Queue).where(text("lower(name) = lower(:name)")), {"name": name})
    ).one_or_none()


async def list_member_ids(session: AsyncSession, queue_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    rows = await session.execute(
        select(QueueMember.queue_id, QueueMember.agent_id)
        .where(QueueMember.queue_id.in_(queue_ids))
        .order_by(QueueMember.queue_id, QueueMember.agent_id)
    )
    members: dict[UUID, list[UUID]] = {queue_id: [] for queue_id in queue_ids}
    for row in rows:
        members[row.queue_id].append(row.agent_id)
    return members


async def list_queue_ids_of(session: AsyncSession, agent_id: UUID) -> Sequence[UUID]:
    return (await session.scalars(select(QueueMember.queue_id).where(QueueMember.agent_id == agent_id))).all()


async def add_member(session: AsyncSession, queue_id: UUID, agent_id: UUID) -> bool:
    """False if the agent is a member already."""
    made = await session.execute(
        insert(QueueMember)
        .values(queue_id=queue_id, agent_id=agent_id)
        .on_conflict_do_nothing()
        .returning(QueueMember.agent_id)
    )
    return made.scalar_one_or_none() is not None


async def remove_member(session: AsyncSession, queue_id: UUID, agent_id: UUID) -> bool:
    gone = await session.execute(
        delete(QueueMember)
        .where(QueueMember.queue_id == queue_id, QueueMember.agent_id == agent_id)
        .returning(QueueMember.agent_id)
    )
    return gone.scalar_one_or_none() is not None


async def add_members(session: AsyncSession, queue_id: UUID, agent_ids: Collection[UUID]) -> int:
    """How many of them were no members yet."""
    if not agent_ids:
        return 0
    rows = [{"queue_id": queue_id, "agent_id": agent_id} for agent_id in sorted(agent_ids)]
    statement = insert(QueueMember).values(rows).on_conflict_do_nothing().returning(QueueMember.agent_id)
    return len((await session.scalars(statement)).all())


async def remove_members(session: AsyncSession, queue_id: UUID, agent_ids: Collection[UUID]) -> int:
    gone = delete(QueueMember).where(QueueMember.queue_id == queue_id, QueueMember.agent_id.in_(agent_ids))
    return len((await session.scalars(gone.returning(QueueMember.agent_id))).all())


USUAL_CHANNEL = "chat"
"""Whose units a queue's work is taken to need while nothing waits in it."""
COUNTERS = text(
    """
    WITH work AS (
        SELECT queue_id, count(*) FILTER (WHERE state = 'queued') AS waiting,
               count(*) FILTER (WHERE state = 'offered') AS offered,
               count(*) FILTER (WHERE state = 'queued' AND unroutable_reason IS NOT NULL) AS unroutable,
               min(ready_at) AS longest_since, min(due_at) AS next_due_at, min(units) AS least_units
        FROM work_item WHERE state IN ('queued', 'offered') GROUP BY queue_id
    ), people AS (
        SELECT member.queue_id, count(*) FILTER (WHERE presence.session = 'connected') AS staffed,
               count(*) FILTER (WHERE presence.session = 'connected' AND presence.readiness = 'ready'
                                AND presence.penalty = 'none' AND presence.pending_reason IS NULL) AS ready,
               array_agg(ledger.capacity_units - ledger.used_units)
                   FILTER (WHERE presence.session = 'connected' AND presence.readiness = 'ready'
                           AND presence.penalty = 'none' AND presence.pending_reason IS NULL) AS room_units,
               coalesce(sum(ledger.used_units) FILTER (WHERE presence.session = 'connected'), 0) AS used_units,
               coalesce(sum(ledger.capacity_units) FILTER (WHERE presence.session = 'connected'), 0) AS capacity_units
        FROM queue_member AS member
        JOIN agent_presence AS presence USING (agent_id) JOIN agent_ledger AS ledger USING (agent_id)
        GROUP BY member.queue_id
    )
    SELECT queue.id, queue.name, queue.names, queue.target_seconds, queue.calendar_id,
           coalesce(work.waiting, 0) AS waiting, coalesce(work.offered, 0) AS offered,
           coalesce(work.unroutable, 0) AS unroutable, work.longest_since, work.next_due_at,
           coalesce(people.staffed, 0) AS staffed, coalesce(people.ready, 0) AS ready,
           coalesce(people.staffed - people.ready, 0) AS away,
           (SELECT count(*) FROM unnest(people.room_units) AS room
            WHERE room < coalesce(work.least_units, :least_units)) AS busy,
           coalesce(people.used_units, 0) AS used_units, coalesce(people.capacity_units, 0) AS capacity_units
    FROM queue LEFT JOIN work ON work.queue_id = queue.id LEFT JOIN people ON people.queue_id = queue.id
    WHERE NOT queue.synthetic ORDER BY queue.name, queue.id
    """
)


async def list_counters(session: AsyncSession) -> Sequence[Row[Any]]:
    """One row a queue for the board, from live rows only."""
    return (await session.execute(COUNTERS, {"least_units": capacity.default_weight(USUAL_CHANNEL)})).all()
