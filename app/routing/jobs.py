"""What routing does by time: deadlines of offers, heartbeats, timers of work, and the check of its invariants."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.metrics import at_nought
from app.core.partitions import month_of
from app.core.tasks import Periodic
from app.routing.repository import checks, old_decisions
from app.routing.service.crossing import until_uncrossed
from app.routing.service.due_works import run_timers
from app.routing.service.hours import Hours
from app.routing.service.overflowing import look_at_lines
from app.routing.service.presences import check_silence
from app.routing.service.recounting import Recounting
from app.routing.service.waits import keep_estimates, measure_estimates
from app.routing.service.warm_transfers import look_after

log = structlog.get_logger(__name__)

CHECK_SECONDS = 60
BALANCED_WITHIN = timedelta(minutes=5)
"""Longer than between two checks, so that none is missed."""
ESTIMATE_SECONDS = 5
RECOUNT_SECONDS = 5
LEDGER_RULE = "ledger_drift"
DELETED_AT_ONCE = 5_000
VIOLATIONS = Counter("switchboard_routing_violations_total", "Broken invariants found by the checker", ["rule"])
at_nought(VIOLATIONS, (LEDGER_RULE, *checks.RULES, *checks.BALANCE_RULES))
LEDGER_DRIFT = Gauge("switchboard_routing_ledger_drift_agents", "Agents whose ledger differs from what they hold")


async def _look_after_offer(session: AsyncSession, act: Act, offer_id: UUID, _: Any) -> None:
    async def look() -> None:
        await look_after(session, act, offer_id)
        await session.flush()

    await until_uncrossed(session, look)


async def _check_silence(session: AsyncSession, act: Act, agent_id: UUID, _: Any) -> None:
    await check_silence(session, act, agent_id)
    await session.flush()


def due_tables(hours: Hours) -> tuple[DueTable, ...]:
    """`hours`: when the queues are open."""
    return (
        DueTable("offer", _look_after_offer),
        DueTable("agent_presence", _check_silence, id_column="agent_id"),
        DueTable("work_item", record_batch=partial(run_timers, hours=hours), batch=200),
    )


async def check_invariants(database: Database, clock: Clock) -> None:
    """Count what must never be; a number above zero is a bug to be looked into."""
    async with database.transaction() as session:
        drift = await checks.find_drift(session)
        violations = await checks.list_violations(session)
        violations += await checks.list_unbalanced(session, clock.now() - BALANCED_WITHIN)
    LEDGER_DRIFT.set(len(drift))
    if drift:
        VIOLATIONS.labels(LEDGER_RULE).inc(len(drift))
        log.error("ledger_drift", agents=[str(agent_id) for agent_id, _, _ in drift[:10]])
    for rule, subject in violations:
        VIOLATIONS.labels(rule).inc()
        log.error("routing_violation", rule=rule, subject=str(subject))


async def forget_old_traces(database: Database, clock: Clock, *, keep_months: int) -> None:
    """Whole months, as the event log's; what a conversation that has work was decided by stays."""
    before = month_of(clock.now()).plus(-keep_months).start
    while True:
        async with database.transaction() as session:
            if await old_decisions.delete_decisions(session, before=before, limit=DELETED_AT_ONCE) < DELETED_AT_ONCE:
                return


def periodic(hours: Hours) -> tuple[Periodic, ...]:
    """`hours`: as for `due_tables`."""
    return (
        Periodic("routing_invariants", CHECK_SECONDS, check_invariants),
        Periodic("wait_estimates", ESTIMATE_SECONDS, keep_estimates),
        Periodic("due_times", RECOUNT_SECONDS, Recounting(hours)),
        Periodic("overflow", ESTIMATE_SECONDS, partial(look_at_lines, hours=hours)),
        Periodic("wait_accuracy", CHECK_SECONDS, measure_estimates),
    )
