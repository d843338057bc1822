"""Promises that are given with their own date: made, kept, cancelled, and carried over when conversations merge."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.events.event import Event
from app.events.sla import PromiseCancelled, Promised, PromiseKept
from app.sla.metrics import DATE_METRICS, STATUTORY
from app.sla.models import SlaPromise
from app.sla.schemas import PromiseView

FARTHEST = timedelta(days=10 * 366)
OPEN_LIMIT = 50
"""Open promises of one conversation: more would be a loop of somebody's program."""
STATUTORY_SCOPE = "sla:statutory"
NUMBERING = 0x70726F6D
"""Advisory lock, with the conversation: two promises of one metric must not get one number."""


async def make_promise(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, metric: str, due_at: datetime
) -> PromiseView:
    """Raises InvalidInput `due_at_invalid`, NotFound, Conflict `conversation_merged` or `too_many_promises`."""
    await _require_visible(session, principal, conversation_id)
    return await promise(session, act, conversation_id=conversation_id, metric=metric, due_at=due_at)


async def keep_promise(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, promise_id: UUID
) -> PromiseView:
    """What it promised has been done. Kept again changes nothing; Conflict `promise_not_open` once cancelled."""
    await _require_visible(session, principal, conversation_id)
    return await keep(session, act, conversation_id=conversation_id, promise_id=promise_id)


async def cancel_promise(
    session: AsyncSession, act: Act, principal: Principal, *, conversation_id: UUID, promise_id: UUID, reason: str
) -> PromiseView:
    """Nobody owes it any more. Raises Forbidden `scope_missing` for a statutory one."""
    await _require_visible(session, principal, conversation_id)
    stored = await _lock(session, conversation_id, promise_id)
    if stored.metric in STATUTORY and STATUTORY_SCOPE not in principal.scopes:
        raise Forbidden(
            "scope_missing", f"The law set this date: only {STATUTORY_SCOPE} may cancel it.", scope=STATUTORY_SCOPE
        )
    return await _end(session, act, stored, "cancelled", reason)


async def promise(
    session: AsyncSession, act: Act, *, conversation_id: UUID, metric: str, due_at: datetime
) -> PromiseView:
    """For other packages: whoever calls has checked who may. `metric` is one of DATE_METRICS."""
    if metric not in DATE_METRICS:
        raise InvalidInput("metric_has_no_date", f"Only {', '.join(DATE_METRICS)} have a date of their own.")
    if due_at.tzinfo is None or not act.now < due_at <= act.now + FARTHEST:
        raise InvalidInput("due_at_invalid", "Give a due_at with its zone, ahead of now and within ten years.")
    facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
    if facts is None:
        raise NotFound("conversation_not_found", "There is no such conversation, or you may not see it.")
    if facts.merged_into_id is not None:
        raise Conflict(
            "conversation_merged", "It was merged into another: promise it there.", into_id=str(facts.merged_into_id)
        )
    stored, told = await _add(session, act, conversation_id, metric, due_at, made_at=act.now)
    await event_log.append(session, act, [told])
    return _view(stored)


async def keep(session: AsyncSession, act: Act, *, conversation_id: UUID, promise_id: UUID) -> PromiseView:
    """For other packages: whoever calls has checked who may."""
    return await _end(session, act, await _lock(session, conversation_id, promise_id), "kept", "")


async def carry_over(session: AsyncSession, act: Act, *, conversation_id: UUID, into_id: UUID) -> None:
    """What is still owed in a conversation that was merged is owed in the other one, by the same dates."""
    statement = (
        select(SlaPromise)
        .where(SlaPromise.conversation_id == conversation_id, SlaPromise.state == "open")
        .order_by(SlaPromise.metric, SlaPromise.seq)
        .with_for_update()
    )
    for stored in (await session.scalars(statement)).all():
        await _end(session, act, stored, "cancelled", "merged")
        _, told = await _add(session, act, into_id, stored.metric, stored.due_at, made_at=stored.made_at, limit=None)
        await event_log.append(session, act, [told])


async def _require_visible(session: AsyncSession, principal: Principal, conversation_id: UUID) -> None:
    await conversations.get_summary(session, principal, conversation_id)


async def _add(
    session: AsyncSession,
    act: Act,
    conversation_id: UUID,
    metric: str,
    due_at: datetime,
    *,
    made_at: datetime,
    limit: int | None = OPEN_LIMIT,
) -> tuple[SlaPromise, Event]:
    await session.execute(select(func.pg_advisory_xact_lock(NUMBERING, func.hashtext(str(conversation_id)))))
    of_conversation = select(func.count()).where(SlaPromise.conversation_id == conversation_id)
    if limit is not None and (await session.scalar(of_conversation.where(SlaPromise.state == "open")) or 0) >= limit:
        raise Conflict("too_many_promises", f"This conversation has {limit} open promises: keep or cancel one first.")
    number = 1 + (await session.scalar(of_conversation.where(SlaPromise.metric == metric)) or 0)
    stored = SlaPromise(
        id=act.new_id(),
        conversation_id=conversation_id,
        metric=metric,
        seq=number,
        due_at=due_at,
        made_at=made_at,
        made_by=act.actor,
        state="open",
        reason="",
    )
    session.add(stored)
    await session.flush()
    told = Promised(
        conversation_id=conversation_id,
        promise_id=stored.id,
        metric=metric,
        seq=number,
        due_at=due_at,
        made_at=made_at,
    )
    return stored, told


async def _lock(session: AsyncSession, conversation_id: UUID, promise_id: UUID) -> SlaPromise:
    stored = await session.get(SlaPromise, promise_id, with_for_update=True, populate_existing=True)
    if stored is None or stored.conversation_id != conversation_id:
        raise NotFound("promise_not_found", "This conversation has no such promise.")
    return stored


async def _end(session: AsyncSession, act: Act, stored: SlaPromise, state: str, reason: str) -> PromiseView:
    if stored.state == state:
        return _view(stored)
    if stored.state != "open":
        raise Conflict("promise_not_open", f"This promise was {stored.state} before.", state=stored.state)
    stored.state, stored.reason, stored.ended_at, stored.ended_by = state, reason, act.now, act.actor
    await session.flush()
    which = {"conversation_id": stored.conversation_id, "promise_id": stored.id, "metric": stored.metric}
    told: Event = (
        PromiseKept(**which, seq=stored.seq)
        if state == "kept"
        else PromiseCancelled(**which, seq=stored.seq, reason=reason)
    )
    await event_log.append(session, act, [told])
    return _view(stored)


def _view(stored: SlaPromise) -> PromiseView:
    return PromiseView.model_validate(stored)
