"""The timers of work items: of waiting work, of chats that may have gone idle, of wrap-ups."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core.act import Act
from app.events.event import Event
from app.routing.idling import idle_check_at, is_idle
from app.routing.models import WorkItem
from app.routing.repository import live as live_rows
from app.routing.service.desk import Desk, changed, free, lock_free_desks, note_freed, set_timer, settle
from app.routing.service.hours import Hours
from app.routing.service.overflowing import list_queues_of, overflow
from app.routing.service.publish import publish
from app.routing.service.wrap_ups import end

BUSY_SECONDS = 1
"""Somebody is changing the agent's work, or writing in the conversation: looked at again so much later."""


async def run_timers(session: AsyncSession, act: Act, work_ids: Sequence[UUID], *, hours: Hours) -> None:
    """The engine keeps the times of waiting work in memory and acts on them, all but overflow, which is done here; the
    rows only say when to look next.
    """
    works = (await live_rows.lock_works(session, work_ids)).values()
    held = [work for work in works if _may_end(work) and work.run_at is not None and work.run_at <= act.now]
    # Before anything is changed: loading what the agents hold reads these rows again.
    desks = await lock_free_desks(session, {cast(UUID, work.agent_id) for work in held}) if held else {}
    queues = await list_queues_of(session, works)
    await overflow(session, act, works, queues, hours)
    for work in works:
        if work.state == "queued":
            set_timer(work, queues[work.queue_id], act.now)
        elif not _may_end(work):
            work.run_at = None
    await _end_held(session, act, held, desks)
    await session.flush()


def _may_end(work: WorkItem) -> bool:
    return work.state == "wrapping" or (work.state == "assigned" and work.units_held)


async def _end_held(session: AsyncSession, act: Act, held: Sequence[WorkItem], desks: dict[UUID, Desk]) -> None:
    """Agents come before work items in the order of locks. Here it is the other way round, so nobody is waited for."""
    chats = [work.conversation_id for work in held if work.state == "assigned" and work.agent_id in desks]
    written = await conversations.list_written(session, chats, locked=True) if chats else {}
    events: list[Event] = []
    for work in held:
        desk = desks.get(cast(UUID, work.agent_id))
        # Beside the chat there may be the wrap-up of who handed it on, whatever is written there.
        last = written.get(work.conversation_id) if work.state == "assigned" else None
        if desk is None or (last is None and work.state == "assigned"):
            work.run_at = act.now + timedelta(seconds=BUSY_SECONDS)
        elif last is None:
            events += end(desk, work, act, reason="time")
        elif is_idle(last.last_message_at, act.now):
            events += _release_idle(desk, work, act, sequence=last.last_public_sequence)
        else:
            work.run_at = idle_check_at(work.channel, last.last_message_at)
    await publish(session, act, events)


def _release_idle(desk: Desk, work: WorkItem, act: Act, *, sequence: int) -> list[Event]:
    """The owner stays; whoever writes next makes it hold its units again, or goes back to the queue."""
    free(desk, work)
    note_freed(work, act.now)
    work.idle_sequence, work.run_at = sequence, None
    return [changed(work, "assigned", "idle", agent_id=desk.agent_id), *settle(desk, act.now)]
