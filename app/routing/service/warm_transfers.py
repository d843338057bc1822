"""Warm transfers: a colleague is asked in while the owner keeps the conversation and its units.

The colleague's offer holds units of their own, in a work item `consulted` beside the conversation's live one.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core.act import Act
from app.core.due_rows import announce
from app.core.errors import Conflict, Forbidden, InvalidInput
from app.events.event import Event
from app.events.routing import TransferOffered
from app.routing import capacity
from app.routing.models import Offer, Queue, WorkItem
from app.routing.offer_rules import ENDED, check_open, check_quoted
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.repository import warm_transfers as rows
from app.routing.schemas import OfferAnswered
from app.routing.service.desk import Desk, hold, let_go, lock_work, park
from app.routing.service.handing import UNRESOLVED, give
from app.routing.service.offers import (
    answered,
    end_offer,
    expire_offer,
    facts_of_offer,
    new_token,
    offer_made,
    put_back,
    transfer_ended,
)
from app.routing.service.publish import publish
from app.routing.service.work import manual_decision
from app.routing.transfer_schemas import TransferBody
from app.routing.work_states import OWNED

WATCH_SECONDS = 5
"""How often it is looked whether who asks still owns it, should the event of the loss be late. A conversation is lost
in many ways, all without the colleague's lock."""


async def ask(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, body: TransferBody
) -> None:
    """The owner asks a colleague, who gets an offer; until it is accepted nothing else changes.

    Raises Forbidden `not_the_owner`, InvalidInput `to_yourself`, Conflict `transfer_pending`, `agent_not_routable`,
    `no_capacity`. The colleague exists.
    """
    assert body.agent_id is not None
    if body.agent_id == principal.id:
        raise InvalidInput("to_yourself", "You have this conversation already. Choose a colleague.")
    live = await live_rows.find_live_work_ids(session, [conversation_id])
    works, desks = await lock_work(session, set(live.values()), act.now, agents={principal.id, body.agent_id})
    work = works.get(live.get(conversation_id, conversation_id))
    if work is None or work.state not in OWNED or work.agent_id != principal.id:
        raise Forbidden("not_the_owner", "You no longer have this conversation. Reload it.")
    if await rows.find_consulted(session, conversation_id) is not None:
        raise Conflict("transfer_pending", "A colleague is being asked already. Wait for the answer or take it back.")
    desk = desks[body.agent_id]
    queue = await queue_rows.get_queue(session, work.queue_id)
    events = _debit(session, act, work, desk)
    consulted = _consulted(act, work)
    hold(desk, consulted)
    offer = await _new_offer(session, act, principal, consulted, queue, body)
    await rows.add(session, consulted, offer)
    more = {"reason": body.reason, "to": str(body.agent_id)}
    live_rows.add_decisions(session, [manual_decision(act, work, body.agent_id, "consulted", **more)])
    await publish(session, act, [*events, offer_made(offer), _offered(offer)])


def _debit(session: AsyncSession, act: Act, work: WorkItem, desk: Desk) -> list[Event]:
    """What the colleague must interrupt for it."""
    if not desk.presence.is_routable:
        raise Conflict("agent_not_routable", "This agent takes no work now. Choose another one, or a queue.")
    fit = capacity.fits(desk.capacity, work.channel, work.units)
    if fit is None:
        raise Conflict("no_capacity", "The agent has no free capacity for this work; choose another agent.")
    return [*park(desk, fit.parks)]


def _consulted(act: Act, work: WorkItem) -> WorkItem:
    return WorkItem(
        id=act.new_id(),
        conversation_id=work.conversation_id,
        queue_id=work.queue_id,
        channel=work.channel,
        state="consulted",
        units=work.units,
        units_held=False,
        tier=work.tier,
        priority=work.priority,
        ready_at=work.ready_at,
        due_at=work.due_at,
        synthetic=work.synthetic,
        version=1,
        created_at=act.now,
    )


async def _new_offer(
    session: AsyncSession, act: Act, principal: Principal, consulted: WorkItem, queue: Queue, body: TransferBody
) -> Offer:
    note_id = await leave_note(session, act, principal, consulted.conversation_id, body.note)
    deadline_at = act.now + timedelta(seconds=queue.offer_timeout_seconds)
    return Offer(
        id=act.new_id(),
        work_id=consulted.id,
        work_version=consulted.version,
        conversation_id=consulted.conversation_id,
        queue_id=consulted.queue_id,
        agent_id=consulted.agent_id,
        from_agent_id=principal.id,
        handover_reason=body.reason,
        handover_note_id=note_id,
        state="pending",
        token=new_token(),
        made_at=act.now,
        deadline_at=deadline_at,
        run_at=_next_look(deadline_at, act.now),
    )


