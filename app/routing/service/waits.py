"""Estimated waits: of those who stand in line, of who would come next, kept and compared with what came of them."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import Clock
from app.core.database import Database
from app.routing import capacity
from app.routing.repository import waits as wait_rows
from app.routing.schemas import MeasuredWaits, Place, QueueName
from app.routing.service import gauges
from app.routing.waits import AgentLoad, Estimate, Pace, QueueLoad, estimate, handling_seconds, paces

DEFAULT_CHANNEL = "chat"
KEPT_FOR = timedelta(days=30)
MEASURED_WITHIN = timedelta(days=1)
WITHOUT_OFFERS = Pace(0, 0, 0)


async def list_paces(session: AsyncSession, now: datetime) -> dict[UUID, Pace]:
    """How fast each queue's line moves; the queues of probes too."""
    loads = {row.id: _load(row) for row in await wait_rows.list_loads(session, now)}
    agents = [
        AgentLoad(
            queues=frozenset(row.queues),
            capacity_units=row.capacity_units,
            used_units=row.used_units,
            channel_limits=row.channel_limits,
            used_by_channel=row.used_by_channel,
        )
        for row in await wait_rows.list_taking(session)
    ]
    return paces(loads, agents)


def _load(row: Row[Any]) -> QueueLoad:
    channel = row.channel or DEFAULT_CHANNEL
    return QueueLoad(
        channel=channel,
        units=row.units or capacity.default_weight(channel),
        handling_seconds=handling_seconds(channel, row.seconds or ()),
        demand=row.demand,
        offer_seconds=0 if row.auto_accept else row.offer_timeout_seconds,
    )


async def list_places(session: AsyncSession, now: datetime, conversation_ids: Collection[UUID]) -> dict[UUID, Place]:
    """Where these conversations stand in line and what may be said of their waits: three statements for all.

    Those further back than 500 have no place; who is being offered has the time that the offer may ring.
    """
    if not conversation_ids:
        return {}
    rows = await wait_rows.list_places(session, conversation_ids)
    moving = await list_paces(session, now) if rows else {}
    return {row.conversation_id: _place(row, moving) for row in rows}


def _place(row: Row[Any], moving: Mapping[UUID, Pace]) -> Place:
    pace = moving.get(row.queue_id, WITHOUT_OFFERS)
    told = Estimate(0, pace.offer_seconds) if row.state == "offered" else _estimate_queued(row, pace)
    return Place(
        queue=QueueName(id=row.queue_id, name=row.name, names=row.names),
        position=row.place,
        eta_p50_seconds=told.p50_seconds if told else None,
        eta_p90_seconds=told.p90_seconds if told else None,
    )


def _estimate_queued(row: Row[Any], pace: Pace) -> Estimate | None:
    """Work that nobody could take does not come nearer, however fast the line moves."""
    return estimate(row.behind, pace) if row.unroutable_reason is None else None


async def keep_estimates(database: Database, clock: Clock) -> None:
    """Store the first estimate that can be given of each work in line: what customers are told at that time."""
    now = clock.now()
    async with database.transaction() as session:
        untold = await wait_rows.list_untold(session)
        moving = await list_paces(session, now) if untold else {}
        kept: list[dict[str, object]] = []
        for row in untold:
            told = estimate(row.behind, moving[row.queue_id]) if row.queue_id in moving else None
            if told is not None:
                kept.append(
                    {
                        "work_id": row.id,
                        "queue_id": row.queue_id,
                        "position": row.behind,
                        "p50_seconds": told.p50_seconds,
                        "p90_seconds": told.p90_seconds,
                        "made_at": now,
                    }
                )
        if kept:
            await wait_rows.add_estimates(session, kept)


async def list_measured(session: AsyncSession, now: datetime) -> dict[UUID, MeasuredWaits]:
    """How good the estimates of the last day were, by queue; queues of probes are left out."""
    return {
        row.id: MeasuredWaits(
            answered=row.answered, within_p90=row.within_p90, median_error_seconds=row.median_error_seconds
        )
        for row in await wait_rows.list_measured(session, now - MEASURED_WITHIN)
    }


async def measure_estimates(database: Database, clock: Clock) -> None:
    """Show how good the estimates were, and forget old ones."""
    now = clock.now()
    async with database.transaction() as session:
        await wait_rows.delete_estimates(session, now - KEPT_FOR)
        measured = await list_measured(session, now)
    gauges.show_measured(measured)
