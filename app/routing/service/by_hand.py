"""Work changed by hand: pick, assign, take over, transfer. All through the same ledger as offers."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.schemas import AssignBody, Explanation
from app.routing.service import warm_transfers
from app.routing.service.handing import UNRESOLVED, give, lock_or_make, move_to_queue
from app.routing.service.hours import Hours
from app.routing.service.views import explain, explain_work
from app.routing.service.work import manual_decision
from app.routing.transfer_schemas import TransferBody

OVERRIDE_SCOPE = "routing:write"


async def pick(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, hours: Hours
) -> Explanation:
    """An agent takes what nobody owns, without an offer.

    Raises Conflict `already_owned`, `offered_to_another`, `no_capacity`, `conversation_not_open`.
    """
    facts = await _get_visible(session, principal, conversation_id)
    work, desks = await lock_or_make(session, act, conversation_id, facts, agents={principal.id}, hours=hours)
    if work.state in ("assigned", "parked", "wrapping"):
        if work.agent_id == principal.id:
            return await explain(session, principal, conversation_id=conversation_id)
        raise Conflict("already_owned", "Somebody owns this conversation; ask for a transfer.")
    if work.state == "offered" and work.agent_id != principal.id:
        raise Conflict("offered_to_another", "It is being offered to another agent; try again in a moment.")
    await give(session, act, work, desks, principal.id, is_open=facts.status == "open", reason="picked", forced=False)
    return await explain(session, principal, conversation_id=conversation_id)


async def assign(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, body: AssignBody, hours: Hours
) -> Explanation:
    """A supervisor decides who owns it, taking it from an offer or from its owner.

    `override` lets the agent go above capacity; a routing decision `forced` with the actor's name is the audit.
    Raises Conflict `no_capacity` without it, NotFound `agent_not_found`.
    """
    facts = await _get_visible(session, principal, conversation_id)
    await _check_agent(session, body.agent_id)
    work, desks = await lock_or_make(session, act, conversation_id, facts, agents={body.agent_id}, hours=hours)
    if work.state not in ("assigned", "parked") or work.agent_id != body.agent_id:
        is_mine = body.agent_id == principal.id and facts.rights.owner_id is not None
        await give(
            session,
            act,
            work,
            desks,
            body.agent_id,
            is_open=facts.status == "open",
            reason="taken_over" if is_mine else "assigned",
            note=body.note,
            forced=body.override,
        )
    return await explain(session, principal, conversation_id=conversation_id)


async def transfer(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, body: TransferBody, hours: Hours
) -> Explanation:
    """By the owner or a supervisor, to a queue or to an agent. Raises InvalidInput `one_target`, `warm_needs_agent`.

    Warm, by the owner only: the agent is asked first.
    """
    facts = await _get_transferable(session, principal, conversation_id)
    if body.warm and body.agent_id is None:
        raise InvalidInput("warm_needs_agent", "Only an agent can be asked first. Name an agent_id, or leave warm out.")
    if body.agent_id is not None and body.queue_id is None and body.warm:
        if facts.rights.owner_id != principal.id:
            raise Forbidden("not_the_owner", "Only its owner may ask a colleague in; you may assign it.")
        await _check_agent(session, body.agent_id)
        await warm_transfers.ask(session, act, principal, conversation_id=conversation_id, body=body)
    elif body.agent_id is not None and body.queue_id is None:
        await _to_agent(session, act, principal, conversation_id, facts, body, hours)
    elif body.queue_id is not None and body.agent_id is None:
        await _to_queue(session, act, principal, conversation_id, facts, body, hours)
    else:
        raise InvalidInput("one_target", "Name either a queue_id or an agent_id.")
    return await explain_work(session, conversation_id)


async def take_back_transfer(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID
) -> Explanation:
    """By the owner or a supervisor: the colleague is no longer asked."""
    await _get_transferable(session, principal, conversation_id)
    await warm_transfers.take_back(session, act, conversation_id=conversation_id)
    return await explain_work(session, conversation_id)


async def _get_transferable(session: AsyncSession, principal: Principal, conversation_id: UUID) -> ConversationFacts:
    facts = await _get_visible(session, principal, conversation_id)
    if facts.rights.owner_id != principal.id and OVERRIDE_SCOPE not in principal.scopes:
        raise Forbidden("not_the_owner", "Only its owner or a supervisor may transfer a conversation.")
    return facts


async def _to_agent(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    conversation_id: UUID,
    facts: ConversationFacts,
    body: TransferBody,
    hours: Hours,
) -> None:
    """The colleague must be there and have the units. Raises Conflict `agent_not_routable`, `no_capacity`."""
    agent_id = body.agent_id
    assert agent_id is not None
    await _check_agent(session, agent_id)
    work, desks = await lock_or_make(session, act, conversation_id, facts, agents={agent_id}, hours=hours)
    if work.agent_id == agent_id and work.state != "offered":
        return
    if not desks[agent_id].presence.is_routable:
        raise Conflict("agent_not_routable", "This agent takes no work now. Choose another one, or a queue.")
    await warm_transfers.leave_note(session, act, principal, conversation_id, body.note)
    await give(
        session,
        act,
        work,
        desks,
        agent_id,
        is_open=facts.status == "open",
        reason="transferred",
        note=body.reason,
        forced=False,
    )


async def _to_queue(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    conversation_id: UUID,
    facts: ConversationFacts,
    body: TransferBody,
    hours: Hours,
) -> None:
    assert body.queue_id is not None
    queue = await queue_rows.get_queue(session, body.queue_id)
    work, desks = await lock_or_make(session, act, conversation_id, facts, agents=set(), hours=hours)
    await warm_transfers.leave_note(session, act, principal, conversation_id, body.note)
    more = {"taken_from": str(work.agent_id or ""), "to_queue": str(queue.id), "reason": body.reason}
    live_rows.add_decisions(session, [manual_decision(act, work, None, "transferred", **more)])
    await move_to_queue(session, act, work, desks, facts, queue, hours=hours, reason="transferred", note=body.reason)


async def _get_visible(session: AsyncSession, principal: Principal, conversation_id: UUID) -> ConversationFacts:
    """Raises NotFound for what the caller may not see, Conflict for what is over."""
    facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
    if facts is None or not may_see(principal, facts.rights):
        raise NotFound("conversation_not_found", "There is no such conversation.")
    if facts.status not in UNRESOLVED:
        raise Conflict("conversation_not_open", "This conversation is resolved. Reopen it first.")
    return facts


async def _check_agent(session: AsyncSession, agent_id: UUID) -> None:
    profiles = await agents.list_facts(session, [agent_id])
    if not profiles or profiles[0].disabled:
        raise NotFound("agent_not_found", "There is no such agent.")
