"""What SLA announces about a conversation, done to its work: a sooner deadline, or back to the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core.act import Act
from app.core.event_log import StoredEvent
from app.events.event import Event
from app.events.sla import ClocksChanged, SlaBreached, SlaWarned
from app.routing.models import RoutingDecision, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import Desk, changed, lock_work, set_timer
from app.routing.service.publish import publish
from app.routing.service.work import requeue

SLA_TYPES = frozenset({ClocksChanged.type, SlaWarned.type, SlaBreached.type})
WAITED_FOR = frozenset({"queue_wait", "first_reply", "next_reply"})
"""The promises that serving the conversation keeps; a resolution is not nearer for having been offered sooner."""
WORTH_ADVANCING = timedelta(seconds=1)
"""The queue's own target often says nearly the same; a move by less would only cost."""


@dataclass(slots=True)
class Asked:
    """What a batch of announcements asks for one conversation."""

    due_at: datetime | None = None
    clock: str = ""
    requeue: bool = False
    request_id: str = ""

    def advance(self, due_at: datetime | None, clock: str) -> None:
        if due_at is not None and (self.due_at is None or due_at < self.due_at):
            self.due_at, self.clock = due_at, clock


def asked_by(events: Sequence[StoredEvent]) -> dict[UUID, Asked]:
    """By conversation. Of clocks that changed twice in a batch, the last word counts."""
    latest: dict[tuple[UUID, str], tuple[datetime | None, str]] = {}
    asked: dict[UUID, Asked] = {}
    for event in events:
        if event.type not in SLA_TYPES:
            continue
        one = asked.setdefault(event.key, Asked(request_id=event.request_id))
        if event.type == ClocksChanged.type:
            for clock in ClocksChanged.model_validate(event.payload).clocks:
                due_at = clock.due_at if clock.state == "running" and clock.metric in WAITED_FOR else None
                latest[event.key, f"{clock.metric}:{clock.seq}"] = due_at, clock.metric
            continue
        told = (SlaWarned if event.type == SlaWarned.type else SlaBreached).model_validate(event.payload)
        if "advance_due" in told.actions:
            one.advance(told.due_at, told.metric)
        one.requeue = one.requeue or "requeue" in told.actions
    for (conversation_id, _), (due_at, metric) in latest.items():
        asked[conversation_id].advance(due_at, metric)
    return asked


async def obey(session: AsyncSession, act: Act, asked: Mapping[UUID, Asked]) -> None:
    """Deadlines only ever come nearer. Repeating it changes nothing. Raises HolderChanged; asking again is safe."""
    wanted = {key: one for key, one in asked.items() if one.due_at is not None or one.requeue}
    if not wanted:
        return
    live = await live_rows.find_live_work_ids(session, list(wanted))
    works, desks = await lock_work(session, set(live.values()), act.now)
    for conversation_id in sorted(live):
        work, one = works.get(live[conversation_id]), wanted[conversation_id]
        if work is not None:
            own_act = act.under(one.request_id)
            await publish(session, own_act, await _advance(session, own_act, work, one))
            if one.requeue:
                await _give_back(session, own_act, work, desks)


async def _advance(session: AsyncSession, act: Act, work: WorkItem, one: Asked) -> list[Event]:
    if one.due_at is None or work.state not in ("queued", "offered") or work.due_at - one.due_at < WORTH_ADVANCING:
        return []
    trace = {"by": "sla", "clock": one.clock, "before": work.due_at.isoformat(), "after": one.due_at.isoformat()}
    work.due_at = one.due_at
    live_rows.add_decisions(session, [_decision(act, work, trace)])
    if work.state == "offered":
        return []  # its offer quotes the version; whoever declines it puts it back with the sooner deadline
    work.version += 1
    set_timer(work, await queue_rows.get_queue(session, work.queue_id), act.now)
    return [changed(work, "queued", "due_advanced", agent_id=None)]


def _decision(act: Act, work: WorkItem, trace: dict[str, str]) -> RoutingDecision:
    return RoutingDecision(
        id=act.new_id(),
        work_id=work.id,
        conversation_id=work.conversation_id,
        agent_id=work.agent_id,
        outcome="due_advanced",
        trace=trace,
        decided_at=act.now,
    )


async def _give_back(session: AsyncSession, act: Act, work: WorkItem, desks: Mapping[UUID, Desk]) -> None:
    """An owner who let the promise pass; one who is interrupted by a call may not go on with it either."""
    if work.state != "assigned" or work.agent_id is None:
        return
    desk = desks[work.agent_id]
    events = await requeue(session, act, desk, work, reason="sla_breached")
    # Sticky to the one who did not answer would bring it straight back.
    work.sticky_agent_id = work.sticky_until = None
    await publish(session, act, events)
    await conversations.set_owner(session, act, conversation_id=work.conversation_id, owner_id=None, reason="released")
