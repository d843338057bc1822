"""Routing as others read it: offers, presence, the state of queues, and why a decision fell as it did."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import Summary
from app.core.errors import NotFound
from app.routing.models import AgentLedger, AgentPresence, Offer, Queue, RoutingDecision, WorkItem
from app.routing.presence import Presence
from app.routing.repository import after_work, warm_transfers
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.schemas import (
    CustomerName,
    DecisionView,
    Explanation,
    OfferView,
    PresenceView,
    QueueLine,
    QueueName,
    WorkView,
)
from app.routing.service.desk import presence_of
from app.routing.service.present import stand_now
from app.routing.service.waits import list_paces
from app.routing.transfer_schemas import Colleague, PendingTransfer
from app.routing.waits import Pace, estimate
from app.routing.wrap_up_schemas import WrapUpView

MAX_DECISIONS = 50
MAX_FIRST_WORDS = 200


async def list_offers(session: AsyncSession, agent_id: UUID) -> list[OfferView]:
    """The agent's pending offers, oldest first, each with the token that answers it."""
    offers = await live_rows.list_pending_offers(session, agent_id)
    if not offers:
        return []
    summaries = await conversations.summaries_of(session, [offer.conversation_id for offer in offers], reader_id=None)
    queues = {queue.id: queue for queue in await queue_rows.list_queues(session, {o.queue_id for o in offers})}
    works = await live_rows.list_works(session, [offer.work_id for offer in offers])
    handovers = await _load_handovers(session, offers)
    decided = await live_rows.list_last_offer_decisions(session, [offer.conversation_id for offer in offers])
    return [
        _offer_view(
            offer, queues[offer.queue_id], works[offer.work_id], summaries[offer.conversation_id], decided
        ).model_copy(update=handovers.get(offer.id, {}))
        for offer in offers
        if offer.conversation_id in summaries
    ]


def _offer_view(
    offer: Offer,
    queue: Queue,
    work: WorkItem,
    summary: Summary,
    decided: dict[UUID, RoutingDecision],
) -> OfferView:
    decision = decided.get(offer.conversation_id)
    return OfferView(
        id=offer.id,
        work_id=offer.work_id,
        conversation_id=offer.conversation_id,
        queue=queue_name(queue),
        channel=work.channel,
        customer=CustomerName(
            id=summary.customer.id, name=summary.customer.name, segments=list(summary.customer.segments)
        ),
        language=summary.language,
        waited_since=work.ready_at,
        first_words=summary.preview[:MAX_FIRST_WORDS],
        made_at=offer.made_at,
        deadline_at=offer.deadline_at,
        token=offer.token,
        why=str(decision.trace.get("decided_by", "")) if decision else "",
    )


async def _load_handovers(session: AsyncSession, offers: Sequence[Offer]) -> dict[UUID, dict[str, Any]]:
    """What a colleague's offer says instead: who asks, and their note."""
    asking = {offer.from_agent_id for offer in offers if offer.from_agent_id is not None}
    if not asking:
        return {}
    names = {each.id: each.name for each in await agents.list_facts(session, asking)}
    note_ids = [offer.handover_note_id for offer in offers if offer.handover_note_id is not None]
    notes = await conversations.load_contents(session, note_ids) if note_ids else {}
    return {
        offer.id: {
            "from_agent": Colleague(id=offer.from_agent_id, name=names.get(offer.from_agent_id, "")),
            "note": notes[offer.handover_note_id].body if offer.handover_note_id in notes else "",
            "why": "",
        }
        for offer in offers
        if offer.from_agent_id is not None
    }


def queue_name(queue: Queue) -> QueueName:
    return QueueName(id=queue.id, name=queue.name, names=queue.names)


async def get_presence(session: AsyncSession, agent_id: UUID) -> PresenceView:
    """Who never connected is gone and not ready."""
    found = await live_rows.list_presences(session, [agent_id])
    if not found:
        return _presence_view(agent_id, None, None, ())
    row, ledger = found[0]
    return _presence_view(agent_id, row, ledger, await after_work.list_wrapping(session, [agent_id]))


async def list_presences(session: AsyncSession, principal: Principal) -> list[PresenceView]:
    """Of everybody who is not disabled; a principal who sees only a team gets that team."""
    profiles = [profile for profile in await agents.list_facts(session, None) if not profile.disabled]
    if principal.visibility != "all":
        profiles = [each for each in profiles if each.team_id == principal.team_id or each.id == principal.id]
    found = {row.agent_id: (row, ledger) for row, ledger in await live_rows.list_presences(session, None)}
    wrapping: dict[UUID | None, list[tuple[WorkItem, str]]] = {}
    for work, mode in await after_work.list_wrapping(session, [each.id for each in profiles]):
        wrapping.setdefault(work.agent_id, []).append((work, mode))
    views = []
    for each in profiles:
        row, ledger = found.get(each.id, (None, None))
        views.append(_presence_view(each.id, row, ledger, wrapping.get(each.id, ())))
    return views


