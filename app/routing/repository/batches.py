"""Statements of the router's commits, each for a whole batch. Their rows belong to no session: put them back by hand.

The order of locks is that of live.py: agents, then work items.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Base, driver_connection
from app.routing.models import AgentLedger, AgentPresence, Offer, RoutingDecision, WorkItem
from app.routing.repository.live import HELD_STATES

Row = TypeVar("Row", bound=Base)

_LEDGER = ("agent_id", "capacity_units", "used_units", "last_accepted_at")
_PRESENCE = ("session", "readiness", "reason", "pending_reason", "penalty", "since", "connected_at")
_WORK = (
    "id", "conversation_id", "queue_id", "channel", "state", "agent_id", "units", "units_held", "ready_at", "due_at",
    "version", "run_at", "unroutable_reason", "answered_at",
)  # fmt: skip

_LOCK_AGENTS = f"""
SELECT {", ".join(f"ledger.{name}" for name in _LEDGER)}, ledger.channel_limits::text, ledger.used_by_channel::text,
       {", ".join(f"presence.{name}" for name in _PRESENCE)}
FROM agent_ledger AS ledger JOIN agent_presence AS presence ON presence.agent_id = ledger.agent_id
WHERE ledger.agent_id = ANY ($1::uuid[]) ORDER BY ledger.agent_id FOR UPDATE OF ledger, presence
"""
_LIST_HELD = f"""
SELECT {", ".join(_WORK)} FROM work_item
WHERE agent_id = ANY ($1::uuid[]) AND state IN ({", ".join(f"'{state}'" for state in HELD_STATES)}) ORDER BY id
"""
_LOCK_WORKS = f"""
SELECT {", ".join(_WORK)}, requirements::text, cool_downs::text FROM work_item
WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE
"""
_LIST_MEMBERSHIPS = "SELECT agent_id, queue_id FROM queue_member WHERE agent_id = ANY ($1::uuid[])"
_PUT_WORKS = """
UPDATE work_item AS work
SET state = new.state, agent_id = new.agent_id, units_held = new.units_held, version = new.version,
    run_at = new.run_at, unroutable_reason = new.unroutable_reason, answered_at = new.answered_at
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::boolean[], $5::int[], $6::timestamptz[], $7::text[],
            $8::timestamptz[])
     AS new (id, state, agent_id, units_held, version, run_at, unroutable_reason, answered_at)
WHERE work.id = new.id
"""
_PUT_LEDGERS = """
UPDATE agent_ledger AS ledger
SET used_units = new.used_units, used_by_channel = new.used_by_channel::jsonb, last_accepted_at = new.last_accepted_at
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[])
     AS new (agent_id, used_units, used_by_channel, last_accepted_at)
WHERE ledger.agent_id = new.agent_id
"""
_OFFER_COLUMNS = tuple(column.key for column in Offer.__table__.columns)
_INSERT_OFFERS = f"""
INSERT INTO offer ({", ".join(_OFFER_COLUMNS)})
SELECT {", ".join(_OFFER_COLUMNS)} FROM jsonb_populate_recordset(NULL::offer, $1::text::jsonb)
"""

_DECISION_COLUMNS = tuple(column.key for column in RoutingDecision.__table__.columns)
_INSERT_DECISIONS = f"""
INSERT INTO routing_decision ({", ".join(_DECISION_COLUMNS)})
SELECT {", ".join(_DECISION_COLUMNS)} FROM jsonb_populate_recordset(NULL::routing_decision, $1::text::jsonb)
"""


def unattached(model: type[Row], values: Mapping[str, Any]) -> Row:
    """A row of `model` to everybody who reads or sets its columns, but a plain object: no session can store it, and a
    column that is not among the values is an error, not None. What SQLAlchemy makes costs ten times as much to make, to
    change and to forget.
    """
    return cast(Row, SimpleNamespace(**values))


async def lock_agents(session: AsyncSession, agent_ids: Collection[UUID]) -> list[tuple[AgentLedger, AgentPresence]]:
    """Those who ever connected, in the order of their ids."""
    connection = await driver_connection(session)
    return [_agent(row) for row in await connection.fetch(_LOCK_AGENTS, list(agent_ids))]


def _agent(row: Any) -> tuple[AgentLedger, AgentPresence]:
    limits, used = _parsed(row["channel_limits"]), _parsed(row["used_by_channel"])
    ledger = {name: row[name] for name in _LEDGER} | {"channel_limits": limits, "used_by_channel": used}
    presence = {name: row[name] for name in _PRESENCE} | {"agent_id": row["agent_id"]}
    return unattached(AgentLedger, ledger), unattached(AgentPresence, presence)


async def list_held(session: AsyncSession, agent_ids: Collection[UUID]) -> list[WorkItem]:
    """What these agents are offered or own, without its demands. Under their locks it stands still."""
    connection = await driver_connection(session)
    return [unattached(WorkItem, row) for row in await connection.fetch(_LIST_HELD, list(agent_ids))]


async def lock_works(session: AsyncSession, work_ids: Collection[UUID]) -> dict[UUID, WorkItem]:
    connection = await driver_connection(session)
    rows = await connection.fetch(_LOCK_WORKS, list(work_ids))
    return {row["id"]: _work(row) for row in rows}


def _work(row: Any) -> WorkItem:
    return unattached(WorkItem, {**row, **{name: _parsed(row[name]) for name in ("requirements", "cool_downs")}})


def _parsed(stored: str) -> dict[str, Any]:
    parsed: dict[str, Any] = {} if stored == "{}" else json.loads(stored)
    return parsed


async def list_memberships(session: AsyncSession, agent_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Agent to queues; agents without any are left out."""
    connection = await driver_connection(session)
    memberships: dict[UUID, set[UUID]] = {}
    for row in await connection.fetch(_LIST_MEMBERSHIPS, list(agent_ids)):
        memberships.setdefault(row["agent_id"], set()).add(row["queue_id"])
    return memberships


async def put_works(session: AsyncSession, works: Collection[WorkItem]) -> None:
    rows = [
        (
            one.id,
            one.state,
            one.agent_id,
            one.units_held,
            one.version,
            one.run_at,
            one.unroutable_reason,
            one.answered_at,
        )
        for one in works
    ]
    await _put(session, _PUT_WORKS, rows)


async def put_ledgers(session: AsyncSession, ledgers: Collection[AgentLedger]) -> None:
    rows = [(one.agent_id, one.used_units, json.dumps(one.used_by_channel), one.last_accepted_at) for one in ledgers]
    await _put(session, _PUT_LEDGERS, rows)


async def _put(session: AsyncSession, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await (await driver_connection(session)).execute(statement, *map(list, zip(*rows, strict=True)))


async def insert_offers(session: AsyncSession, offers: Sequence[Offer]) -> None:
    await _insert(session, _INSERT_OFFERS, _OFFER_COLUMNS, offers)


async def insert_decisions(session: AsyncSession, decisions: Sequence[RoutingDecision]) -> None:
    await _insert(session, _INSERT_DECISIONS, _DECISION_COLUMNS, decisions)


async def _insert(session: AsyncSession, statement: str, columns: Sequence[str], rows: Sequence[Base]) -> None:
    if rows:
        values = [{column: row.__dict__.get(column) for column in columns} for row in rows]
        await (await driver_connection(session)).execute(statement, to_json(values).decode())