async def leave_note(
    session: AsyncSession, act: Act, principal: Principal, conversation_id: UUID, text: str
) -> UUID | None:
    """The words that go with a transfer, as an internal note, while whoever writes them may still see it."""
    if not text.strip():
        return None
    posted = await conversations.add_note(
        session, act, principal, conversation_id=conversation_id, body=text, client_id=f"handover.{act.new_id()}"
    )
    return posted.message_id


def _next_look(deadline_at: datetime, now: datetime) -> datetime:
    return min(deadline_at, now + timedelta(seconds=WATCH_SECONDS))


def _offered(offer: Offer) -> TransferOffered:
    assert offer.from_agent_id is not None
    return TransferOffered(
        conversation_id=offer.conversation_id,
        offer_id=offer.id,
        from_agent_id=offer.from_agent_id,
        to_agent_id=offer.agent_id,
        deadline_at=offer.deadline_at,
    )


async def accept(session: AsyncSession, act: Act, *, agent_id: UUID, offer_id: UUID, token: str) -> OfferAnswered:
    """The colleague becomes the owner. A repeat with the same token changes nothing and answers the same.

    Raises as accepting any offer does; `offer_withdrawn` also when who asked has lost the conversation meanwhile.
    """
    offer = await live_rows.get_offer(session, offer_id)
    check_quoted(facts_of_offer(offer), agent_id=agent_id, token=token)
    works, desks = await _lock(session, act, offer, agents={agent_id})
    offer = await live_rows.lock_offer(session, offer_id)
    if offer.state == "accepted":
        return answered(offer, [])
    check_open(facts_of_offer(offer), act.now)
    work = _owned(works, offer)
    facts = (await conversations.facts_of(session, [offer.conversation_id])).get(offer.conversation_id)
    if work is None or facts is None or facts.status not in UNRESOLVED:
        raise Conflict(*ENDED["withdrawn"])
    events: list[Event] = [end_offer(offer, "accepted", "", act.now), transfer_ended(offer, "accepted")]
    let_go(desks[agent_id], works[offer.work_id])
    works[offer.work_id].state, works[offer.work_id].ended_at = "done", act.now
    stored = await publish(session, act, events)
    note, is_open = offer.handover_reason or "", facts.status == "open"
    await give(session, act, work, desks, agent_id, is_open=is_open, reason="transferred", note=note, forced=False)
    return answered(offer, stored)


async def take_back(session: AsyncSession, act: Act, *, conversation_id: UUID) -> None:
    """Whoever may transfer it no longer asks. Taking back what is over changes nothing."""
    consulted_id = await rows.find_consulted(session, conversation_id)
    if consulted_id is not None:
        works, desks = await lock_work(session, {consulted_id}, act.now)
        await _withdraw(session, act, works[consulted_id], desks, "taken_back")


async def look_after(session: AsyncSession, act: Act, offer_id: UUID) -> None:
    """A pending offer is due: over, or who asks no longer has what they asked about, or to be looked at again."""
    offer = await live_rows.get_offer(session, offer_id)
    if offer.from_agent_id is None or act.now >= offer.deadline_at:
        await expire_offer(session, act, offer_id)
        return
    works, desks = await _lock(session, act, offer, agents={offer.agent_id})
    offer = await live_rows.lock_offer(session, offer_id)
    if offer.state != "pending":
        return
    if _owned(works, offer) is None:
        await _withdraw(session, act, works[offer.work_id], desks, "owner_changed")
    else:
        offer.run_at = _next_look(offer.deadline_at, act.now)


async def note_lost(session: AsyncSession, act: Act, conversation_ids: Collection[UUID]) -> None:
    """Their owners are no longer who they were, or they are over: the questions about them are looked at now."""
    if conversation_ids and await rows.bring_forward(session, conversation_ids, act.now):
        announce(session, "offer", act.now)


async def _lock(
    session: AsyncSession, act: Act, offer: Offer, *, agents: set[UUID]
) -> tuple[dict[UUID, WorkItem], dict[UUID, Desk]]:
    live = await live_rows.find_live_work_ids(session, [offer.conversation_id])
    return await lock_work(session, {offer.work_id, *live.values()}, act.now, agents=agents)


def _owned(works: dict[UUID, WorkItem], offer: Offer) -> WorkItem | None:
    """What is to change hands, if it is still who asked's."""
    owned = (work for work in works.values() if work.state in OWNED and work.agent_id == offer.from_agent_id)
    return next(owned, None)


async def _withdraw(session: AsyncSession, act: Act, consulted: WorkItem, desks: dict[UUID, Desk], reason: str) -> None:
    for offer in await live_rows.lock_pending_offers(session, work_ids=[consulted.id]):
        events = await put_back(session, desks[offer.agent_id], consulted, offer, "withdrawn", reason, act.now)
        await publish(session, act, events)
