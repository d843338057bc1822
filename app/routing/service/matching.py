"""Commits what the engine decided: fenced by the epoch, rechecked under locks, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.agents.schemas import AgentProfile
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.owners import fence
from app.events.event import Event
from app.events.routing import OfferEnded, OfferMade, WorkChanged, WorkUnroutable
from app.routing import capacity, decisions, traces
from app.routing.facts import QueueFacts
from app.routing.models import Offer, Queue, RoutingDecision, WorkItem
from app.routing.offer_rules import unmet
from app.routing.repository import batches
from app.routing.repository import queues as queue_rows
from app.routing.rings import COOL_DOWN_ALONE_SECONDS, COOL_DOWN_SECONDS, Terms, terms_at
from app.routing.service.desk import Desk, changed, hold, move, park
from app.routing.service.loading import LoadedAgent, demand_of, held_units, loaded, queue_facts, skills_of
from app.routing.service.offers import accept, new_token, offer_made

ROUTER = "router"


@dataclass
class Committed:
    """`made`: works whose offers stand. `stale`: decisions that the tables no longer bear out, with the rule.
    `agents`: all of the decisions' agents that work can be offered to, as they are after the commit. `events`: the ids
    of those appended.
    """

    made: list[UUID] = field(default_factory=list)
    stale: list[tuple[decisions.Offer, str]] = field(default_factory=list)
    agents: list[LoadedAgent] = field(default_factory=list)
    events: list[UUID] = field(default_factory=list)


@dataclass
class _Table:
    """Everything a recheck looks at, locked or read in this transaction, and what is to be stored in its end."""

    works: dict[UUID, WorkItem]
    desks: dict[UUID, Desk]
    queues: dict[UUID, tuple[Queue, QueueFacts]]
    memberships: dict[UUID, set[UUID]]
    profiles: dict[UUID, AgentProfile]
    changed: dict[UUID, WorkItem] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)
    decisions: list[RoutingDecision] = field(default_factory=list)
    owners: dict[UUID, UUID] = field(default_factory=dict)
    _plain_terms: dict[tuple[UUID, int], Terms] = field(default_factory=dict)

    def terms(self, work: WorkItem, queue: Queue, facts: QueueFacts, ring: int) -> Terms:
        """What the ring demands of whoever takes the work; nearly all work of a queue asks the same."""
        if work.requirements:
            requirements, language = demand_of(work, queue)
            return terms_at(facts, ring, override=requirements, language=language)
        known = self._plain_terms.get((queue.id, ring))
        if known is None:
            known = self._plain_terms[queue.id, ring] = terms_at(facts, ring)
        return known


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
    table = await _load(session, decided, offers)
    events: list[Event] = []
    for decision in decided:
        if not isinstance(decision, decisions.Offer):
            events += _tell(act, decision, table)
            continue
        fit = _check(decision, table, act.now)
        if isinstance(fit, str):
            committed.stale.append((decision, fit))
        else:
            events += _make(act, decision, table, fit)
            committed.made.append(decision.work_id)
    await _store(session, table)
    acts = [_act_of(event, act, causes) for event in events] if causes else [act] * len(events)
    committed.events = await event_log.append_each(session, list(zip(acts, events, strict=True)))
    if table.owners:
        await conversations.set_owners(session, act, table.owners, reason="accepted")
    committed.agents = [_as_loaded(profile, table) for profile in table.profiles.values() if not profile.disabled]
    return committed


def _act_of(event: Event, act: Act, causes: Mapping[UUID, str]) -> Act:
    if isinstance(event, WorkChanged | WorkUnroutable | OfferMade | OfferEnded) and event.work_id in causes:
        return act.under(causes[event.work_id])
    return act


async def _load(
    session: AsyncSession, decided: Sequence[decisions.Decision], offers: Sequence[decisions.Offer]
) -> _Table:
    agent_ids = {offer.agent_id for offer in offers}
    desks, memberships, profiles = {}, {}, []
    if agent_ids:
        desks = {ledger.agent_id: Desk(ledger, row) for ledger, row in await batches.lock_agents(session, agent_ids)}
        for held in await batches.list_held(session, agent_ids):
            desks[cast(UUID, held.agent_id)].works[held.id] = held
        memberships = await batches.list_memberships(session, agent_ids)
        profiles = await agents.list_facts(session, list(desks))
    # Not their holders: work that is somebody's by now is stale and left alone.
    works = await batches.lock_works(session, {decision.work_id for decision in decided})
    queues = await queue_rows.list_queues(session, {work.queue_id for work in works.values()})
    return _Table(
        works,
        desks,
        {queue.id: (queue, queue_facts(queue)) for queue in queues},
        memberships,
        {profile.id: profile for profile in profiles},
    )


async def _store(session: AsyncSession, table: _Table) -> None:
    await batches.put_works(session, table.changed.values())
    await batches.put_ledgers(session, [table.desks[offer.agent_id].ledger for offer in table.offers])
    await batches.insert_offers(session, table.offers)
    await batches.insert_decisions(session, table.decisions)


def _as_loaded(profile: AgentProfile, table: _Table) -> LoadedAgent:
    desk = table.desks[profile.id]
    return loaded(
        profile, desk.row, desk.ledger, table.memberships.get(profile.id, set()), held_units(desk.works.values())
    )


def _check(decision: decisions.Offer, table: _Table, now: datetime) -> capacity.Fit | str:
    """How the offer fits, or the rule that forbids it now, whatever the engine's memory said."""
    work, desk = table.works.get(decision.work_id), table.desks.get(decision.agent_id)
    profile = table.profiles.get(decision.agent_id)
    if work is None or work.state != "queued" or work.version != decision.work_version:
        return "work_changed"
    if desk is None or profile is None or profile.disabled or not desk.presence.is_routable:
        return "not_routable"
    if _is_cooling_down(work, decision.agent_id, now):
        return "cooling_down"
    queue, facts = table.queues[work.queue_id]
    terms = table.terms(work, queue, facts, max(decision.ring, 0))
    if queue.id not in table.memberships.get(desk.agent_id, ()) and profile.team_id not in terms.groups:
        return "not_member"
    if terms.requirements and unmet(dict(terms.requirements), skills_of(profile)) is not None:
        return "lacks_requirement"
    return capacity.fits(desk.capacity, work.channel, work.units) or "no_free_units"


