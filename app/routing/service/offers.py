"""Answers to offers, and their other ends: each gives the units back exactly once."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core.act import Act
from app.core.errors import Conflict, InvalidInput
from app.events.event import Event
from app.events.routing import OfferEnded, OfferMade, TransferEnded
from app.routing import presence
from app.routing.capacity import WHOLE_AGENT_CHANNELS
from app.routing.idling import idle_check_at
from app.routing.models import Offer, WorkItem
from app.routing.offer_rules import ENDED, OfferFacts, check_open, check_quoted
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.rings import rest_until
from app.routing.schemas import OfferAnswered
from app.routing.service.desk import (
    Desk,
    HolderChanged,
    let_go,
    lock_work,
    move,
    note_answer,
    put_presence,
    set_timer,
    settle,
)
from app.routing.service.publish import publish

MAX_REASON_LENGTH = 200
TOKEN_BYTES = 18

EndState = Literal["declined", "expired", "withdrawn"]


async def accept_offer(session: AsyncSession, act: Act, *, agent_id: UUID, offer_id: UUID, token: str) -> OfferAnswered:
    """The agent becomes the owner. A repeat with the same token changes nothing and answers the same.

    Raises NotFound `offer_not_found`, Conflict `offer_taken`, `stale_token`, `offer_expired`, `offer_withdrawn`.
    """
    offer, work, desk = await _lock(session, act, agent_id=agent_id, offer_id=offer_id, token=token)
    if offer.state == "accepted":
        return answered(offer, [])
    check_open(facts_of_offer(offer), act.now)
    await _check_conversation_open(session, offer.conversation_id)
    stored = await publish(session, act, accept(desk, work, offer, act.now))
    await conversations.set_owner(
        session, act, conversation_id=work.conversation_id, owner_id=agent_id, reason="accepted"
    )
    return answered(offer, stored)


def answered(offer: Offer, events: Sequence[UUID]) -> OfferAnswered:
    return OfferAnswered(
        offer_id=offer.id, conversation_id=offer.conversation_id, state=offer.state, events=list(events)
    )


def accept(desk: Desk, work: WorkItem, offer: Offer, now: datetime, *, reason: str = "") -> list[Event]:
    """The offer's units stay held: they are the engagement's from now on. `reason`: "auto" where nobody was asked."""
    ended = end_offer(offer, "accepted", reason, now)
    moved = move(work, "assigned", reason="accepted", agent_id=desk.agent_id)
    work.run_at = idle_check_at(work.channel, now)
    note_answer(work, now)
    desk.ledger.last_accepted_at = now
    return [ended, moved]


async def decline_offer(
    session: AsyncSession, act: Act, *, agent_id: UUID, offer_id: UUID, token: str, reason: str
) -> OfferAnswered:
    """The work goes back with the same deadline and cools down for this agent. A repeat changes nothing.

    Raises InvalidInput `reason_required`, and as `accept_offer` does.
    """
    if not 1 <= len(reason.strip()) <= MAX_REASON_LENGTH:
        raise InvalidInput("reason_required", f"Give a reason for declining, up to {MAX_REASON_LENGTH} characters.")
    offer, work, desk = await _lock(session, act, agent_id=agent_id, offer_id=offer_id, token=token)
    if offer.state == "declined":
        return answered(offer, [])
    check_open(facts_of_offer(offer), act.now)
    events = await put_back(session, desk, work, offer, "declined", reason.strip(), act.now)
    return answered(offer, await publish(session, act, events))


async def expire_offer(session: AsyncSession, act: Act, offer_id: UUID) -> None:
    """The deadline passed without an answer: the agent may count as not responding."""
    offer = await live_rows.get_offer(session, offer_id)
    works, desks = await lock_work(session, {offer.work_id}, act.now, agents={offer.agent_id})
    offer = await live_rows.lock_offer(session, offer_id)
    if offer.state != "pending" or act.now < offer.deadline_at:
        return
    desk, work = desks[offer.agent_id], works[offer.work_id]
    events = await put_back(session, desk, work, offer, "expired", "no_answer", act.now)
    await session.flush()
    since = act.now - timedelta(seconds=presence.MISSES_WINDOW_SECONDS)
    misses = await live_rows.count_misses(session, offer.agent_id, since)
    if presence.is_penalised_by(misses, whole_agent_channel=work.channel in WHOLE_AGENT_CHANNELS):
        events += put_presence(desk, presence.penalised(desk.presence), act.now)
        events += await withdraw_offers(session, desk, "not_responding", act.now)
    await publish(session, act, events)


async def withdraw_offers(session: AsyncSession, desk: Desk, reason: str, now: datetime) -> list[Event]:
    """All pending offers of a locked agent go back at once, without counting as a try."""
    events: list[Event] = []
    for offer in await live_rows.lock_pending_offers(session, agent_ids=[desk.agent_id]):
        work = desk.works.get(offer.work_id)
        if work is not None and work.state in ("offered", "consulted"):
            events += await put_back(session, desk, work, offer, "withdrawn", reason, now)
    return events


async def put_back(
    session: AsyncSession, desk: Desk, work: WorkItem, offer: Offer, state: EndState, reason: str, now: datetime
) -> list[Event]:
    """Offered work is queued again: `ready_at` and `due_at` stay, so that a missed offer costs it nothing.

    Of a warm transfer nothing is left: the owner has the conversation all the while.
    """
    events: list[Event] = [end_offer(offer, state, reason, now)]
    if work.state == "consulted":
        let_go(desk, work)
        work.state, work.ended_at = "cancelled", now
        return [*events, transfer_ended(offer, state), *settle(desk, now)]
    events.append(move(work, "queued", reason=state, agent_id=desk.agent_id))
    let_go(desk, work)
    if state != "withdrawn":
        agent = str(desk.agent_id)
        tries = work.tries.get(agent, 0) + 1
        work.tries = {**work.tries, agent: tries}
        work.cool_downs = {**work.cool_downs, agent: rest_until(now, tries=tries).isoformat()}
        if work.sticky_agent_id == desk.agent_id:
            # Being the last one who served the customer is no reason to be asked again first.
            work.sticky_agent_id = work.sticky_until = None
    set_timer(work, await queue_rows.get_queue(session, work.queue_id), now)
    return events + settle(desk, now)


def facts_of_offer(offer: Offer) -> OfferFacts:
    return OfferFacts(offer.state, offer.agent_id, offer.token, offer.deadline_at)


async def _lock(
    session: AsyncSession, act: Act, *, agent_id: UUID, offer_id: UUID, token: str
) -> tuple[Offer, WorkItem, Desk]:
    """Refuse strangers before any lock; the locked rows are looked at again by the caller."""
    offer = await live_rows.get_offer(session, offer_id)
    check_quoted(facts_of_offer(offer), agent_id=agent_id, token=token)
    try:
        works, desks = await lock_work(session, {offer.work_id}, act.now, agents={agent_id})
    except HolderChanged:
        # Somebody else is offered or owns the work by now, so this offer has ended.
        check_open(facts_of_offer(await live_rows.lock_offer(session, offer_id)), act.now)
        raise
    return await live_rows.lock_offer(session, offer_id), works[offer.work_id], desks[agent_id]


async def _check_conversation_open(session: AsyncSession, conversation_id: UUID) -> None:
    """A conversation resolved a moment ago is not accepted, although its work was not cancelled yet."""
    facts = await conversations.facts_of(session, [conversation_id])
    if conversation_id not in facts or facts[conversation_id].status != "open":
        raise Conflict(*ENDED["withdrawn"])


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def offer_made(offer: Offer) -> OfferMade:
    return OfferMade(
        conversation_id=offer.conversation_id,
        offer_id=offer.id,
        work_id=offer.work_id,
        queue_id=offer.queue_id,
        agent_id=offer.agent_id,
        deadline_at=offer.deadline_at,
    )


def transfer_ended(offer: Offer, state: Literal["accepted"] | EndState) -> TransferEnded:
    assert offer.from_agent_id is not None
    return TransferEnded(
        conversation_id=offer.conversation_id,
        offer_id=offer.id,
        from_agent_id=offer.from_agent_id,
        to_agent_id=offer.agent_id,
        state=state,
    )


def end_offer(offer: Offer, state: Literal["accepted"] | EndState, reason: str, now: datetime) -> OfferEnded:
    offer.state, offer.end_reason, offer.ended_at, offer.run_at = state, reason, now, None
    return OfferEnded(
        conversation_id=offer.conversation_id,
        offer_id=offer.id,
        work_id=offer.work_id,
        queue_id=offer.queue_id,
        agent_id=offer.agent_id,
        state=state,
        reason=reason,
    )
