"""What the clocks say by time, said once: told, forgotten and stored in one transaction."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.database import driver_connection
from app.sla import telling
from app.sla.policies import RaisePriority
from app.sla.service.book import body_of
from app.sla.telling import Ringing
from app.sla.timers import Timer

_LOCK = """
SELECT c.id, c.conversation_id, c.metric, c.seq, c.state, c.due_at, c.breached_at, c.detected_at, c.stopped_at,
       c.timers::text AS timers, c.fired::text AS fired, v.body::text AS body
FROM sla_clock c LEFT JOIN sla_policy_version v ON v.id = c.policy_version_id
WHERE c.id = $1 FOR UPDATE OF c
"""


async def ring(session: AsyncSession, act: Act, clock_id: UUID) -> None:
    """Tell what is due and set the next timer.

    The clock's row, its timers and the events are one transaction, and whoever changes the clock replaces its timers:
    so each is told once, and one of an older generation never.
    """
    connection = await driver_connection(session)
    row = await connection.fetchrow(_LOCK, clock_id)
    if row is None:
        return
    rung = telling.ring(_ringing(row), act.now)
    await _store(session, rung.clock)
    raised = [action.to for action in rung.actions if isinstance(action, RaisePriority)]
    await _raise_priority(session, act, rung.clock.conversation_id, raised)
    await event_log.append(session, act, rung.events)


def _ringing(row: asyncpg.Record) -> Ringing:
    values: dict[str, Any] = dict(row)
    timers = tuple(_timer(timer) for timer in json.loads(values["timers"]))
    fired = {name: datetime.fromisoformat(at) for name, at in json.loads(values["fired"]).items()}
    return Ringing(**values | {"timers": timers, "fired": fired, "body": body_of(values["body"])})


def _timer(stored: dict[str, Any]) -> Timer:
    return Timer(datetime.fromisoformat(stored["at"]), stored["kind"], stored["name"])


async def _store(session: AsyncSession, clock: Ringing) -> None:
    connection = await driver_connection(session)
    timers = [{"at": timer.at.isoformat(), "kind": timer.kind, "name": timer.name} for timer in clock.timers]
    await connection.execute(
        "UPDATE sla_clock SET state = $2, due_at = $3, breached_at = $4, detected_at = $5, timers = $6::text::jsonb,"
        " fired = $7::text::jsonb, run_at = $8 WHERE id = $1",
        clock.id,
        clock.state,
        clock.due_at,
        clock.breached_at,
        clock.detected_at,
        json.dumps(timers),
        json.dumps({name: at.isoformat() for name, at in clock.fired.items()}),
        clock.next_at,
    )


async def _raise_priority(session: AsyncSession, act: Act, conversation_id: UUID, raised: Sequence[int]) -> None:
    if not raised:
        return
    facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
    if facts is not None and facts.priority < max(raised):
        await conversations.set_priority(
            session, act, conversation_id=conversation_id, priority=max(raised), reason="sla"
        )
