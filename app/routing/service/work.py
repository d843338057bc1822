"""The life of work items as it follows the life of their conversations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.core.act import Act
from app.events.event import Event
from app.events.routing import WorkState
from app.routing import capacity
from app.routing.idling import idle_check_at
from app.routing.models import RoutingDecision, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import (
    Desk,
    HolderChanged,
    changed,
    free,
    hold,
    let_go,
    lock_work,
    move,
    note_freed,
    park,
    set_timer,
    settle,
)
from app.routing.service.hours import Hours
from app.routing.service.last_agents import keep_for
from app.routing.service.making import Wanted, add_works, build_works, make_queued
from app.routing.service.offers import put_back
from app.routing.service.publish import publish
from app.routing.service.wrap_ups import end, finish, go_on
from app.routing.work_states import ENDED_STATUSES, LIVE, Live, next_step
from app.routing.wrap_up import may_go_on


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose act changed the conversation last, and under which request."""

    actor: str
    request_id: str


@dataclass
class _Case:
    """One conversation whose work follows it."""

    facts: ConversationFacts
    work: WorkItem | None
    owner: Desk | None
    cause: Cause
    is_idle: bool


async def follow_conversations(session: AsyncSession, act: Act, causes: Mapping[UUID, Cause], *, hours: Hours) -> None:
    """Bring the work of these conversations to what their present state asks for. Repeating it changes nothing.

    Raises HolderChanged when an offer or answer crossed it; the caller asks again.
    """
    facts = await conversations.facts_of(session, list(causes))
    live = await live_rows.find_live_work_ids(session, list(facts))
    owners = {fact.rights.owner_id for fact in facts.values() if fact.rights.owner_id is not None}
    works, desks = await lock_work(session, set(live.values()), act.now, agents=owners)
    if any(work.state not in LIVE for work in works.values()):
        raise HolderChanged
    if works:
        facts |= await _read_again(session, works.values(), desks)
    idle = await _list_idle(session, works.values())
    unowned: list[Wanted] = []
    for conversation_id in sorted(facts):
        fact = facts[conversation_id]
        work = works.get(live[conversation_id]) if conversation_id in live else None
        cause = causes[conversation_id]
        own_act = act.under(cause.request_id)
        if work is not None and _goes_on_elsewhere(fact, work, desks, cause):
            await publish(session, own_act, end(desks[cast(UUID, work.agent_id)], work, own_act, reason="reopened"))
            work = None
        holder = work.agent_id if work is not None and work.agent_id is not None else fact.rights.owner_id
        case = _Case(fact, work, desks.get(holder) if holder else None, cause, is_idle=conversation_id in idle)
        if work is None and next_step(fact.status, fact.rights.owner_id, None) == "make_queued":
            unowned.append(Wanted(conversation_id, fact, own_act))
        else:
            await _follow(session, own_act, conversation_id, case, hours)
    await make_queued(session, unowned, hours)


async def _read_again(
    session: AsyncSession, works: Iterable[WorkItem], desks: Mapping[UUID, Desk]
) -> dict[UUID, ConversationFacts]:
    """The conversations as they are under the locks of their work: an answer that crossed the first look, and was
    wrapped up since, would be taken for one that was reopened to nobody. Raises HolderChanged.
    """
    facts = await conversations.facts_of(session, [work.conversation_id for work in works])
    owners = {fact.rights.owner_id for fact in facts.values()} - {None}
    if not owners <= desks.keys():
        raise HolderChanged
    return facts


async def _list_idle(session: AsyncSession, works: Iterable[WorkItem]) -> set[UUID]:
    """The idle chats in which still nobody has written."""
    idle = {work.conversation_id: work.idle_sequence for work in works if work.idle_sequence is not None}
    written = await conversations.list_written(session, list(idle)) if idle else {}
    return {key for key, last in written.items() if last.last_public_sequence <= idle[key]}


def _goes_on_elsewhere(facts: ConversationFacts, work: WorkItem, desks: Mapping[UUID, Desk], cause: Cause) -> bool:
    """It was reopened during its wrap-up, but not to an agent who is there to go on."""
    if work.state != "wrapping" or work.agent_id is None or facts.status in ENDED_STATUSES:
        return False
    if facts.rights.owner_id != work.agent_id:
        return True
    return cause.actor != f"agent:{work.agent_id}" and not may_go_on(desks[work.agent_id].presence)


async def _follow(session: AsyncSession, act: Act, conversation_id: UUID, case: _Case, hours: Hours) -> None:
    work, owner = case.work, case.owner
    live = None
    if work is not None:
        live = Live(cast(WorkState, work.state), work.agent_id, work.units_held, case.is_idle)
    step = next_step(case.facts.status, case.facts.rights.owner_id, live, actor=case.cause.actor)
    if step == "make_owned" and owner is not None:
        await _make_owned(session, act, conversation_id, case, owner, hours)
    elif step == "resume" and work is not None and owner is not None:
        await _resume(session, act, case, work, owner)
    elif step == "reopen" and work is not None and owner is not None:
        await publish(session, act, go_on(owner, work, act.now))
        await _follow(session, act, conversation_id, case, hours)
    elif work is not None:
        await publish(session, act, await _end_or_release(session, act, step, case, work))


async def _end_or_release(session: AsyncSession, act: Act, step: str, case: _Case, work: WorkItem) -> list[Event]:
    owner = case.owner
    if step == "abandon":
        return await cancel(session, act, work, owner, reason="customer_left", ends="abandoned")
    if step == "cancel":
        return await cancel(session, act, work, owner, reason=case.facts.status)
    if step == "finish" and owner is not None:
        queue = await queue_rows.get_queue(session, work.queue_id)
        return finish(owner, work, queue, act, merged=case.facts.merged_into_id is not None)
    if step == "release_units" and owner is not None:
        return release_units(owner, work, act, reason=case.facts.status)
    return []


