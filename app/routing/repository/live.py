"""Statements on work items, offers, presence, ledgers and decisions.

One order of locks everywhere: agents (ledger, then presence, by agent id), then work items by id, then offers, then
conversations. Whoever changes a work item that an agent holds has that agent's lock, so under it they stand still.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.core.errors import NotFound
from app.routing.capacity import DEFAULT_CAPACITY_UNITS
from app.routing.models import AgentLedger, AgentPresence, Offer, QueueMember, RoutingDecision, WorkItem
from app.routing.presence import CLOSED_SOCKET_SECONDS, SUSPECT_AFTER_SECONDS
from app.routing.work_states import LIVE

HELD_STATES = ("offered", "consulted", "assigned", "parked", "wrapping")


async def ensure_agents(session: AsyncSession, agent_ids: Collection[UUID], now: datetime) -> None:
    """Ledger and presence rows for agents who never connected."""
    ordered = sorted(agent_ids)
    await session.execute(
        insert(AgentLedger).on_conflict_do_nothing(),
        [{"agent_id": agent_id, "capacity_units": DEFAULT_CAPACITY_UNITS} for agent_id in ordered],
    )
    await session.execute(
        insert(AgentPresence).on_conflict_do_nothing(),
        [
            {
                "agent_id": agent_id,
                "session": "gone",
                "readiness": "not_ready",
                "penalty": "none",
                "since": now,
                "last_beat_at": now,
            }
            for agent_id in ordered
        ],
    )


async def lock_ledgers(
    session: AsyncSession, agent_ids: Collection[UUID], *, skip_locked: bool = False
) -> dict[UUID, AgentLedger]:
    rows = await session.scalars(
        select(AgentLedger)
        .where(AgentLedger.agent_id.in_(agent_ids))
        .order_by(AgentLedger.agent_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return {row.agent_id: row for row in rows}


async def lock_presences(
    session: AsyncSession, agent_ids: Collection[UUID], *, skip_locked: bool = False
) -> dict[UUID, AgentPresence]:
    """Only under the agents' ledger locks; it keeps heartbeats out meanwhile."""
    rows = await session.scalars(
        select(AgentPresence)
        .where(AgentPresence.agent_id.in_(agent_ids))
        .order_by(AgentPresence.agent_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
    return {row.agent_id: row for row in rows}


async def list_held_work(session: AsyncSession, agent_ids: Collection[UUID]) -> Sequence[WorkItem]:
    """What these agents are offered or own. Under their locks it stands still."""
    return (
        await session.scalars(
            select(WorkItem)
            .where(WorkItem.agent_id.in_(agent_ids), WorkItem.state.in_(HELD_STATES))
            .order_by(WorkItem.id)
            .execution_options(populate_existing=True)
        )
    ).all()


async def list_work_agents(session: AsyncSession, work_ids: Collection[UUID]) -> set[UUID]:
    agents = await session.scalars(
        select(WorkItem.agent_id).where(WorkItem.id.in_(work_ids), WorkItem.agent_id.is_not(None))
    )
    return {agent_id for agent_id in agents if agent_id is not None}


async def lock_works(session: AsyncSession, work_ids: Collection[UUID]) -> dict[UUID, WorkItem]:
    rows = await session.scalars(
        select(WorkItem)
        .where(WorkItem.id.in_(work_ids))
        .order_by(WorkItem.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


WAITING = """
    SELECT id, conversation_id, queue_id, channel, units, tier, priority, requirements::text, preferred::text,
           ready_at, due_at, version, sticky_agent_id, sticky_until, cool_downs::text, tries::text, least_ring,
           unroutable_reason
    FROM work_item WHERE state = 'queued' AND ($1::uuid[] IS NULL OR id = ANY ($1))
"""


async def fetch_waiting(session: AsyncSession, work_ids: Collection[UUID] | None) -> Sequence[Mapping[str, Any]]:
    """Rows of the queued work, JSON columns as text."""
    connection = await driver_connection(session)
    rows: list[Mapping[str, Any]] = await connection.fetch(WAITING, None if work_ids is None else list(work_ids))
    return rows


async def find_live_work_ids(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Conversation to its live work item."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_LIVE_WORK, list(conversation_ids))
    return {row["conversation_id"]: row["id"] for row in rows}


_LIVE_STATES = ", ".join(f"'{state}'" for state in sorted(LIVE))
_LIVE_WORK = f"""
SELECT conversation_id, id FROM work_item
WHERE conversation_id = ANY($1::uuid[]) AND state IN ({_LIVE_STATES}) AND NOT handed_on
"""
# Written so that only the index of live work by conversation fits, not that of all that is queued.
_LOCK_WAITING = f"""
SELECT id, conversation_id, queue_id, agent_id, state, ready_at, due_at, sticky_until, cool_downs::text,
       overflow_done::text, overflow_path::text
FROM work_item
WHERE conversation_id = ANY($1::uuid[]) AND state IN ({_LIVE_STATES}) AND NOT handed_on AND state || '' = 'queued'
ORDER BY id FOR UPDATE
"""
_JSON_OF_WAITING = ("cool_downs", "overflow_done", "overflow_path")
_PUT_DEADLINES = """
UPDATE work_item AS work SET due_at = new.due_at, run_at = new.run_at, version = work.version + 1
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS new (id, due_at, run_at) WHERE work.id = new.id
"""


async def lock_waiting(session: AsyncSession, conversation_ids: Collection[UUID]) -> list[WorkItem]:
    """Locked, in the order of their ids. They belong to no session: store them with `put_deadlines`."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_LOCK_WAITING, list(conversation_ids))
    return [WorkItem(**{**row, **{name: json.loads(row[name]) for name in _JSON_OF_WAITING}}) for row in rows]


async def put_deadlines(session: AsyncSession, works: Sequence[WorkItem]) -> None:
    if works:
        connection = await driver_connection(session)
        values = zip(*((work.id, work.due_at, work.run_at) for work in works), strict=True)
        await connection.execute(_PUT_DEADLINES, *map(list, values))


_WORK_COLUMNS = tuple(column.key for column in WorkItem.__table__.columns)
# As JSON, because a statement of ten thousand parameters takes longer to write than to carry out.
_ADD_WORKS = f"""
INSERT INTO work_item ({", ".join(_WORK_COLUMNS)})
SELECT {", ".join(_WORK_COLUMNS)} FROM jsonb_populate_recordset(NULL::work_item, $1::text::jsonb)
ON CONFLICT DO NOTHING RETURNING id
"""


async def add_works(session: AsyncSession, works: Sequence[WorkItem]) -> set[UUID]:
    """The ids of those added: a conversation that has live work already gets no second one."""
    if not works:
        return set()
    rows = [{key: getattr(work, key) for key in _WORK_COLUMNS} for work in works]
    connection = await driver_connection(session)
    return {row["id"] for row in await connection.fetch(_ADD_WORKS, json.dumps(rows, default=str))}


async def get_offer(session: AsyncSession, offer_id: UUID) -> Offer:
    offer = await session.get(Offer, offer_id)
    if offer is None:
        raise NotFound("offer_not_found", "There is no such offer.")
    return offer


async def lock_offer(session: AsyncSession, offer_id: UUID) -> Offer:
    return (
        await session.scalars(
            select(Offer).where(Offer.id == offer_id).with_for_update().execution_options(populate_existing=True)
        )
    ).one()


async def lock_pending_offers(
    session: AsyncSession, *, agent_ids: Collection[UUID] = (), work_ids: Collection[UUID] = ()
) -> Sequence[Offer]:
    return (
        await session.scalars(
            select(Offer)
            .where(Offer.state == "pending", Offer.agent_id.in_(agent_ids) | Offer.work_id.in_(work_ids))
            .order_by(Offer.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).all()


async def list_pending_offers(session: AsyncSession, agent_id: UUID) -> Sequence[Offer]:
    return (
        await session.scalars(
            select(Offer).where(Offer.agent_id == agent_id, Offer.state == "pending").order_by(Offer.made_at, Offer.id)
        )
    ).all()


async def count_misses(session: AsyncSession, agent_id: UUID, since: datetime) -> int:
    return (
        await session.execute(
            select(func.count()).where(Offer.agent_id == agent_id, Offer.state == "expired", Offer.ended_at >= since)
        )
    ).scalar_one()


async def record_beats(session: AsyncSession, agent_ids: Collection[UUID], now: datetime) -> set[UUID]:
    """The common case in one statement: whoever of them is connected."""
    beaten = await session.execute(
        update(AgentPresence)
        .where(AgentPresence.agent_id.in_(_lock_connected(agent_ids)))
        .values(last_beat_at=func.greatest(AgentPresence.last_beat_at, now))
        .returning(AgentPresence.agent_id)
        .execution_options(synchronize_session=False)
    )
    return set(beaten.scalars())


async def bring_silence_forward(session: AsyncSession, agent_ids: Collection[UUID], now: datetime) -> None:
    silent_since = func.least(AgentPresence.last_beat_at, now - timedelta(seconds=CLOSED_SOCKET_SECONDS))
    await session.execute(
        update(AgentPresence)
        .where(AgentPresence.agent_id.in_(_lock_connected(agent_ids)))
        .values(
            last_beat_at=silent_since,
            run_at=silent_since + timedelta(seconds=SUSPECT_AFTER_SECONDS),
        )
        .execution_options(synchronize_session=False)
    )


def _lock_connected(agent_ids: Collection[UUID]) -> Select[UUID]:
    """Locked in one order: an agent with sockets in two processes may stand in the batches of both."""
    return (
        select(AgentPresence.agent_id)
        .where(AgentPresence.agent_id.in_(agent_ids), AgentPresence.session == "connected")
        .order_by(AgentPresence.agent_id)
        .with_for_update(key_share=True)
    )


async def list_presences(
    session: AsyncSession, agent_ids: Collection[UUID] | None
) -> list[tuple[AgentPresence, AgentLedger]]:
    """With the ledger; of everybody who ever connected when `agent_ids` is None."""
    statement = (
        select(AgentPresence, AgentLedger)
        .join(AgentLedger, AgentLedger.agent_id == AgentPresence.agent_id)
        .order_by(AgentPresence.agent_id)
        .execution_options(populate_existing=True)
    )
    if agent_ids is not None:
        statement = statement.where(AgentPresence.agent_id.in_(agent_ids))
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def list_works(session: AsyncSession, work_ids: Collection[UUID]) -> dict[UUID, WorkItem]:
    rows = await session.scalars(select(WorkItem).where(WorkItem.id.in_(work_ids)))
    return {row.id: row for row in rows}


async def list_memberships(session: AsyncSession, agent_ids: Collection[UUID] | None) -> set[tuple[UUID, UUID]]:
    """(agent, queue) pairs; of everybody when `agent_ids` is None."""
    statement = select(QueueMember.agent_id, QueueMember.queue_id)
    if agent_ids is not None:
        statement = statement.where(QueueMember.agent_id.in_(agent_ids))
    return {(row.agent_id, row.queue_id) for row in await session.execute(statement)}


def add_decisions(session: AsyncSession, decisions: Iterable[RoutingDecision]) -> None:
    session.add_all(decisions)


async def list_decisions(session: AsyncSession, conversation_id: UUID, limit: int) -> Sequence[RoutingDecision]:
    return (
        await session.scalars(
            select(RoutingDecision)
            .where(RoutingDecision.conversation_id == conversation_id)
            .order_by(RoutingDecision.decided_at.desc(), RoutingDecision.id.desc())
            .limit(limit)
        )
    ).all()


async def list_last_offer_decisions(
    session: AsyncSession, conversation_ids: Collection[UUID]
) -> dict[UUID, RoutingDecision]:
    """Conversation to the decision behind its newest offer."""
    rows = await session.scalars(
        select(RoutingDecision)
        .ext(distinct_on(RoutingDecision.conversation_id))
        .where(RoutingDecision.conversation_id.in_(conversation_ids), RoutingDecision.outcome == "offer")
        .order_by(RoutingDecision.conversation_id, RoutingDecision.decided_at.desc())
    )
    return {row.conversation_id: row for row in rows}
