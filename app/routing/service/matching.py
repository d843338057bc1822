"""Commits what the engine decided: fenced by the epoch, rechecked under locks, or not at all."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.agents.schemas import AgentProfile
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict
from app.core.owners import fence
from app.events.event import Event
from app.events.routing import OfferEnded, OfferMade, WorkChanged, WorkUnroutable
from app.routing import capacity, decisions, traces
from app.routing.models import Offer, Queue, RoutingDecision, WorkItem
from app.routing.offer_rules import unmet
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.rings import COOL_DOWN_ALONE_SECONDS, COOL_DOWN_SECONDS, terms_at
from app.routing.service.desk import Desk, hold, lock_desks, move, park
from app.routing.service.loading import demand_of, queue_facts, skills_of
from app.routing.service.offers import accept

ROUTER = "router"
TOKEN_BYTES = 18


@dataclass
class Committed:
    """`made`: works whose offers stand. `stale`: decisions that the tables no longer bear out, with the rule."""

    made: list[UUID] = field(default_factory=list)
    stale: list[tuple[decisions.Offer, str]] = field(default_factory=list)


@dataclass
class _Table:
    """Everything a recheck looks at, locked or read in this transaction."""

    works: dict[UUID, WorkItem]
    desks: dict[UUID, Desk]
    queues: dict[UUID, Queue]
    memberships: set[tuple[UUID, UUID]]
    profiles: dict[UUID, AgentProfile]


async def commit_decisions(
    session: AsyncSession,
    act: Act,
    epoch: int,
    decided: Sequence[decisions.Decision],
    *,
    causes: Mapping[UUID, str] | None = None,
) -> Committed:
    """Raises Deposed when another router has taken over: then nothing of this may be stored.

    `causes`: by work, the request id its events are to bear.
    """
    await fence(session, ROUTER, epoch)
    committed = Committed()
    offers = [decision for decision in decided if isinstance(decision, decisions.Offer)]
    table = await _load(session, act, decided, offers)
    events: list[Event] = []
    accepted: list[tuple[Desk, WorkItem]] = []
    for offer in offers:
        problem = _why_not(offer, table, act.now)
        if problem is not None:
            committed.stale.append((offer, problem))
            continue
        events += _make(session, act, offer, table, accepted)
        committed.made.append(offer.work_id)
    for decision in decided:
        if not isinstance(decision, decisions.Offer):
            events += _tell(session, act, decision, table.works.get(decision.work_id))
    await session.flush()
    await event_log.append_each(session, [(_act_of(event, act, causes or {}), event) for event in events])
    owners = {work.conversation_id: desk.agent_id for desk, work in accepted}
    if owners:
        await conversations.set_owners(session, act, owners, reason="accepted")
    return committed


def _act_of(event: Event, act: Act, causes: Mapping[UUID, str]) -> Act:
    if isinstance(event, WorkChanged | WorkUnroutable | OfferMade | OfferEnded) and event.work_id in causes:
        return act.under(causes[event.work_id])
    return act


async def _load(
    session: AsyncSession, act: Act, decided: Sequence[decisions.Decision], offers: Sequence[decisions.Offer]
) -> _Table:
    agent_ids = {offer.agent_id for offer in offers}
    desks = await lock_desks(session, agent_ids, act.now)
    # Not their holders: work that is somebody's by now is stale and left alone.
    works = await live_rows.lock_works(session, {decision.work_id for decision in decided})
    queues = await queue_rows.list_queues(session, {work.queue_id for work in works.values()})
    memberships = await live_rows.list_memberships(session, agent_ids) if agent_ids else set()
    profiles = await agents.list_facts(session, list(agent_ids)) if agent_ids else []
    return _Table(
        works, desks, {queue.id: queue for queue in queues}, memberships, {profile.id: profile for profile in profiles}
    )


def _why_not(decision: decisions.Offer, table: _Table, now: datetime) -> str | None:
    """The rule that forbids the offer now, whatever the engine's memory said; None if it may be made."""
    work, desk = table.works.get(decision.work_id), table.desks[decision.agent_id]
    profile = table.profiles.get(decision.agent_id)
    if work is None or work.state != "queued" or work.version != decision.work_version:
        return "work_changed"
    if profile is None or profile.disabled or not desk.presence.is_routable:
        return "not_routable"
    if _is_cooling_down(work, decision.agent_id, now):
        return "cooling_down"
    queue = table.queues[work.queue_id]
    requirements, language = demand_of(work, queue)
    terms = terms_at(queue_facts(queue), max(decision.ring, 0), override=requirements, language=language)
    if (desk.agent_id, queue.id) not in table.memberships and profile.team_id not in terms.groups:
        return "not_member"
    if unmet(dict(terms.requirements), skills_of(profile)) is not None:
        return "lacks_requirement"
    return None if capacity.fits(desk.capacity, work.channel, work.units) is not None else "no_free_units"


