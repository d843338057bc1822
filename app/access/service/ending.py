"""How sessions end: revoked and announced in the same transaction."""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access import repository
from app.core import event_log
from app.core.act import Act
from app.events.agents import SessionEnded

Reason = Literal["logout", "revoked", "password_changed", "disabled"]


async def end_sessions(
    session: AsyncSession,
    act: Act,
    *,
    account_id: UUID,
    reason: Reason,
    only: UUID | None = None,
    keep: UUID | None = None,
) -> list[UUID]:
    """End the account's live sessions: all, only one, or all but one. Returns the ones this call ended."""
    ended = await repository.revoke_sessions(session, account_id=account_id, now=act.now, only=only, keep=keep)
    events = [SessionEnded(agent_id=account_id, session_id=session_id, reason=reason) for session_id in ended]
    if events:
        await event_log.append(session, act, events)
    return ended
