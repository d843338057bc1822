"""The opening hours of queues, and what is told of a due time that they moved."""

from collections.abc import Awaitable, Collection, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.routing.due_times import DueTime, OpeningHours
from app.routing.models import Queue, RoutingDecision, WorkItem


class Hours(Protocol):
    """Business calendars are SLA's; app/wiring.py brings the two together."""

    def __call__(
        self, session: AsyncSession, calendar_ids: Collection[UUID], /
    ) -> Awaitable[Mapping[UUID, OpeningHours]]:
        """By calendar; one that does not exist is left out."""


async def hours_of(session: AsyncSession, queues: Collection[Queue], hours: Hours) -> dict[UUID, OpeningHours]:
    """By queue; those that are open round the clock are left out. The calendars of all of them are asked for once."""
    calendars = {queue.calendar_id for queue in queues if queue.calendar_id is not None}
    known = await hours(session, calendars) if calendars else {}
    return {
        queue.id: known[queue.calendar_id]
        for queue in queues
        if queue.calendar_id is not None and queue.calendar_id in known
    }


def due_counted(
    act: Act,
    work: WorkItem,
    queue: Queue,
    hours: OpeningHours | None,
    due: DueTime,
    *,
    before: datetime | None = None,
) -> RoutingDecision:
    """The trace of a due time that opening hours moved. `before`: what it was, if it was another."""
    calendar = {"id": str(queue.calendar_id), "name": hours.name, "version": hours.version} if hours else None
    return RoutingDecision(
        id=act.new_id(),
        work_id=work.id,
        conversation_id=work.conversation_id,
        agent_id=None,
        outcome="due_counted",
        trace={
            "by": "hours",
            "queue_id": str(queue.id),
            "policy_version": queue.version,
            "target_seconds": queue.target_seconds,
            "counted": due.counted,
            "calendar": calendar,
            "before": before.isoformat() if before else None,
            "after": work.due_at.isoformat(),
        },
        decided_at=act.now,
    )