def _is_cooling_down(work: WorkItem, agent_id: UUID, now: datetime) -> bool:
    """By the shorter rule: whether the agent is alone, and so asked again sooner, only the engine knows."""
    until = work.cool_downs.get(str(agent_id))
    shorter = timedelta(seconds=COOL_DOWN_SECONDS - COOL_DOWN_ALONE_SECONDS)
    return until is not None and datetime.fromisoformat(until) - shorter > now


def _make(act: Act, decision: decisions.Offer, table: _Table, fit: capacity.Fit) -> list[Event]:
    work, desk = table.works[decision.work_id], table.desks[decision.agent_id]
    queue, _ = table.queues[work.queue_id]
    parked = park(desk, fit.parks)
    table.changed.update({each.work_id: desk.works[each.work_id] for each in parked})
    events: list[Event] = [*parked, move(work, "offered", reason="offered", agent_id=desk.agent_id)]
    hold(desk, work)
    work.run_at, work.unroutable_reason = None, None
    offer = _new_offer(act, decision, work, queue)
    table.changed[work.id] = work
    table.offers.append(offer)
    table.decisions.append(_decision_row(act, work, desk.agent_id, "offer", traces.document(decision.trace)))
    events.append(offer_made(offer))
    if queue.auto_accept or table.profiles[desk.agent_id].auto_accept:
        events += accept(desk, work, offer, act.now, reason="auto")
        table.owners[work.conversation_id] = desk.agent_id
    return events


def _new_offer(act: Act, decision: decisions.Offer, work: WorkItem, queue: Queue) -> Offer:
    deadline_at = act.now + timedelta(seconds=queue.offer_timeout_seconds)
    values = {
        "id": act.new_id(),
        "work_id": work.id,
        "work_version": work.version,
        "conversation_id": work.conversation_id,
        "queue_id": queue.id,
        "agent_id": decision.agent_id,
        "state": "pending",
        "token": new_token(),
        "ring": max(decision.ring, 0),
        "made_at": act.now,
        "deadline_at": deadline_at,
        "run_at": deadline_at,
        "attempts": 0,
        "end_reason": "",
    }
    return batches.unattached(Offer, values)


def _tell(
    act: Act, decision: decisions.Wait | decisions.Unroutable | decisions.Routable | decisions.Drain, table: _Table
) -> list[Event]:
    """Store why nothing was offered. Said again by a new owner it is no new event."""
    work = table.works.get(decision.work_id)
    if work is None or work.state != "queued":
        return []
    if isinstance(decision, decisions.Drain):
        document = traces.document(decision.trace)
        table.decisions.append(_decision_row(act, work, decision.agent_id, "drain", document))
        return []
    if isinstance(decision, decisions.Wait):
        work.unroutable_reason = None
        table.changed[work.id] = work
        if decision.trace is not None:
            document = {**traces.document(decision.trace), "reason": decision.reason}
            table.decisions.append(_decision_row(act, work, None, "wait", document))
        return []
    if isinstance(decision, decisions.Routable):
        return _tell_routable(act, work, table)
    if work.unroutable_reason == decision.reason:
        return []
    work.unroutable_reason = decision.reason
    table.changed[work.id] = work
    table.decisions.append(_decision_row(act, work, None, "unroutable", {"reason": decision.reason}))
    return [
        WorkUnroutable(
            conversation_id=work.conversation_id, work_id=work.id, queue_id=work.queue_id, reason=decision.reason
        )
    ]


def _tell_routable(act: Act, work: WorkItem, table: _Table) -> list[Event]:
    if work.unroutable_reason is None:
        return []
    work.unroutable_reason = None
    table.changed[work.id] = work
    table.decisions.append(_decision_row(act, work, None, "routable", {}))
    return [changed(work, "queued", "routable", agent_id=None)]


def _decision_row(
    act: Act, work: WorkItem, agent_id: UUID | None, outcome: str, document: dict[str, object]
) -> RoutingDecision:
    values = {
        "id": act.new_id(),
        "work_id": work.id,
        "conversation_id": work.conversation_id,
        "agent_id": agent_id,
        "outcome": outcome,
        "trace": document,
        "decided_at": act.now,
    }
    return batches.unattached(RoutingDecision, values)
