"""How long conversations were paused although the customer had written already, and by whom."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.errors import InvalidInput
from app.sla import pause_audit, repository
from app.sla.pause_audit import UnansweredPause
from app.sla.schemas import PauseAudit, PauseAuditBy, PauseAuditLine

CONVERSATIONS_LIMIT = 2_000
"""Looked through for one report: longer intervals are asked for in parts."""
LINES_LIMIT = 500


async def audit_pauses(
    session: AsyncSession, act: Act, *, from_at: datetime, to_at: datetime, by: PauseAuditBy
) -> PauseAudit:
    """Pauses that began in [from_at, to_at), each with all its length. Raises InvalidInput `empty_interval`."""
    if from_at >= to_at:
        raise InvalidInput("empty_interval", "Give a `from` before `to`.")
    ids = await repository.list_paused(session, from_at=from_at, to_at=to_at, limit=CONVERSATIONS_LIMIT + 1)
    page = ids[:CONVERSATIONS_LIMIT]
    groups: dict[str, list[tuple[UUID, UnansweredPause]]] = defaultdict(list)
    for conversation_id, facts in (await repository.list_facts(session, page)).items():
        for pause in pause_audit.unanswered_pauses(facts):
            if from_at <= pause.start_at < to_at:
                key = {"agent": pause.by, "team": pause.team, "conversation": str(conversation_id)}[by]
                groups[key].append((conversation_id, pause))
    lines = [
        PauseAuditLine(
            group=group or None,
            pauses=len(pauses),
            conversations=len({conversation_id for conversation_id, _ in pauses}),
            seconds=sum(pause.lasted(act.now).total_seconds() for _, pause in pauses),
        )
        for group, pauses in groups.items()
    ]
    lines.sort(key=lambda line: (-line.seconds, line.group or ""))
    complete = len(ids) <= CONVERSATIONS_LIMIT and len(lines) <= LINES_LIMIT
    return PauseAudit(from_at=from_at, to_at=to_at, by=by, lines=lines[:LINES_LIMIT], complete=complete)
