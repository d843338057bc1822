"""One command, one transaction: done once for each key, answered with the ids of the events that hold its effect."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import idempotency
from app.core.act import Act
from app.core.database import APPENDED
from app.realtime.frames import Command, Result

Work = Callable[[], Awaitable[BaseModel]]
LONGEST_TRANSACTION = timedelta(days=1)
"""Bounds the partitions searched for the transaction's own events."""


async def run_once(session: AsyncSession, act: Act, command: Command, work: Work) -> Result:
    """Run `work` and store its answer under (actor, command, key); a repeat gets that answer and does nothing."""
    if command.key is None:
        return await _run(session, act, command, work)
    where = {"principal": act.actor, "route": f"socket {command.name}", "key": command.key}
    body = json.dumps(command.data, sort_keys=True).encode()
    found = await idempotency.find_answer(session, body=body, now=act.now, **where)
    if found is not None:
        return Result(id=command.id, **found[1])
    result = await _run(session, act, command, work)
    answer = result.model_dump(mode="json", include={"data", "events"})
    await idempotency.store_answer(session, status=200, answer=answer, **where)
    return result


async def _run(session: AsyncSession, act: Act, command: Command, work: Work) -> Result:
    answer = await work()
    return Result(id=command.id, data=answer.model_dump(mode="json"), events=await _appended(session, act))


async def _appended(session: AsyncSession, act: Act) -> list[UUID]:
    """Ids of the events this transaction has appended, in their order."""
    if not session.info.get(APPENDED):
        return []
    found = await session.scalars(
        text("SELECT event_uuid FROM event WHERE xid = pg_current_xact_id() AND created_at >= :since ORDER BY id"),
        {"since": act.now - LONGEST_TRANSACTION},
    )
    return list(found)
