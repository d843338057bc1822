"""Agents under lock: the ledger, the presence and the work of each, changed together or not at all."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Conflict
from app.events.event import Event
from app.events.routing import Penalty, PresenceChanged, Readiness, SessionState, WorkChanged, WorkState
from app.routing import capacity, presence
from app.routing.fading import falls_at_seconds
from app.routing.models import AgentLedger, AgentPresence, Queue, WorkItem
from app.routing.overflow import Past, next_look_at, parse_steps
from app.routing.repository import live as live_rows
from app.routing.service.loading import fades_of
from app.routing.timers import next_timer_at
from app.routing.work_states import check_transition


@dataclass
class Desk:
    """One locked agent. `works` are the live items offered to or owned by the agent."""

    ledger: AgentLedger
    row: AgentPresence
    works: dict[UUID, WorkItem] = field(default_factory=dict)

    @property
    def agent_id(self) -> UUID:
        return self.ledger.agent_id

    @property
    def presence(self) -> presence.Presence:
        return presence_of(self.row)

    @property
    def capacity(self) -> capacity.Ledger:
        return ledger_facts(self.ledger, self.works.values())

    @property
    def has_work(self) -> bool:
        return any(
            work.state == "wrapping" or (work.units_held and work.state == "assigned") for work in self.works.values()
        )


def presence_of(row: AgentPresence) -> presence.Presence:
    return presence.Presence(
        session=cast(SessionState, row.session),
        readiness=cast(Readiness, row.readiness),
        reason=row.reason,
        pending_reason=row.pending_reason,
        penalty=cast(Penalty, row.penalty),
    )


def ledger_facts(ledger: AgentLedger, works: Collection[WorkItem]) -> capacity.Ledger:
    """The pure ledger, as the sum over what the agent holds. Only what is assigned can be interrupted."""
    held = [work for work in works if work.units_held]
    return capacity.ledger_of(
        [(work.channel, work.units) for work in held if work.state == "assigned"],
        offered=[(work.channel, work.units) for work in held if work.state != "assigned"],
        capacity_units=ledger.capacity_units,
        limits=ledger.channel_limits,
        parked=sum(1 for work in works if work.state == "parked"),
    )


async def lock_free_desks(session: AsyncSession, agent_ids: Collection[UUID]) -> dict[UUID, Desk]:
    """Of these agents, those whom nobody has locked: for who has locked their work already, and so must not wait."""
    ledgers = await live_rows.lock_ledgers(session, agent_ids, skip_locked=True)
    rows = await live_rows.lock_presences(session, list(ledgers), skip_locked=True)
    return await _with_works(session, {agent_id: Desk(ledgers[agent_id], row) for agent_id, row in rows.items()})


async def lock_desks(session: AsyncSession, agent_ids: Collection[UUID], now: datetime) -> dict[UUID, Desk]:
    """Take the agents' locks in order and load what they hold. Agents never seen before get their rows."""
    if not agent_ids:
        return {}
    ledgers = await live_rows.lock_ledgers(session, agent_ids)
    if len(ledgers) < len(set(agent_ids)):
        await live_rows.ensure_agents(session, agent_ids, now)
        ledgers = await live_rows.lock_ledgers(session, agent_ids)
    rows = await live_rows.lock_presences(session, agent_ids)
    return await _with_works(session, {agent_id: Desk(ledger, rows[agent_id]) for agent_id, ledger in ledgers.items()})


async def _with_works(session: AsyncSession, desks: dict[UUID, Desk]) -> dict[UUID, Desk]:
    for work in await live_rows.list_held_work(session, list(desks)):
        desks[cast(UUID, work.agent_id)].works[work.id] = work
    return desks


class HolderChanged(Conflict):
    """Between the look and the lock the work went to an agent whose lock we do not have."""

    def __init__(self) -> None:
        super().__init__("work_changed", "The work changed hands at this moment. Reload and try again.")


async def lock_work(
    session: AsyncSession,
    work_ids: Collection[UUID],
    now: datetime,
    *,
    agents: Collection[UUID] = (),
    held: Collection[UUID] | None = None,
) -> tuple[dict[UUID, WorkItem], dict[UUID, Desk]]:
    """Lock work items with whoever holds them, and further agents. Raises HolderChanged; asking again is safe.

    `held`: agents whose locks this transaction took before. It waits for nobody beside them, for those would come out
    of order: two such transactions could wait for each other.
    """
    holders = await live_rows.list_work_agents(session, work_ids) if work_ids else set()
    if held is not None and not holders | set(agents) <= set(held):
        raise HolderChanged
    desks = await lock_desks(session, holders | set(agents), now)
    works = await live_rows.lock_works(session, work_ids) if work_ids else {}
    if any(work.agent_id is not None and work.agent_id not in desks for work in works.values()):
        raise HolderChanged
    return works, desks


def move(work: WorkItem, after: WorkState, *, reason: str, agent_id: UUID | None = None) -> WorkChanged:
    """One step in the life of the work; `agent_id` is whom the event is about. Raises Conflict `work_state`."""
    before = cast(WorkState, work.state)
    check_transition(before, after)
    work.state = after
    work.version += 1
    return changed(work, before, reason, agent_id=agent_id)


