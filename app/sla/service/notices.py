"""What the clocks say by time, said once: told, forgotten and stored in one transaction."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.database import columns, driver_connection
from app.events.sla import SlaBreached
from app.sla import telling
from app.sla.policies import PolicyBody
from app.sla.service import effects
from app.sla.service.book import body_of
from app.sla.telling import Ringing, Rung
from app.sla.timers import Timer

TOLD = Counter("switchboard_sla_told_total", "Warnings, breaches, escalations and ends of pauses", ["event", "metric"])
LATENESS = Histogram(
    "switchboard_sla_breach_lateness_seconds",
    "From a breach to its being told",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 60),
)
_LOCK = """
SELECT id, conversation_id, metric, seq, state, due_at, breached_at, detected_at, stopped_at, policy_version_id,
       timers::text AS timers, fired::text AS fired
FROM sla_clock WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""
_STORE = """
UPDATE sla_clock AS clock
SET state = told.state, due_at = told.due_at, breached_at = told.breached_at, detected_at = told.detected_at,
    timers = told.timers::jsonb, fired = told.fired::jsonb, run_at = told.run_at
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[],
            $8::timestamptz[]) AS told (id, state, due_at, breached_at, detected_at, timers, fired, run_at)
WHERE clock.id = told.id
"""


async def ring(session: AsyncSession, act: Act, clock_ids: Sequence[UUID]) -> None:
    """Tell what is due and set the next timers, one statement a table whatever their number.

    A clock's row, its timers and the events are one transaction, and whoever changes the clock replaces its timers:
    so each is told once, and one of an older generation never.
    """
    connection = await driver_connection(session)
    rows = await connection.fetch(_LOCK, clock_ids)
    bodies = await _bodies(session, {row["policy_version_id"] for row in rows})
    rungs = [telling.ring(_ringing(row, bodies[row["policy_version_id"]]), act.now) for row in rows]
    await _store(session, [rung.clock for rung in rungs])
    await event_log.append(session, act, await effects.bring_about(session, act, rungs))
    _count(rungs)


def _count(rungs: Sequence[Rung]) -> None:
    for event in (saying.event for rung in rungs for saying in rung.sayings):
        TOLD.labels(event.type, event.metric).inc()
        if isinstance(event, SlaBreached):
            LATENESS.observe((event.detected_at - event.breached_at).total_seconds())


async def _bodies(session: AsyncSession, version_ids: Collection[UUID | None]) -> dict[UUID | None, PolicyBody]:
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT id, body::text AS body FROM sla_policy_version WHERE id = ANY($1::uuid[])", list(version_ids)
    )
    # None: of a promise that no policy speaks of.
    return {None: body_of(None), **{row["id"]: body_of(row["body"]) for row in rows}}


def _ringing(row: asyncpg.Record, body: PolicyBody) -> Ringing:
    values: dict[str, Any] = dict(row)
    del values["policy_version_id"]
    timers = tuple(_timer(timer) for timer in json.loads(values["timers"]))
    fired = {name: datetime.fromisoformat(at) for name, at in json.loads(values["fired"]).items()}
    return Ringing(**values | {"timers": timers, "fired": fired, "body": body})


def _timer(stored: dict[str, Any]) -> Timer:
    return Timer(datetime.fromisoformat(stored["at"]), stored["kind"], stored["name"])


async def _store(session: AsyncSession, clocks: Sequence[Ringing]) -> None:
    if not clocks:
        return
    connection = await driver_connection(session)
    await connection.execute(_STORE, *columns([_stored(clock) for clock in clocks]))


def _stored(clock: Ringing) -> tuple[Any, ...]:
    timers = [{"at": timer.at.isoformat(), "kind": timer.kind, "name": timer.name} for timer in clock.timers]
    fired = {name: at.isoformat() for name, at in clock.fired.items()}
    return (
        *(clock.id, clock.state, clock.due_at, clock.breached_at, clock.detected_at),
        *(json.dumps(timers), json.dumps(fired), clock.next_at),
    )
