"""Whether a queue's overflow may be saved: queues and calendar that exist, and no chain that comes back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict, InvalidInput
from app.routing.overflow import find_cycle, parse_steps
from app.routing.overflow_schemas import OverflowStep
from app.routing.queue_schemas import QueueBody
from app.routing.repository import overflow as overflow_rows
from app.routing.service.references import NO_CALENDAR


async def check_overflow(session: AsyncSession, body: QueueBody, *, queue_id: UUID | None) -> None:
    """Before the queue itself is locked. `queue_id`: None, it is being made, so nothing leads to it yet.

    Raises InvalidInput `unknown_reference`, Conflict `overflow_cycle` with the names of the queues.
    """
    if body.calendar_id is not None and not await overflow_rows.has_calendar(session, body.calendar_id):
        raise _unknown("body.calendar_id", NO_CALENDAR)
    named = _named_by(body.overflow)
    if not named:
        return
    chained = await overflow_rows.lock_chained(session, {*named, *([queue_id] if queue_id else [])})
    for place, step in enumerate(body.overflow):
        if step.do.queue is not None and (step.do.queue not in chained or chained[step.do.queue].synthetic):
            raise _unknown(f"body.overflow.{place}.do.queue", "there is no such queue")
    if queue_id is None:
        return
    ways = {queue.id: _led_to(queue.overflow) for queue in chained.values()} | {queue_id: named}
    cycle = find_cycle(ways, queue_id)
    if cycle is not None:
        names = [body.name if each == queue_id else chained[each].name for each in cycle]
        raise Conflict(
            "overflow_cycle",
            f"Work would come back to where it was: {' → '.join(names)}. Take one of these steps out.",
            queue_ids=[str(each) for each in cycle],
        )


def _named_by(steps: Sequence[OverflowStep]) -> set[UUID]:
    return {step.do.queue for step in steps if step.do.queue is not None}


def _led_to(stored: list[dict[str, object]]) -> set[UUID]:
    return {step.to for step in parse_steps(stored) if step.to is not None}


def _unknown(path: str, message: str) -> InvalidInput:
    return InvalidInput("unknown_reference", f"{path}: {message}.", errors=[{"path": path, "message": message}])