def changed(work: WorkItem, before: WorkState | None, reason: str, *, agent_id: UUID | None) -> WorkChanged:
    return WorkChanged(
        conversation_id=work.conversation_id,
        work_id=work.id,
        queue_id=work.queue_id,
        before=before,
        after=cast(WorkState, work.state),
        reason=reason,
        agent_id=agent_id,
    )


def note_answer(work: WorkItem, now: datetime) -> None:
    """Somebody took it: only the first time ends the customer's wait."""
    work.answered_at = work.answered_at or now


def note_freed(work: WorkItem, now: datetime) -> None:
    """Its units come free. Work that never stood in line says nothing of how fast the line moves."""
    if work.answered_at is not None:
        work.freed_at = work.freed_at or now


def hold(desk: Desk, work: WorkItem) -> None:
    """Debit: from here the work's units are the agent's. The caller has checked that they fit, or forces them."""
    if work.units_held:
        raise Conflict("units_held", "The units of this work are held already. Reload and try again.")
    work.agent_id = desk.agent_id
    work.units_held, work.idle_sequence = True, None
    desk.works[work.id] = work
    desk.ledger.used_units += work.units
    counts = desk.ledger.used_by_channel
    desk.ledger.used_by_channel = {**counts, work.channel: counts.get(work.channel, 0) + 1}


def free(desk: Desk, work: WorkItem) -> None:
    """Credit, exactly once: `units_held` of the work is what makes a second one impossible."""
    if not work.units_held:
        return
    work.units_held = False
    desk.ledger.used_units -= work.units
    counts = dict(desk.ledger.used_by_channel)
    counts[work.channel] -= 1
    desk.ledger.used_by_channel = {channel: count for channel, count in counts.items() if count}


def let_go(desk: Desk, work: WorkItem) -> None:
    """The work leaves the agent for good."""
    free(desk, work)
    work.agent_id = work.idle_sequence = None
    desk.works.pop(work.id, None)


def put_presence(desk: Desk, after: presence.Presence, now: datetime) -> list[Event]:
    """Store the presence. The event tells every change, also the ones its public part does not show."""
    before = desk.presence
    if after == before:
        return []
    row = desk.row
    row.session, row.readiness, row.reason = after.session, after.readiness, after.reason
    row.pending_reason, row.penalty, row.since = after.pending_reason, after.penalty, now
    return [PresenceChanged(agent_id=desk.agent_id, before=before.public, after=after.public)]


def settle(desk: Desk, now: datetime) -> list[Event]:
    """After units came free: interrupted work goes on, and a wish to stop applies once nothing is left."""
    events: list[Event] = []
    parked = [work for work in desk.works.values() if work.state == "parked"]
    for work in sorted(parked, key=lambda item: item.due_at):
        fit = capacity.fits(desk.capacity, work.channel, work.units)
        if fit is not None and not fit.parks:
            events.append(move(work, "assigned", reason="resumed", agent_id=desk.agent_id))
            hold(desk, work)
    if not desk.has_work:
        events += put_presence(desk, presence.after_work(desk.presence), now)
    return events


def park(desk: Desk, interrupted: tuple[tuple[int, str], ...]) -> list[WorkChanged]:
    """Interrupt works of these (units, channel). Raises Conflict `no_capacity` if the agent has none such."""
    events: list[WorkChanged] = []
    for units, channel in interrupted:
        held = (work for work in desk.works.values() if work.state == "assigned" and work.units_held)
        work = next((work for work in held if (work.units, work.channel) == (units, channel)), None)
        if work is None:
            raise Conflict("no_capacity", "What this work would interrupt is gone. Try again.")
        events.append(move(work, "parked", reason="interrupted", agent_id=desk.agent_id))
        free(desk, work)
    return events


def set_timer(work: WorkItem, queue: Queue, now: datetime) -> None:
    """Every queued work has a persisted next timer."""
    work.run_at = next_timer_at(
        now,
        ready_at=work.ready_at,
        due_at=work.due_at,
        sticky_until=work.sticky_until,
        cool_downs=work.cool_downs,
        rings_after_seconds=[*(ring["enter_after_seconds"] for ring in queue.rings), *_falls_at_seconds(queue)],
        overflow_at=overflow_at(work, queue, now),
    )


def _falls_at_seconds(queue: Queue) -> list[float]:
    return falls_at_seconds(fades_of(queue)) if queue.fading else []


def overflow_at(work: WorkItem, queue: Queue, now: datetime) -> datetime | None:
    """When waiting alone makes a step of the queue's overflow due for it."""
    if not queue.overflow:
        return None
    return next_look_at(parse_steps(queue.overflow), past_of(work), ready_at=work.ready_at, now=now)


def past_of(work: WorkItem) -> Past:
    queues = (*map(UUID, work.overflow_path), work.queue_id)
    return Past(frozenset(work.overflow_done), queues)
