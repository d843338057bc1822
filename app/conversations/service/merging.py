"""Two conversations about one matter become one."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation
from app.conversations.repository import writing as repository
from app.conversations.service.locking import not_found, rights_of
from app.conversations.status import UNRESOLVED
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput
from app.events.conversations import ConversationMerged, ConversationStatusChanged

SUPERVISING_SCOPE = "routing:write"


async def merge(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    into_id: UUID,
    other_customer: bool = False,
) -> None:
    """Close `conversation_id`; `into_id` goes on. Both must be visible to the principal. Repeating it changes nothing.

    Messages stay where they are. Raises InvalidInput `merge_into_itself`, Conflict `conversation_merged`,
    `merge_needs_open` or `other_customer`, and Forbidden when somebody who is no supervisor says yes to that.
    """
    if conversation_id == into_id:
        raise InvalidInput("merge_into_itself", "Name another conversation to merge it into.")
    locked = await repository.lock_many_visible(session, principal, [conversation_id, into_id])
    found = {conversation.id: conversation for conversation in locked}
    if len(found) < 2:
        raise not_found()
    merged, into = found[conversation_id], found[into_id]
    if merged.merged_into_id == into.id:
        return
    _require_mergeable(merged, into)
    _require_one_customer(principal, merged, into, other_customer)
    before: Any = merged.status
    _close(act, merged, into)
    await session.flush()
    await repository.redirect_merged(session, from_id=merged.id, to_id=into.id)
    events: list[ConversationMerged | ConversationStatusChanged] = [
        ConversationMerged(conversation_id=merged.id, into_id=into.id)
    ]
    if before != "closed":
        events.append(
            ConversationStatusChanged(
                conversation_id=merged.id,
                before=before,
                after="closed",
                effective_at=act.now,
                rights=rights_of(merged),
                channel=merged.channel,
                priority=merged.priority,
                disposition=merged.disposition,
            )
        )
    await event_log.append(session, act, events)


def _require_mergeable(merged: Conversation, into: Conversation) -> None:
    for one in (merged, into):
        if one.merged_into_id is not None:
            raise Conflict(
                "conversation_merged", "One of them was merged before: go on there.", into_id=str(one.merged_into_id)
            )
    if into.status not in UNRESOLVED:
        raise Conflict("merge_needs_open", f"The conversation that goes on is {into.status}: reopen it first.")


def _require_one_customer(principal: Principal, merged: Conversation, into: Conversation, other_customer: bool) -> None:
    if merged.customer_id == into.customer_id:
        return
    if not other_customer:
        raise Conflict("other_customer", "They are of two customers. A supervisor may send other_customer: true.")
    if SUPERVISING_SCOPE not in principal.scopes:
        raise Forbidden(
            "scope_missing", "Joining two customers' conversations needs a supervisor.", scope=SUPERVISING_SCOPE
        )


def _close(act: Act, merged: Conversation, into: Conversation) -> None:
    waiting = [since for since in (merged.unanswered_since, into.unanswered_since) if since is not None]
    into.unanswered_since = min(waiting, default=None)
    into.version += 1
    merged.status, merged.merged_into_id = "closed", into.id
    merged.resolved_at = merged.resolved_at or act.now
    merged.snoozed_until = merged.unanswered_since = merged.run_at = None
    merged.parked_at, merged.attempts = None, 0
    merged.version += 1
