"""What SLA announces about a conversation, done to its work: a sooner deadline, a wider ring, another place."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.events.event import Event
from app.routing.models import Queue, RoutingDecision, WorkItem
from app.routing.repository import batches
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import changed, lock_work, set_timer
from app.routing.service.hours import Hours
from app.routing.service.publish import publish
from app.routing.service.rerouting import load_movers, reroute
from app.routing.service.sla_orders import Asked

WORTH_ADVANCING = timedelta(seconds=1)
"""The queue's own target often says nearly the same; a move by less would only cost."""
WAITING = frozenset({"queued", "offered"})


async def obey(session: AsyncSession, act: Act, asked: Mapping[UUID, Asked], *, hours: Hours) -> None:
    """Deadlines only ever come nearer, rings only open. Raises HolderChanged; asking again is safe."""
    wanted = {key: one for key, one in asked.items() if not one.is_nothing}
    for key in await _advance_queued(session, act, {key: one for key, one in wanted.items() if one.is_only_sooner}):
        del wanted[key]
    if not wanted:
        return
    movers = await load_movers(session, act, wanted, hours)
    live = await live_rows.find_live_work_ids(session, list(wanted))
    works, desks = await lock_work(session, set(live.values()), act.now, agents=movers.agent_ids)
    for conversation_id in sorted(live):
        work, one = works.get(live[conversation_id]), wanted[conversation_id]
        if work is not None:
            own_act = act.under(one.request_id)
            await publish(session, own_act, await _change_waiting(session, own_act, work, one))
            if one.destination is not None:
                await reroute(session, own_act, work, desks, movers, one.destination, hours)


async def _advance_queued(session: AsyncSession, act: Act, asked: Mapping[UUID, Asked]) -> set[UUID]:
    """What nearly every announcement asks, for a whole batch at once; the conversations that this settles."""
    if not asked:
        return set()
    await session.flush()
    waiting = await live_rows.lock_waiting(session, list(asked))
    later = [work for work in waiting if work.due_at - _sooner(asked, work) >= WORTH_ADVANCING]
    queues = {queue.id: queue for queue in await queue_rows.list_queues(session, {work.queue_id for work in later})}
    decisions: list[RoutingDecision] = []
    entries: list[tuple[Act, Event]] = []
    for work in later:
        one, own_act = asked[work.conversation_id], act.under(asked[work.conversation_id].request_id)
        decisions.append(_decision(own_act, work, "due_advanced", _due_trace(work, one)))
        work.due_at = _sooner(asked, work)
        set_timer(work, queues[work.queue_id], act.now)
        entries.append((own_act, changed(work, "queued", "due_advanced", agent_id=None)))
    await live_rows.put_deadlines(session, later)
    await batches.insert_decisions(session, decisions)
    await event_log.append_each(session, entries)
    return {work.conversation_id for work in waiting}


def _sooner(asked: Mapping[UUID, Asked], work: WorkItem) -> datetime:
    due_at = asked[work.conversation_id].due_at
    assert due_at is not None
    return due_at


def _due_trace(work: WorkItem, one: Asked) -> dict[str, str]:
    assert one.due_at is not None
    return {"by": "sla", "clock": one.clock, "before": work.due_at.isoformat(), "after": one.due_at.isoformat()}


async def _change_waiting(session: AsyncSession, act: Act, work: WorkItem, one: Asked) -> list[Event]:
    """Sooner, or to more agents. An offer quotes the version: whoever declines it puts the work back as it is then."""
    if work.state not in WAITING:
        return []
    queue = await queue_rows.get_queue(session, work.queue_id)
    reasons = [*_advance(session, act, work, one), *_open_ring(session, act, work, queue, one)]
    if not reasons or work.state == "offered":
        return []
    work.version += 1
    set_timer(work, queue, act.now)
    return [changed(work, "queued", reason, agent_id=None) for reason in reasons[-1:]]


def _advance(session: AsyncSession, act: Act, work: WorkItem, one: Asked) -> list[str]:
    if one.due_at is None or work.due_at - one.due_at < WORTH_ADVANCING:
        return []
    live_rows.add_decisions(session, [_decision(act, work, "due_advanced", _due_trace(work, one))])
    work.due_at = one.due_at
    return ["due_advanced"]


def _open_ring(session: AsyncSession, act: Act, work: WorkItem, queue: Queue, one: Asked) -> list[str]:
    """Whoever was asked alone is from now on only asked first."""
    if one.ring is None:
        return []
    waited_seconds = (act.now - work.ready_at).total_seconds()
    by_age = sum(ring["enter_after_seconds"] <= waited_seconds for ring in queue.rings)
    before = max(by_age, work.least_ring)
    after = min(one.ring or before + 1, len(queue.rings))
    if after <= before:
        return []
    work.least_ring, work.sticky_until = after, None
    trace: dict[str, str | int] = {"by": "sla", "before": before, "after": after}
    live_rows.add_decisions(session, [_decision(act, work, "ring_opened", trace)])
    return ["ring_opened"]


def _decision(act: Act, work: WorkItem, outcome: str, trace: Mapping[str, str | int]) -> RoutingDecision:
    return RoutingDecision(
        id=act.new_id(),
        work_id=work.id,
        conversation_id=work.conversation_id,
        agent_id=work.agent_id,
        outcome=outcome,
        trace=dict(trace),
        decided_at=act.now,
    )