def release_units(desk: Desk, work: WorkItem, act: Act, *, reason: str) -> list[Event]:
    """Nobody waits for an answer: the owner stays. An interrupted one is no longer interrupted, only quiet."""
    if work.state == "parked":
        return [move(work, "assigned", reason=reason, agent_id=desk.agent_id)]
    free(desk, work)
    note_freed(work, act.now)
    work.idle_sequence = work.run_at = None
    return [changed(work, "assigned", reason, agent_id=desk.agent_id), *settle(desk, act.now)]


async def _make_owned(
    session: AsyncSession, act: Act, conversation_id: UUID, case: _Case, owner: Desk, hours: Hours
) -> None:
    """It opened or reopened with an owner, who goes on if possible."""
    built = await build_works(session, [Wanted(conversation_id, case.facts, act, keeps_queue=True)], hours)
    if not built:
        return
    work = built[0].work
    if may_resume(owner, work, case.cause.actor):
        work.state, work.agent_id, work.run_at = "assigned", owner.agent_id, idle_check_at(work.channel, act.now)
        if await add_works(session, built, {conversation_id: act}, reason="reopened"):
            stored = (await live_rows.lock_works(session, [work.id]))[work.id]
            await publish(session, act, take(session, act, owner, stored))
        return
    queue = await queue_rows.get_queue(session, work.queue_id)
    keep_for(work, owner.agent_id, queue, act.now, served_at=act.now)
    set_timer(work, queue, act.now)
    if await add_works(session, built, {conversation_id: act}, reason="reopened"):
        await conversations.set_owner(session, act, conversation_id=conversation_id, owner_id=None, reason="released")


async def _resume(session: AsyncSession, act: Act, case: _Case, work: WorkItem, owner: Desk) -> None:
    """The customer wrote again to a conversation whose units were free."""
    if may_resume(owner, work, case.cause.actor):
        events = take(session, act, owner, work)
        work.run_at = idle_check_at(work.channel, act.now)
        await publish(session, act, [*events, changed(work, "assigned", "resumed", agent_id=owner.agent_id)])
        return
    events = await requeue(session, act, owner, work, reason="owner_unavailable")
    await publish(session, act, events)
    await conversations.set_owner(session, act, conversation_id=work.conversation_id, owner_id=None, reason="released")


def may_resume(owner: Desk, work: WorkItem, actor: str) -> bool:
    """Whoever reopens their own conversation keeps it; nobody else's act may put them above their capacity."""
    if actor == f"agent:{owner.agent_id}":
        return True
    return owner.presence.is_routable and capacity.fits(owner.capacity, work.channel, work.units) is not None


def take(session: AsyncSession, act: Act, desk: Desk, work: WorkItem) -> list[Event]:
    """Debit, interrupting what the channel may interrupt. Above capacity only forced: that is audited by a row."""
    fit = capacity.fits(desk.capacity, work.channel, work.units)
    if fit is None:
        live_rows.add_decisions(session, [manual_decision(act, work, desk.agent_id, "forced")])
    events: list[Event] = [*park(desk, fit.parks)] if fit is not None else []
    hold(desk, work)
    return events


def manual_decision(act: Act, work: WorkItem, agent_id: UUID | None, outcome: str, **more: str) -> RoutingDecision:
    """The audit of what somebody did by hand: who, and `more` of it where there is a value."""
    return RoutingDecision(
        id=act.new_id(),
        work_id=work.id,
        conversation_id=work.conversation_id,
        agent_id=agent_id,
        outcome=outcome,
        trace={"by": act.actor} | {name: value for name, value in more.items() if value},
        decided_at=act.now,
    )


async def requeue(
    session: AsyncSession, act: Act, desk: Desk, work: WorkItem, *, reason: str, hold_seconds: float | None = None
) -> list[Event]:
    """Owned work goes back to its queue, kept for its owner, with the `ready_at` it always had.

    `hold_seconds`: for exactly so long, instead of what the queue and the deadline allow.
    """
    moved = move(work, "queued", reason=reason, agent_id=desk.agent_id)
    let_go(desk, work)
    queue = await queue_rows.get_queue(session, work.queue_id)
    keep_for(work, desk.agent_id, queue, act.now, served_at=act.now)
    if hold_seconds is not None:
        work.sticky_until = act.now + timedelta(seconds=hold_seconds)
    set_timer(work, queue, act.now)
    return [moved, *settle(desk, act.now)]


async def withdraw(session: AsyncSession, act: Act, work: WorkItem, desk: Desk, reason: str) -> list[Event]:
    """The pending offer of this work, if any, ends; the work is queued then."""
    events: list[Event] = []
    for offer in await live_rows.lock_pending_offers(session, work_ids=[work.id]):
        events += await put_back(session, desk, work, offer, "withdrawn", reason, act.now)
    return events


async def cancel(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desk: Desk | None,
    *,
    reason: str,
    ends: Literal["cancelled", "abandoned"] = "cancelled",
) -> list[Event]:
    """Nobody needs to do it any more. A parked or offered one gives its units back."""
    events: list[Event] = []
    if work.state == "offered" and desk is not None:
        events += await withdraw(session, act, work, desk, reason)
    holder = work.agent_id
    events.append(move(work, ends, reason=reason, agent_id=holder))
    if desk is not None and holder is not None:
        let_go(desk, work)
        events += settle(desk, act.now)
    _close(work, act)
    return events


def _close(work: WorkItem, act: Act) -> None:
    work.ended_at = act.now
    work.run_at = None
