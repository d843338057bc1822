"""Work handed on: given to an agent or moved to another queue, from wherever it is, through the ledger."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.core.act import Act
from app.core.errors import Conflict
from app.events.event import Event
from app.routing import capacity
from app.routing.idling import idle_check_at
from app.routing.models import Queue, WorkItem
from app.routing.repository import live as live_rows
from app.routing.service.desk import Desk, HolderChanged, let_go, lock_desks, lock_work, move, note_answer, settle
from app.routing.service.hours import Hours
from app.routing.service.making import Wanted, make_queued
from app.routing.service.publish import publish
from app.routing.service.work import manual_decision, take, withdraw
from app.routing.service.wrap_ups import begin_handed_on, go_on
from app.routing.work_states import LIVE

UNRESOLVED = frozenset({"open", "pending", "on_hold", "snoozed"})


async def give(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: Mapping[UUID, Desk],
    agent_id: UUID,
    *,
    is_open: bool,
    reason: str,
    note: str = "",
    forced: bool,
) -> None:
    """Take the work from wherever it is and make the agent its owner. Units are held only while it is open.

    Raises Conflict `no_capacity` unless `forced`; then something was changed already, so let it roll back.
    """
    former = desks.get(work.agent_id) if work.agent_id else None
    events = await _release(session, act, work, former, reason=reason)
    desk = desks[agent_id]
    if is_open and not forced and capacity.fits(desk.capacity, work.channel, work.units) is None:
        raise Conflict("no_capacity", "The agent has no free capacity for this work; choose another agent.")
    events.append(move(work, "assigned", reason=reason, agent_id=agent_id))
    work.run_at, work.agent_id = None, agent_id
    if is_open:
        work.run_at = idle_check_at(work.channel, act.now)
        note_answer(work, act.now)
        events += take(session, act, desk, work)
    else:
        desk.works[work.id] = work
        # Who was asked first had units for it until now.
        events += settle(desk, act.now)
    taken_from = str(former.agent_id) if former else ""
    live_rows.add_decisions(session, [manual_decision(act, work, agent_id, reason, taken_from=taken_from, reason=note)])
    desk.ledger.last_accepted_at = act.now
    await publish(session, act, events)
    await conversations.set_owner(
        session, act, conversation_id=work.conversation_id, owner_id=agent_id, reason=reason, note=note
    )


async def move_to_queue(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: Mapping[UUID, Desk],
    facts: ConversationFacts,
    queue: Queue,
    *,
    hours: Hours,
    reason: str,
    note: str = "",
    by_rules: bool = False,
) -> None:
    """It goes on in the other queue and keeps the time it has waited since. `note`: why, in a code."""
    former = desks.get(work.agent_id) if work.agent_id else None
    events = await _release(session, act, work, former, reason=reason)
    events.append(move(work, "moved", reason=reason, agent_id=former.agent_id if former else None))
    work.ended_at, work.run_at = act.now, None
    await publish(session, act, events)
    if facts.status == "open":
        successor = Wanted(
            work.conversation_id, facts, act, queue_id=queue.id, ready_at=work.ready_at, keeps_queue=not by_rules
        )
        await make_queued(session, [successor], hours, reason=reason)
    await conversations.set_queue(
        session,
        act,
        conversation_id=work.conversation_id,
        queue_id=queue.id,
        team_id=queue.team_id,
        owner_id=None,
        reason="transferred",
        note=note,
    )


async def lock_or_make(
    session: AsyncSession,
    act: Act,
    conversation_id: UUID,
    facts: ConversationFacts,
    *,
    agents: Collection[UUID],
    hours: Hours,
) -> tuple[WorkItem, dict[UUID, Desk]]:
    """The conversation's live work under lock. A conversation that waits for the customer may have none yet."""
    live = await live_rows.find_live_work_ids(session, [conversation_id])
    held = None
    if not live:
        # Before the work item, as everywhere: the consumer may be making the same one under these locks.
        await lock_desks(session, agents, act.now)
        held = agents
        wanted = Wanted(conversation_id, facts, act, keeps_queue=True)
        await make_queued(session, [wanted], hours, reason="by_hand")
        live = await live_rows.find_live_work_ids(session, [conversation_id])
    if not live:
        raise Conflict("conversation_without_queue", "Move the conversation to a queue first.")
    works, desks = await lock_work(session, set(live.values()), act.now, agents=agents, held=held)
    work = works[live[conversation_id]]
    if work.state not in LIVE:
        raise HolderChanged
    return work, desks


async def _release(session: AsyncSession, act: Act, work: WorkItem, former: Desk | None, *, reason: str) -> list[Event]:
    """Whatever its state, the work is queued afterwards and nobody's."""
    if former is None:
        return []
    if work.state == "offered":
        return await withdraw(session, act, work, former, reason)
    # Reopened a moment ago, and the consumer has not followed yet.
    events = go_on(former, work, act.now) if work.state == "wrapping" else []
    events.append(move(work, "queued", reason=reason, agent_id=former.agent_id))
    was_held = work.units_held
    let_go(former, work)
    if was_held and reason == "transferred" and act.actor == f"agent:{former.agent_id}":
        events += await begin_handed_on(session, act, former, work)
    return [*events, *settle(former, act.now)]
