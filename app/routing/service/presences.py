"""Presence of agents: connecting, heartbeats, readiness, penalties, and what silence brings."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.errors import InvalidInput, NotFound
from app.events.event import Event
from app.events.routing import Readiness
from app.routing import presence
from app.routing.capacity import WHOLE_AGENT_CHANNELS
from app.routing.models import WorkItem
from app.routing.presence import Presence
from app.routing.repository import live as live_rows
from app.routing.schemas import ReadinessBody
from app.routing.service.desk import Desk, lock_desks, put_presence
from app.routing.service.offers import withdraw_offers
from app.routing.service.publish import publish
from app.routing.service.work import requeue

MAX_REASON_LENGTH = 100


async def connect(session: AsyncSession, acts: Mapping[UUID, Act]) -> None:
    """Consoles opened their sockets, each under its agent's own act. Readiness stays what it was; a first one is not
    ready."""
    now = max(act.now for act in acts.values())
    desks = await lock_desks(session, acts.keys(), now)
    entries = [(acts[agent_id], event) for agent_id, desk in desks.items() for event in _connect_locked(desk, now)]
    await session.flush()
    await event_log.append_each(session, entries)


async def beat(session: AsyncSession, now: datetime, *, agent_ids: Collection[UUID]) -> set[UUID]:
    """The agents are there (each 15 s, by any socket). Returns those who were connected.

    The others, who had fallen silent or were never here, are to be connected in another transaction.
    """
    return await live_rows.record_beats(session, agent_ids, now)


async def disconnect(session: AsyncSession, now: datetime, *, agent_ids: Collection[UUID]) -> None:
    """Their last sockets in some process closed: silence counts from a little earlier.

    No more than that, because a reload, a second tab or another process may hold the agent, and their next beat says
    so in time.
    """
    await live_rows.bring_silence_forward(session, agent_ids, now)


def _connect_locked(desk: Desk, now: datetime) -> list[Event]:
    desk.row.last_beat_at = max(desk.row.last_beat_at, now)
    if desk.row.session == "gone":
        desk.row.connected_at = now
    desk.row.run_at = presence.next_check_at("connected", desk.row.last_beat_at)
    return put_presence(desk, presence.connected(desk.presence), now)


async def set_presence(
    session: AsyncSession, act: Act, *, agent_id: UUID, readiness: Readiness, reason: str = ""
) -> Presence:
    """By the agent or a supervisor. "Not ready" withdraws offers at once; during work it applies after it.

    Raises InvalidInput `reason_required`.
    """
    if readiness == "not_ready" and not 1 <= len(reason.strip()) <= MAX_REASON_LENGTH:
        raise InvalidInput("reason_required", f"Say why not ready, in up to {MAX_REASON_LENGTH} characters.")

    def change(desk: Desk) -> Presence:
        if readiness == "ready":
            return presence.ready(desk.presence)
        return presence.not_ready(desk.presence, reason.strip(), has_work=desk.has_work)

    return await _change(session, act, agent_id, change)


async def clear_penalty(session: AsyncSession, act: Act, *, agent_id: UUID) -> Presence:
    return await _change(session, act, agent_id, lambda desk: presence.cleared(desk.presence))


async def set_presence_of(
    session: AsyncSession, act: Act, principal: Principal, *, agent_id: UUID, body: ReadinessBody
) -> Presence:
    """By a supervisor for an agent within their sight. Raises NotFound `agent_not_found`."""
    await check_visible(session, principal, agent_id)
    return await set_presence(session, act, agent_id=agent_id, readiness=body.readiness, reason=body.reason)


async def clear_penalty_of(session: AsyncSession, act: Act, principal: Principal, *, agent_id: UUID) -> Presence:
    await check_visible(session, principal, agent_id)
    return await clear_penalty(session, act, agent_id=agent_id)


async def check_visible(session: AsyncSession, principal: Principal, agent_id: UUID) -> None:
    """Raises NotFound `agent_not_found` for an agent outside their sight, as for none."""
    found = await agents.list_facts(session, [agent_id])
    if not found or not (principal.visibility == "all" or found[0].team_id == principal.team_id):
        raise NotFound("agent_not_found", "There is no such agent.")


async def retire(session: AsyncSession, act: Act, agent_id: UUID) -> None:
    """The account was disabled: nothing more is offered, and what the agent holds goes back now."""
    desk = (await lock_desks(session, [agent_id], act.now))[agent_id]
    gone = replace(presence.not_ready(desk.presence, "disabled", has_work=False), session="gone")
    events = put_presence(desk, gone, act.now)
    events += await withdraw_offers(session, desk, "disabled", act.now)
    desk.row.run_at = None
    await publish(session, act, events)
    await _requeue_all(session, act, desk, keep=frozenset())


async def check_silence(session: AsyncSession, act: Act, agent_id: UUID) -> None:
    """The presence row is due: connected, suspect at 30 s, gone at 60 s, work requeued 120 s later."""
    desk = (await lock_desks(session, [agent_id], act.now))[agent_id]
    found = presence.check(desk.presence.session, desk.row.last_beat_at, act.now)
    if found == "requeue":
        desk.row.run_at = None
        await _requeue_all(session, act, desk, keep=WHOLE_AGENT_CHANNELS)
        return
    events: list[Event] = []
    if found != "wait":
        events += put_presence(desk, replace(desk.presence, session=found), act.now)
        events += await withdraw_offers(session, desk, found, act.now)
    at = presence.next_check_at(desk.presence.session, desk.row.last_beat_at)
    # A worker that was away looks late: the next step still takes its own time to be seen.
    desk.row.run_at = max(at, act.now + timedelta(seconds=1))
    await publish(session, act, events)


async def _change(session: AsyncSession, act: Act, agent_id: UUID, change: Callable[[Desk], Presence]) -> Presence:
    desk = (await lock_desks(session, [agent_id], act.now))[agent_id]
    events = put_presence(desk, change(desk), act.now)
    if not desk.presence.is_routable:
        events += await withdraw_offers(session, desk, "not_routable", act.now)
    await publish(session, act, events)
    return desk.presence


async def _requeue_all(session: AsyncSession, act: Act, desk: Desk, *, keep: frozenset[str]) -> None:
    """Open digital work goes back; where nobody waits for an answer it stays with its owner."""
    unanswered = await _list_unanswered(session, desk)
    owned = [
        work for work in desk.works.values() if (_is_open(work) or work.id in unanswered) and work.channel not in keep
    ]
    events: list[Event] = []
    for work in sorted(owned, key=lambda item: item.id):
        events += await requeue(
            session, act, desk, work, reason="agent_gone", hold_seconds=presence.STICKY_AFTER_GONE_SECONDS
        )
    await publish(session, act, events)
    for conversation_id in sorted(work.conversation_id for work in owned):
        await conversations.set_owner(session, act, conversation_id=conversation_id, owner_id=None, reason="agent_gone")


async def _list_unanswered(session: AsyncSession, desk: Desk) -> set[UUID]:
    """Idle chats whose customer wrote last: somebody waits there, although no units are held."""
    idle = [work for work in desk.works.values() if work.idle_sequence is not None]
    written = await conversations.list_written(session, [work.conversation_id for work in idle]) if idle else {}
    return {work.id for work in idle if work.conversation_id in written and written[work.conversation_id].is_unanswered}


def _is_open(work: WorkItem) -> bool:
    return work.state == "parked" or (work.state == "assigned" and work.units_held)
