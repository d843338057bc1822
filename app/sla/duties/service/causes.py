"""Why promises were broken: the list of causes, the breaches that have none yet, and the answers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core import event_log
from app.core.act import Act
from app.core.errors import InvalidInput
from app.core.http import Page, cursor_instant, decode_cursor, encode_cursor
from app.events.sla import CauseGiven
from app.sla.duties.models import SlaBreachCause, SlaCauseCode
from app.sla.duties.schemas import BreachView, CauseCode, CauseCodeIn, CauseCount, CauseIn
from app.sla.duties.service.addressed import may_override, none_such
from app.sla.models import SlaState

CODES_LIMIT = 200


async def list_codes(session: AsyncSession) -> list[CauseCode]:
    rows: Sequence[SlaCauseCode] = (
        await session.scalars(select(SlaCauseCode).order_by(SlaCauseCode.retired, SlaCauseCode.code))
    ).all()
    return [CauseCode.model_validate(row, from_attributes=True) for row in rows]


async def put_code(session: AsyncSession, *, code: str, body: CauseCodeIn) -> CauseCode:
    """A new one, or another name for it, or retired. Raises InvalidInput `too_many_cause_codes`."""
    row = await session.get(SlaCauseCode, code, with_for_update=True)
    if row is None:
        if len(await list_codes(session)) >= CODES_LIMIT:
            raise InvalidInput("too_many_cause_codes", f"There are {CODES_LIMIT} causes; take one of those.")
        row = SlaCauseCode(code=code)
        session.add(row)
    row.names, row.retired = dict(body.names), body.retired
    await session.flush()
    return CauseCode.model_validate(row, from_attributes=True)


async def list_breaches(
    session: AsyncSession,
    principal: Principal,
    *,
    unanswered: bool,
    conversation_id: UUID | None = None,
    cursor: str | None,
    limit: int,
) -> Page[BreachView]:
    """Those whose cause the caller may give, the oldest first."""
    order = (SlaBreachCause.asked_at, SlaBreachCause.clock_id)
    statement = select(SlaBreachCause).where(_may_answer(principal)).order_by(*order).limit(limit + 1)
    if unanswered:
        statement = statement.where(SlaBreachCause.cause_code.is_(None))
    if conversation_id is not None:
        statement = statement.where(SlaBreachCause.conversation_id == conversation_id)
    if cursor is not None:
        asked_at, clock_id = decode_cursor(cursor, (cursor_instant, UUID))
        statement = statement.where(tuple_(*order) > tuple_(asked_at, clock_id))
    rows = (await session.scalars(statement)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    more = encode_cursor(last.asked_at.isoformat(), str(last.clock_id)) if last else None
    return Page(items=[_view(row) for row in rows[:limit]], next_cursor=more)


async def count_causes(
    session: AsyncSession, principal: Principal, *, breached_from: datetime, breached_to: datetime
) -> list[CauseCount]:
    """Of the breaches in [from, to) whose cause the caller may give, the most frequent first.

    Raises InvalidInput `empty_interval`.
    """
    if breached_from >= breached_to:
        raise InvalidInput("empty_interval", "Give a breached_from before breached_to.")
    breaches = func.count()
    statement = (
        select(SlaBreachCause.cause_code, breaches)
        .where(SlaBreachCause.breached_at >= breached_from, SlaBreachCause.breached_at < breached_to)
        .where(_may_answer(principal))
        .group_by(SlaBreachCause.cause_code)
        .order_by(breaches.desc(), SlaBreachCause.cause_code)
    )
    return [CauseCount(cause_code=code, breaches=count) for code, count in await session.execute(statement)]


async def give_cause(
    session: AsyncSession, act: Act, principal: Principal, *, clock_id: UUID, body: CauseIn
) -> BreachView:
    """By the owner, then or now, or a supervisor; a later answer replaces the earlier one.

    Raises NotFound `breach_not_found`, InvalidInput `cause_unknown`.
    """
    row = await session.scalar(
        select(SlaBreachCause)
        .where(SlaBreachCause.clock_id == clock_id, _may_answer(principal))
        .with_for_update(of=SlaBreachCause)
    )
    if row is None:
        raise none_such("breach", clock_id)
    code = await session.get(SlaCauseCode, body.cause_code)
    if code is None or (code.retired and row.cause_code != code.code):
        raise InvalidInput("cause_unknown", "body.cause_code: take one of GET /v1/sla/cause-codes not retired.")
    if (row.cause_code, row.note) != (body.cause_code, body.note):
        row.cause_code, row.note = body.cause_code, body.note
        row.answered_by, row.answered_at = principal.id, act.now
        given = CauseGiven(conversation_id=row.conversation_id, clock_id=clock_id, cause_code=body.cause_code)
        await event_log.append(session, act, [given])
    return _view(row)


def _may_answer(principal: Principal) -> ColumnElement[bool]:
    owns = exists().where(
        and_(SlaState.conversation_id == SlaBreachCause.conversation_id, SlaState.owner_id == principal.id)
    )
    return or_(SlaBreachCause.asked_of == principal.id, owns, may_override(principal, SlaBreachCause.conversation_id))


def _view(row: SlaBreachCause) -> BreachView:
    return BreachView.model_validate(row, from_attributes=True)