def _is_cooling_down(work: WorkItem, agent_id: UUID, now: datetime) -> bool:
    """By the shorter rule: whether the agent is alone, and so asked again sooner, only the engine knows."""
    until = work.cool_downs.get(str(agent_id))
    shorter = timedelta(seconds=COOL_DOWN_SECONDS - COOL_DOWN_ALONE_SECONDS)
    return until is not None and datetime.fromisoformat(until) - shorter > now


def _make(
    session: AsyncSession,
    act: Act,
    decision: decisions.Offer,
    table: _Table,
    accepted: list[tuple[Desk, WorkItem]],
) -> list[Event]:
    work, desk = table.works[decision.work_id], table.desks[decision.agent_id]
    queue = table.queues[work.queue_id]
    fit = capacity.fits(desk.capacity, work.channel, work.units)
    if fit is None:
        raise Conflict("no_capacity", "The agent has no free capacity for this work.")
    events = park(desk, fit.parks)
    events.append(move(work, "offered", reason="offered", agent_id=desk.agent_id))
    hold(desk, work)
    work.run_at, work.unroutable_reason = None, None
    offer = _new_offer(act, decision, work, queue)
    session.add(offer)
    session.add(_decision_row(act, work, desk.agent_id, "offer", traces.document(decision.trace)))
    events.append(_offer_made(offer))
    if queue.auto_accept:
        events += accept(desk, work, offer, act.now)
        accepted.append((desk, work))
    return events


def _new_offer(act: Act, decision: decisions.Offer, work: WorkItem, queue: Queue) -> Offer:
    deadline_at = act.now + timedelta(seconds=queue.offer_timeout_seconds)
    return Offer(
        id=act.new_id(),
        work_id=work.id,
        work_version=work.version,
        conversation_id=work.conversation_id,
        queue_id=queue.id,
        agent_id=decision.agent_id,
        state="pending",
        token=secrets.token_urlsafe(TOKEN_BYTES),
        ring=max(decision.ring, 0),
        made_at=act.now,
        deadline_at=deadline_at,
        run_at=deadline_at,
        end_reason="",
    )


def _offer_made(offer: Offer) -> OfferMade:
    return OfferMade(
        conversation_id=offer.conversation_id,
        offer_id=offer.id,
        work_id=offer.work_id,
        queue_id=offer.queue_id,
        agent_id=offer.agent_id,
        deadline_at=offer.deadline_at,
    )


def _tell(
    session: AsyncSession,
    act: Act,
    decision: decisions.Wait | decisions.Unroutable | decisions.Drain,
    work: WorkItem | None,
) -> list[Event]:
    """Store why nothing was offered. Said again by a new owner it is no new event."""
    if work is None or work.state != "queued":
        return []
    if isinstance(decision, decisions.Drain):
        session.add(_decision_row(act, work, decision.agent_id, "drain", traces.document(decision.trace)))
        return []
    if isinstance(decision, decisions.Wait):
        work.unroutable_reason = None
        if decision.trace is not None:
            document = {**traces.document(decision.trace), "reason": decision.reason}
            session.add(_decision_row(act, work, None, "wait", document))
        return []
    if work.unroutable_reason == decision.reason:
        return []
    work.unroutable_reason = decision.reason
    session.add(_decision_row(act, work, None, "unroutable", {"reason": decision.reason}))
    return [
        WorkUnroutable(
            conversation_id=work.conversation_id, work_id=work.id, queue_id=work.queue_id, reason=decision.reason
        )
    ]


def _decision_row(
    act: Act, work: WorkItem, agent_id: UUID | None, outcome: str, document: dict[str, object]
) -> RoutingDecision:
    return RoutingDecision(
        id=act.new_id(),
        work_id=work.id,
        conversation_id=work.conversation_id,
        agent_id=agent_id,
        outcome=outcome,
        trace=document,
        decided_at=act.now,
    )