def _presence_view(
    agent_id: UUID,
    row: AgentPresence | None,
    ledger: AgentLedger | None,
    wrapping: Sequence[tuple[WorkItem, str]],
) -> PresenceView:
    known = Presence() if row is None else presence_of(row)
    return PresenceView(
        agent_id=agent_id,
        session=known.session,
        readiness=known.readiness,
        reason=known.reason,
        pending_reason=known.pending_reason,
        penalty=known.penalty,
        routable=known.is_routable,
        since=row.since if row else None,
        capacity_units=ledger.capacity_units if ledger else 0,
        used_units=ledger.used_units if ledger else 0,
        wrap_ups=[_wrap_up_view(work, mode) for work, mode in wrapping],
    )


def _wrap_up_view(work: WorkItem, mode: str) -> WrapUpView:
    return WrapUpView(
        work_id=work.id,
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        # One that runs goes on when its queue does without them from now on; its time ends it, or its agent.
        mode="required" if mode == "required" else "timed",
        ends_at=cast(datetime, work.run_at),
    )


async def list_queue_lines(
    session: AsyncSession, now: datetime, moving: Mapping[UUID, Pace] | None = None
) -> list[QueueLine]:
    """Every queue that is not a probe's, with what waits in it and who serves it now.

    `moving`: how fast the lines move, where the caller has it at hand from a moment ago.
    """
    known = await list_paces(session, now) if moving is None else moving
    return [_queue_line(row, known) for row in await queue_rows.list_counters(session)]


async def list_calendar_ids(session: AsyncSession) -> set[UUID]:
    return await queue_rows.list_calendar_ids(session)


def _queue_line(row: Row[Any], moving: Mapping[UUID, Pace]) -> QueueLine:
    pace = moving.get(row.id)
    told = estimate(row.waiting + 1, pace) if pace is not None else None
    return QueueLine(
        queue=QueueName(id=row.id, name=row.name, names=row.names),
        eta_p50_seconds=told.p50_seconds if told else None,
        eta_p90_seconds=told.p90_seconds if told else None,
        **{name: getattr(row, name) for name in QueueLine.model_fields if name in row._fields},
    )


async def explain(
    session: AsyncSession, principal: Principal, *, conversation_id: UUID, at: datetime | None = None
) -> Explanation:
    """The live work and the stored traces. Raises NotFound for a conversation the caller may not see.

    Whoever is offered it may ask why, although it is another team's until they accept. With `at`, the present time,
    also what would be decided now, if the work waits.
    """
    facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
    seen = facts is not None and may_see(principal, facts.rights)
    if facts is None or not (seen or await _is_offered(session, principal, conversation_id)):
        raise NotFound("conversation_not_found", "There is no such conversation.")
    explanation = await explain_work(session, conversation_id)
    if at is not None and explanation.work is not None:
        explanation.now = await stand_now(session, explanation.work.id, at)
    return explanation


async def _is_offered(session: AsyncSession, principal: Principal, conversation_id: UUID) -> bool:
    offers = await live_rows.list_pending_offers(session, principal.id)
    return any(offer.conversation_id == conversation_id for offer in offers)


async def explain_work(session: AsyncSession, conversation_id: UUID) -> Explanation:
    """For callers who have checked, or had, the right to see it."""
    live = await live_rows.find_live_work_ids(session, [conversation_id])
    works = await live_rows.list_works(session, list(live.values()))
    decisions = await live_rows.list_decisions(session, conversation_id, MAX_DECISIONS)
    asked = await warm_transfers.find_pending(session, conversation_id)
    return Explanation(
        transfer=_transfer_view(asked) if asked is not None else None,
        work=next((_work_view(work) for work in works.values()), None),
        decisions=[
            DecisionView(
                id=decision.id,
                work_id=decision.work_id,
                agent_id=decision.agent_id,
                outcome=decision.outcome,
                decided_at=decision.decided_at,
                trace=decision.trace,
            )
            for decision in decisions
        ],
    )


def _transfer_view(offer: Offer) -> PendingTransfer:
    assert offer.from_agent_id is not None
    return PendingTransfer(
        offer_id=offer.id,
        from_agent_id=offer.from_agent_id,
        to_agent_id=offer.agent_id,
        deadline_at=offer.deadline_at,
    )


def _work_view(work: WorkItem) -> WorkView:
    return WorkView(**{name: getattr(work, name) for name in WorkView.model_fields})
