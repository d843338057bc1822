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
from app.events.event import Event
from app.routing import capacity
from app.routing.models import WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.schemas import AssignBody, Explanation, TransferBody
from app.routing.service.desk import Desk, let_go, lock_desks, lock_work, move, settle
from app.routing.service.making import Wanted, make_queued
from app.routing.service.publish import publish
from app.routing.service.views import explain, explain_work
from app.routing.service.work import manual_decision, take, withdraw

OVERRIDE_SCOPE = "routing:write"
UNRESOLVED = frozenset({"open", "pending", "on_hold", "snoozed"})


async def pick(session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID) -> Explanation:
    """An agent takes what nobody owns, without an offer.

    Raises Conflict `already_owned`, `offered_to_another`, `no_capacity`, `conversation_not_open`.
    """
    facts = await _get_visible(session, principal, conversation_id)
    work, desks = await _lock_or_make(session, act, conversation_id, facts, agents={principal.id})
    if work.state in ("assigned", "parked"):
        if work.agent_id == principal.id:
            return await explain(session, principal, conversation_id=conversation_id)
        raise Conflict("already_owned", "Somebody owns this conversation; ask for a transfer.")
    if work.state == "offered" and work.agent_id != principal.id:
        raise Conflict("offered_to_another", "It is being offered to another agent; try again in a moment.")
    await _give(session, act, work, desks, principal.id, is_open=facts.status == "open", reason="picked", forced=False)
    return await explain(session, principal, conversation_id=conversation_id)


async def assign(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, body: AssignBody
) -> Explanation:
    """A supervisor decides who owns it, taking it from an offer or from its owner.

    `override` lets the agent go above capacity; a routing decision `forced` with the actor's name is the audit.
    Raises Conflict `no_capacity` without it, NotFound `agent_not_found`.
    """
    facts = await _get_visible(session, principal, conversation_id)
    await _check_agent(session, body.agent_id)
    work, desks = await _lock_or_make(session, act, conversation_id, facts, agents={body.agent_id})
    if work.state not in ("assigned", "parked") or work.agent_id != body.agent_id:
        is_mine = body.agent_id == principal.id and facts.rights.owner_id is not None
        await _give(
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
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, body: TransferBody
) -> Explanation:
    """By the owner or a supervisor, to a queue or to an agent. Raises InvalidInput `one_target`."""
    facts = await _get_visible(session, principal, conversation_id)
    if facts.rights.owner_id != principal.id and OVERRIDE_SCOPE not in principal.scopes:
        raise Forbidden("not_the_owner", "Only its owner or a supervisor may transfer a conversation.")
    if body.agent_id is not None and body.queue_id is None:
        await _to_agent(session, act, conversation_id, facts, body.agent_id, body.reason)
    elif body.queue_id is not None and body.agent_id is None:
        await _to_queue(session, act, conversation_id, facts, body.queue_id)
    else:
        raise InvalidInput("one_target", "Name either a queue_id or an agent_id.")
    return await explain_work(session, conversation_id)


async def _to_agent(
    session: AsyncSession, act: Act, conversation_id: UUID, facts: ConversationFacts, agent_id: UUID, reason: str
) -> None:
    """The colleague must be there and have the units. Raises Conflict `agent_not_routable`, `no_capacity`."""
    await _check_agent(session, agent_id)
    work, desks = await _lock_or_make(session, act, conversation_id, facts, agents={agent_id})
    if work.agent_id == agent_id and work.state != "offered":
        return
    if not desks[agent_id].presence.is_routable:
        raise Conflict("agent_not_routable", "This agent takes no work now. Choose another one, or a queue.")
    await _give(
        session,
        act,
        work,
        desks,
        agent_id,
        is_open=facts.status == "open",
        reason="transferred",
        note=reason,
        forced=False,
    )


async def _to_queue(
    session: AsyncSession, act: Act, conversation_id: UUID, facts: ConversationFacts, queue_id: UUID
) -> None:
    """It goes on in the other queue and keeps the time it has waited since."""
    queue = await queue_rows.get_queue(session, queue_id)
    work, desks = await _lock_or_make(session, act, conversation_id, facts, agents=set())
    former = desks.get(work.agent_id) if work.agent_id else None
    events = await _release(session, act, work, former, reason="transferred")
    events.append(move(work, "moved", reason="transferred", agent_id=former.agent_id if former else None))
    work.ended_at, work.run_at = act.now, None
    await publish(session, act, events)
    if facts.status == "open":
        successor = Wanted(conversation_id, facts, act, queue_id=queue_id, ready_at=work.ready_at)
        await make_queued(session, [successor], reason="transferred")
    await conversations.set_queue(
        session,
        act,
        conversation_id=conversation_id,
        queue_id=queue.id,
        team_id=queue.team_id,
        owner_id=None,
        reason="transferred",
    )


async def _give(
    session: AsyncSession,
    act: Act,
    work: WorkItem,
    desks: dict[UUID, Desk],
    agent_id: UUID,
    *,
    is_open: bool,
    reason: str,
    note: str = "",
    forced: bool,
) -> None:
    """Take the work from wherever it is and make the agent its owner. Units are held only while it is open."""
    former = desks.get(work.agent_id) if work.agent_id else None
    events = await _release(session, act, work, former, reason=reason)
    desk = desks[agent_id]
    if is_open and not forced and capacity.fits(desk.capacity, work.channel, work.units) is None:
        raise Conflict("no_capacity", "The agent has no free capacity for this work; choose another agent.")
    events.append(move(work, "assigned", reason=reason, agent_id=agent_id))
    work.run_at, work.agent_id = None, agent_id
    if is_open:
        events += take(session, act, desk, work)
    else:
        desk.works[work.id] = work
    live_rows.add_decisions(session, [manual_decision(act, work, agent_id, reason)])
    desk.ledger.last_accepted_at = act.now
    await publish(session, act, events)
    await conversations.set_owner(
        session, act, conversation_id=work.conversation_id, owner_id=agent_id, reason=reason, note=note
    )


async def _release(session: AsyncSession, act: Act, work: WorkItem, former: Desk | None, *, reason: str) -> list[Event]:
    """Whatever its state, the work is queued afterwards and nobody's."""
    if former is None:
        return []
    if work.state == "offered":
        return await withdraw(session, act, work, former, reason)
    moved = move(work, "queued", reason=reason, agent_id=former.agent_id)
    let_go(former, work)
    return [moved, *settle(former, act.now)]


async def _lock_or_make(
    session: AsyncSession, act: Act, conversation_id: UUID, facts: ConversationFacts, *, agents: set[UUID]
) -> tuple[WorkItem, dict[UUID, Desk]]:
    """The conversation's live work under lock. A conversation that waits for the customer may have none yet."""
    live = await live_rows.find_live_work_ids(session, [conversation_id])
    if not live:
        # Before the work item, as everywhere: the consumer may be making the same one under these locks.
        await lock_desks(session, agents, act.now)
        await make_queued(session, [Wanted(conversation_id, facts, act)], reason="by_hand")
        live = await live_rows.find_live_work_ids(session, [conversation_id])
    if not live:
        raise Conflict("conversation_without_queue", "Move the conversation to a queue first.")
    works, desks = await lock_work(session, set(live.values()), act.now, agents=agents)
    return works[live[conversation_id]], desks


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
