"""The end of an agent's work: at once, or after a wrap-up that keeps its units."""

from datetime import datetime
from typing import Literal, cast

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.events.event import Event
from app.events.routing import RunningWrapUpMode, WrapUpBegan, WrapUpEnded
from app.routing.idling import idle_check_at
from app.routing.models import Queue, WorkItem
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import Desk, changed, free, hold, move, note_freed, settle
from app.routing.wrap_up import wrap_up_ends_at


def finish(desk: Desk, work: WorkItem, queue: Queue, act: Act, *, merged: bool) -> list[Event]:
    """Resolved. Where its queue has a wrap-up, the units stay held until that ends; who merged it goes on elsewhere."""
    events: list[Event] = []
    if work.state == "parked":
        events.append(move(work, "assigned", reason="resolved", agent_id=desk.agent_id))
    events.append(move(work, "wrapping", reason="resolved", agent_id=desk.agent_id))
    work.idle_sequence = None
    ends_at = None if merged else wrap_up_ends_at(queue.wrap_up, queue.wrap_up_seconds, act.now)
    if ends_at is not None:
        return [*events, _begin(desk, work, queue, ends_at)]
    events.append(move(work, "done", reason="resolved", agent_id=desk.agent_id))
    return events + _let_go(desk, work, act.now)


async def begin_handed_on(session: AsyncSession, act: Act, desk: Desk, work: WorkItem) -> list[Event]:
    """Its owner has handed the work on, and wraps up what they did: a work of its own, which keeps the units."""
    queue = await queue_rows.get_queue(session, work.queue_id)
    ends_at = wrap_up_ends_at(queue.wrap_up, queue.wrap_up_seconds, act.now)
    if ends_at is None:
        return []
    rest = WorkItem(
        id=act.new_id(),
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        channel=work.channel,
        state="wrapping",
        units=work.units,
        tier=work.tier,
        priority=work.priority,
        ready_at=work.ready_at,
        due_at=work.due_at,
        synthetic=work.synthetic,
        handed_on=True,
        version=1,
        created_at=act.now,
    )
    session.add(rest)
    hold(desk, rest)
    return [changed(rest, None, "handed_on", agent_id=desk.agent_id), _begin(desk, rest, queue, ends_at)]


def end(
    desk: Desk,
    work: WorkItem,
    act: Act,
    *,
    reason: Literal["agent", "supervisor", "time", "reopened"],
    outcome: str = "",
) -> list[Event]:
    """The wrap-up is over: its units come free, and what waits for them goes on."""
    moved = move(work, "done", reason=f"wrap_up_{reason}", agent_id=desk.agent_id)
    ended = WrapUpEnded(
        agent_id=desk.agent_id,
        work_id=work.id,
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        reason=reason,
        outcome=outcome,
    )
    return [moved, ended, *_let_go(desk, work, act.now)]


def go_on(desk: Desk, work: WorkItem, now: datetime) -> list[Event]:
    """The customer wrote during the wrap-up: the same work goes on, with the units it has."""
    moved = move(work, "assigned", reason="reopened", agent_id=desk.agent_id)
    work.run_at = idle_check_at(work.channel, now)
    ended = WrapUpEnded(
        agent_id=desk.agent_id,
        work_id=work.id,
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        reason="reopened",
    )
    return [moved, ended]


def _begin(desk: Desk, work: WorkItem, queue: Queue, ends_at: datetime) -> WrapUpBegan:
    work.run_at = ends_at
    return WrapUpBegan(
        agent_id=desk.agent_id,
        work_id=work.id,
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        mode=cast(RunningWrapUpMode, queue.wrap_up),
        ends_at=ends_at,
    )


def _let_go(desk: Desk, work: WorkItem, now: datetime) -> list[Event]:
    """Done: whose it was stays known."""
    free(desk, work)
    note_freed(work, now)
    desk.works.pop(work.id, None)
    work.ended_at, work.run_at = now, None
    return settle(desk, now)
