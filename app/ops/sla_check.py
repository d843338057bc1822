"""`switchboard sla-check`: are the stored clocks what the whole history says? Page by page, beside a running system."""

import json
from dataclasses import asdict
from uuid import UUID

import typer

from app.core.act import Act
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.sla.service import checks
from app.sla.service.checks import Difference

PAGE = 200
DIFFERENCES_SHOWN = 1_000
START = UUID(int=0)


async def run(database_url: str, *, conversation_id: UUID | None, as_json: bool) -> int:
    """Print what differs and return the exit code: 0 when nothing does, else 1."""
    database = Database(database_url, application_name="switchboard-sla-check", pool_size=2)
    try:
        looked_at, found = await _look(database, conversation_id)
    finally:
        await database.close()
    if as_json:
        typer.echo(json.dumps({"looked_at": looked_at, "differences": [asdict(one) for one in found]}, default=str))
    else:
        for one in found:
            typer.echo(f"{one.conversation_id} {one.metric} {one.seq}")
            typer.echo(f"  stored:     {one.stored or 'nothing'}\n  recomputed: {one.recomputed or 'nothing'}")
        typer.echo(f"{looked_at} conversations, {len(found)} clocks differ")
    return 1 if found else 0


async def _look(database: Database, conversation_id: UUID | None) -> tuple[int, list[Difference]]:
    clock = DatabaseClock()
    act = Act(clock.now(), "sla-check")
    if conversation_id is not None:
        async with database.transaction() as session:
            return 1, await checks.check_conversations(session, act, [conversation_id])
    looked_at, found, after = 0, list[Difference](), START
    while len(found) < DIFFERENCES_SHOWN:
        async with database.transaction() as session:
            page = await checks.check_stored(session, act, after=after, limit=PAGE)
        looked_at, found = looked_at + page.looked_at, [*found, *page.differences]
        if page.next_after is None:
            break
        after = page.next_after
    return looked_at, found[:DIFFERENCES_SHOWN]
