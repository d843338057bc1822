"""Escalations: who is asked, who accepts, and when nobody needs to any more."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.database import driver_connection
from app.core.errors import Conflict, Forbidden
from app.core.http import Page, decode_cursor, encode_cursor
from app.events.sla import EscalationAccepted, EscalationEnd, EscalationEnded, Ladder
from app.sla import acceptance, timers
from app.sla.duties.models import SlaBreachCause, SlaEscalation
from app.sla.duties.schemas import DutyView, EscalationView
from app.sla.duties.service.addressed import may_override, names_me, names_my_team, none_such, sees

OVER = frozenset({"resolved", "closed"})
REFUSALS: Mapping[acceptance.Refusal, str] = {
    "escalation_accepted": "Somebody has accepted this already.",
    "escalation_ended": "Nobody needs to accept this any more: it was answered, or was no breach after all.",
}


async def list_open(
    session: AsyncSession, principal: Principal, *, view: DutyView, cursor: str | None, limit: int
) -> Page[EscalationView]:
    """Those nobody has accepted yet, the oldest first."""
    statement = (
        select(SlaEscalation)
        .where(SlaEscalation.ended_at.is_(None), SlaEscalation.accepted_at.is_(None), _in_view(principal, view))
        .order_by(SlaEscalation.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(SlaEscalation.id > decode_cursor(cursor, (UUID,))[0])
    rows = (await session.scalars(statement)).all()
    more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    return Page(items=[_view(row) for row in rows[:limit]], next_cursor=more)


def _in_view(principal: Principal, view: DutyView) -> ColumnElement[bool]:
    mine = or_(names_me(principal, SlaEscalation.to_agent_ids), names_my_team(principal, SlaEscalation.to_team_ids))
    if view == "mine":
        return mine
    if view == "team":
        return names_my_team(principal, SlaEscalation.to_team_ids)
    return or_(mine, sees(principal, SlaEscalation.conversation_id))


async def accept(session: AsyncSession, act: Act, principal: Principal, *, escalation_id: UUID) -> EscalationView:
    """By whom it names, or a supervisor of the conversation. A repeat by the same person changes nothing.

    Functional: routing hears of it and makes them the owner. Hierarchical: the owner stays owner. Further steps of
    the ladder are not told. Raises NotFound `escalation_not_found`, Forbidden `agent_needed`, Conflict
    `escalation_accepted`, `escalation_ended`, `conversation_not_open`.
    """
    found = await _get_acceptable(session, principal, escalation_id)
    if not await agents.list_facts(session, [principal.id]):
        raise Forbidden("agent_needed", "Only an agent can accept an escalation; this account is none.")
    # The clock before its escalations, as its timers do: no further step is told meanwhile.
    goes_on = await _lock_clock(session, found.clock_id)
    ladder = await _lock_ladder(session, found.clock_id, found.ladder)
    asked = [acceptance.Asked(each.id, each.accepted_by, each.ended_at is not None) for each in ladder]
    decided = acceptance.accept(asked, escalation_id, principal.id, clock_goes_on=goes_on is not None)
    mine = next(each for each in ladder if each.id == escalation_id)
    if decided.refused is not None:
        raise Conflict(decided.refused, REFUSALS[decided.refused], accepted_by=_holder(ladder))
    if not decided.is_repeat and goes_on is not None:
        await _require_ownable(session, mine)
        await _store_acceptance(session, act, principal, mine, goes_on)
        others = [each for each in ladder if each.id in decided.ends]
        await event_log.append(session, act, [_accepted(mine), *_end(act, others, "accepted_elsewhere")])
    return _view(mine)


async def _require_ownable(session: AsyncSession, mine: SlaEscalation) -> None:
    """Routing gives nobody what is over, or what has no queue; whoever accepts would wait for it in vain."""
    facts = (await conversations.facts_of(session, [mine.conversation_id])).get(mine.conversation_id)
    is_over = facts is None or facts.status in OVER or facts.rights.queue_id is None
    if mine.ladder == "functional" and is_over:
        raise Conflict("conversation_not_open", "This conversation is resolved or has no queue. Reopen or move it.")


def _holder(ladder: Sequence[SlaEscalation]) -> str | None:
    return next((str(each.accepted_by) for each in ladder if each.accepted_by is not None), None)


async def _get_acceptable(session: AsyncSession, principal: Principal, escalation_id: UUID) -> SlaEscalation:
    asked = or_(
        names_me(principal, SlaEscalation.to_agent_ids),
        names_my_team(principal, SlaEscalation.to_team_ids),
        may_override(principal, SlaEscalation.conversation_id),
    )
    found = await session.scalar(select(SlaEscalation).where(SlaEscalation.id == escalation_id, asked))
    if found is None:
        raise none_such("escalation", escalation_id)
    return found


@dataclass(frozen=True, slots=True)
class _GoingOn:
    """A clock that nothing has stopped, under lock: its timers and what they told, as stored."""

    timers: list[dict[str, str]]
    fired: dict[str, str]


async def _lock_clock(session: AsyncSession, clock_id: UUID) -> _GoingOn | None:
    """None when it was stopped, withdrawn, or is no breach any more."""
    connection = await driver_connection(session)
    row = await connection.fetchrow(
        "SELECT timers::text AS timers, fired::text AS fired FROM sla_clock"
        " WHERE id = $1 AND stopped_at IS NULL AND state = 'breached' FOR UPDATE",
        clock_id,
    )
    return _GoingOn(json.loads(row["timers"]), json.loads(row["fired"])) if row is not None else None


async def _lock_ladder(session: AsyncSession, clock_id: UUID, ladder: str) -> Sequence[SlaEscalation]:
    statement = (
        select(SlaEscalation)
        .where(SlaEscalation.clock_id == clock_id, SlaEscalation.ladder == ladder)
        .order_by(SlaEscalation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def _store_acceptance(
    session: AsyncSession, act: Act, principal: Principal, mine: SlaEscalation, clock: _GoingOn
) -> None:
    mine.accepted_by, mine.accepted_at = principal.id, act.now
    kept = [timer for timer in clock.timers if not timers.is_of_ladder(timer["kind"], timer["name"], mine.ladder)]
    fired = clock.fired | {timers.accepted(mine.ladder): act.now.isoformat()}
    connection = await driver_connection(session)
    await connection.execute(
        "UPDATE sla_clock SET timers = $2::text::jsonb, fired = $3::text::jsonb, run_at = $4 WHERE id = $1",
        mine.clock_id,
        json.dumps(kept),
        json.dumps(fired),
        datetime.fromisoformat(kept[0]["at"]) if kept else None,
    )


def _accepted(one: SlaEscalation) -> EscalationAccepted:
    assert one.accepted_by is not None
    return EscalationAccepted(
        conversation_id=one.conversation_id,
        escalation_id=one.id,
        clock_id=one.clock_id,
        ladder=cast(Ladder, one.ladder),
        step=one.step,
        accepted_by=one.accepted_by,
        to_agent_ids=tuple(dict.fromkeys((*one.to_agent_ids, one.accepted_by))),
        to_team_ids=tuple(one.to_team_ids),
    )


def _end(act: Act, escalations: Sequence[SlaEscalation], reason: EscalationEnd) -> list[EscalationEnded]:
    for each in escalations:
        each.ended_at, each.end_reason = act.now, reason
    return [
        EscalationEnded(
            conversation_id=each.conversation_id,
            escalation_id=each.id,
            clock_id=each.clock_id,
            ladder=cast(Ladder, each.ladder),
            step=each.step,
            reason=reason,
            to_agent_ids=tuple(each.to_agent_ids),
            to_team_ids=tuple(each.to_team_ids),
        )
        for each in escalations
    ]


async def end_with_clocks(
    session: AsyncSession, act: Act, endings: Mapping[UUID, EscalationEnd]
) -> list[EscalationEnded]:
    """By clock: why it asks nothing of anybody any more. In the clocks' transaction; the events are the caller's."""
    if not endings:
        return []
    told: list[EscalationEnded] = []
    for each in await _lock_open(session, endings):
        told += _end(act, [each], endings[each.clock_id])
    await _withdraw_questions(session, [clock_id for clock_id, why in endings.items() if why == "corrected"])
    return told


async def _lock_open(session: AsyncSession, clock_ids: Collection[UUID]) -> Sequence[SlaEscalation]:
    statement = (
        select(SlaEscalation)
        .where(SlaEscalation.clock_id.in_(clock_ids), SlaEscalation.ended_at.is_(None))
        .order_by(SlaEscalation.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def _withdraw_questions(session: AsyncSession, clock_ids: Collection[UUID]) -> None:
    """Nobody is asked for the cause of a breach that was none."""
    if clock_ids:
        await session.execute(delete(SlaBreachCause).where(SlaBreachCause.clock_id.in_(clock_ids)))


def _view(row: SlaEscalation) -> EscalationView:
    return EscalationView.model_validate(row, from_attributes=True)
