"""The day of each queue: answered, abandoned, waits, and the service level by each of its formulas."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.repository import waits as wait_rows
from app.routing.schemas import QueueDay, ServiceLevel
from app.routing.service_levels import FORMULAS, SHORT_ABANDON_SECONDS, Counts, Formula, service_level


async def list_days(session: AsyncSession, since: datetime, now: datetime) -> dict[UUID, QueueDay]:
    """By queue; queues of probes are left out."""
    return {row.id: _day(row) for row in await wait_rows.list_days(session, since, now)}


def empty_day(target_seconds: int) -> QueueDay:
    """Of a queue that nothing came to yet."""
    return QueueDay(
        answered=0,
        abandoned=0,
        wait_mean_seconds=None,
        wait_p50_seconds=None,
        wait_p95_seconds=None,
        wait_max_seconds=None,
        service_levels=[_level(formula, Counts(0, 0, 0, 0), target_seconds) for formula in FORMULAS],
    )


def _day(row: Row[Any]) -> QueueDay:
    counts = Counts(row.answered, row.in_target, row.abandoned, row.waiting_late)
    return QueueDay(
        service_levels=[_level(formula, counts, row.target_seconds) for formula in FORMULAS],
        **{name: getattr(row, name) for name in QueueDay.model_fields if name != "service_levels"},
    )


def _level(formula: Formula, counts: Counts, target_seconds: int) -> ServiceLevel:
    met, of = service_level(formula, counts)
    return ServiceLevel(
        formula=formula,
        target_seconds=target_seconds,
        short_abandon_seconds=SHORT_ABANDON_SECONDS,
        met=met,
        of=of,
        share=met / of if of else None,
    )
