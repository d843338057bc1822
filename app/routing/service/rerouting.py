"""Work sent elsewhere by an SLA policy or by whoever accepted an escalation; what cannot go waits in its queue."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.core.act import Act
from app.events.routing import WorkReassignRefused
from app.routing import capacity
from app.routing.models import Queue, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import Desk, lock_desks
from app.routing.service.handing import UNRESOLVED, give, move_to_queue
from app.routing.service.hours import Hours
from app.routing.service.making import Wanted, make_queued
from app.routing.service.publish import publish
from app.routing.service.sla_orders import Asked, Destination
from app.routing.service.work import manual_decision, requeue
from app.routing.work_states import OWNED

Refusal = Literal["no_capacity", "agent_disabled", "queue_unknown"]


@dataclass(frozen=True, slots=True)
class Movers:
    """The conversations that are to go elsewhere, and those of the agents and queues named who can take work."""

    facts: Mapping[UUID, ConversationFacts]
    agent_ids: frozenset[UUID]
    queues: Mapping[UUID, Queue]


async def load_movers(session: AsyncSession, act: Act, asked: Mapping[UUID, Asked], hours: Hours) -> Movers:
    """A conversation nobody waits for may have no work yet: where an agent is to have it, it is made here."""
    going = {key: one.destination for key, one in asked.items() if one.destination is not None}
    if not going:
        return Movers({}, frozenset(), {})
    facts = await conversations.facts_of(session, list(going))
    named = {place.agent_id for place in going.values() if place.agent_id is not None}
    profiles = await agents.list_facts(session, named) if named else []
    serving = frozenset(profile.id for profile in profiles if not profile.disabled)
    queue_ids = {place.queue_id for place in going.values() if place.queue_id is not None}
    queues = {queue.id: queue for queue in await queue_rows.list_queues(session, queue_ids)} if queue_ids else {}
    await _make_missing(session, act, going, facts, serving, hours)
    return Movers(facts, serving, queues)


async def _make_missing(
    session: AsyncSession,
    act: Act,
    going: Mapping[UUID, Destination],
    facts: Mapping[UUID, ConversationFacts],
    serving: frozenset[UUID],
    hours: Hours,
) -> None:
    to_agents = [key for key, place in going.items() if place.agent_id in serving and _is_unresolved(facts, key)]
    live = await live_rows.find_live_work_ids(session, list(going)) if to_agents else {}
    missing = [Wanted(key, facts[key], act, keeps_queue=True) for key in sorted(to_agents) if key not in live]
    if missing:
        # Before the work items, as everywhere; with those who hold the others, that all are locked in one order.
        holders = await live_rows.list_work_agents(session, list(live.values())) if live else set()
        await lock_desks(session, serving | holders, act.now)
        await make_queued(session, missing, hours, reason="by_hand")


def _is_unresolved(facts: Mapping[UUID, ConversationFacts], conversation_id: UUID) -> bool:
    return conversation_id in facts and facts[conversation_id].status in UNRESOLVED


async def reroute(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: Mapping[UUID, Desk],
    movers: Movers,
    place: Destination,
    hours: Hours,
) -> None:
    """One that was resolved meanwhile goes nowhere. Repeating it changes nothing."""
    if not _is_unresolved(movers.facts, work.conversation_id):
        return
    facts = movers.facts[work.conversation_id]
    if place.agent_id is not None:
        await _to_agent(session, act, work, desks, movers, facts, place)
    elif place.queue_id is None or place.queue_id == work.queue_id:
        await _give_back(session, act, work, desks, facts)
    elif place.queue_id in movers.queues:
        queue = movers.queues[place.queue_id]
        await move_to_queue(session, act, work, desks, facts, queue, hours=hours, reason="sla")
    else:
        await _refuse(session, act, work, desks, facts, place, "queue_unknown")


async def _to_agent(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: Mapping[UUID, Desk],
    movers: Movers,
    facts: ConversationFacts,
    place: Destination,
) -> None:
    agent_id = place.agent_id
    assert agent_id is not None
    if work.state in OWNED and work.agent_id == agent_id:
        return
    is_open, chosen = facts.status == "open", bool(place.chosen_by)
    if agent_id not in movers.agent_ids:
        await _refuse(session, act, work, desks, facts, place, "agent_disabled")
    elif is_open and not chosen and not _has_room(desks[agent_id], work):
        await _refuse(session, act, work, desks, facts, place, "no_capacity")
    else:
        taken_over = chosen and facts.rights.owner_id is not None
        await give(
            session,
            replace(act, actor=place.chosen_by) if chosen else act,
            work,
            desks,
            agent_id,
            is_open=is_open,
            reason="taken_over" if taken_over else "assigned",
            note="escalation" if chosen else "sla",
            forced=chosen,
        )


def _has_room(desk: Desk, work: WorkItem) -> bool:
    """What it is offered already holds its units for this agent."""
    return work.id in desk.works or capacity.fits(desk.capacity, work.channel, work.units) is not None


async def _refuse(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: Mapping[UUID, Desk],
    facts: ConversationFacts,
    place: Destination,
    reason: Refusal,
) -> None:
    live_rows.add_decisions(session, [manual_decision(act, work, place.agent_id, "reassign_refused")])
    refused = WorkReassignRefused(
        conversation_id=work.conversation_id,
        work_id=work.id,
        queue_id=work.queue_id,
        to_agent_id=place.agent_id,
        to_queue_id=place.queue_id,
        reason=reason,
    )
    await publish(session, act, [refused])
    await _give_back(session, act, work, desks, facts)


async def _give_back(
    session: AsyncSession, act: Act, work: WorkItem, desks: Mapping[UUID, Desk], facts: ConversationFacts
) -> None:
    """From an owner who let the promise pass, also one who was interrupted by a call.

    While the customer is to answer nobody else could do anything, so the owner stays.
    """
    if work.state not in OWNED or work.agent_id is None or facts.status != "open":
        return
    events = await requeue(session, act, desks[work.agent_id], work, reason="sla_breached")
    # Sticky to the one who did not answer would bring it straight back.
    work.sticky_agent_id = work.sticky_until = None
    await publish(session, act, events)
    await conversations.set_owner(session, act, conversation_id=work.conversation_id, owner_id=None, reason="released")
