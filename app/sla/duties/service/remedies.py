"""What customers are given for broken promises: noted here, carried out elsewhere."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict
from app.events.sla import RemedyNoted
from app.sla.duties.models import SlaRemedy
from app.sla.duties.schemas import RemedyIn, RemedyView
from app.sla.duties.service.addressed import none_such, sees
from app.sla.models import SlaClock

REMEDIES_LIMIT = 20
"""Of one clock."""


async def note_remedy(
    session: AsyncSession, act: Act, principal: Principal, *, clock_id: UUID, body: RemedyIn
) -> RemedyView:
    """Raises NotFound `clock_not_found`, Conflict `too_many_remedies`."""
    conversation_id = await _get_conversation_id(session, principal, clock_id)
    if len(await _list(session, clock_id)) >= REMEDIES_LIMIT:
        raise Conflict("too_many_remedies", f"This clock has {REMEDIES_LIMIT} remedies, which is all it may have.")
    remedy = SlaRemedy(
        id=act.new_id(),
        clock_id=clock_id,
        conversation_id=conversation_id,
        kind=body.kind,
        note=body.note,
        amount=None if body.amount is None else Decimal(body.amount),
        currency=body.currency,
        noted_at=act.now,
        noted_by=act.actor,
    )
    session.add(remedy)
    await event_log.append(session, act, [_noted(remedy, body)])
    return _view(remedy)


async def list_remedies(session: AsyncSession, principal: Principal, *, clock_id: UUID) -> list[RemedyView]:
    """The oldest first. Raises NotFound `clock_not_found`."""
    await _get_conversation_id(session, principal, clock_id)
    return await _list(session, clock_id)


async def _list(session: AsyncSession, clock_id: UUID) -> list[RemedyView]:
    statement = select(SlaRemedy).where(SlaRemedy.clock_id == clock_id).order_by(SlaRemedy.noted_at, SlaRemedy.id)
    return [_view(row) for row in await session.scalars(statement)]


async def _get_conversation_id(session: AsyncSession, principal: Principal, clock_id: UUID) -> UUID:
    found: UUID | None = await session.scalar(
        select(SlaClock.conversation_id).where(SlaClock.id == clock_id, sees(principal, SlaClock.conversation_id))
    )
    if found is None:
        raise none_such("clock", clock_id)
    return found


def _noted(remedy: SlaRemedy, body: RemedyIn) -> RemedyNoted:
    return RemedyNoted(
        conversation_id=remedy.conversation_id,
        clock_id=remedy.clock_id,
        remedy_id=remedy.id,
        kind=body.kind,
        amount=body.amount,
        currency=body.currency,
    )


def _view(row: SlaRemedy) -> RemedyView:
    return RemedyView.model_validate(row, from_attributes=True)
