"""May somebody accept an escalation, what becomes of the others of its ladder, and when a clock asks no more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.events.sla import EscalationEnd
from app.sla.following import ClockRow

Refusal = Literal["escalation_accepted", "escalation_ended"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One step of a ladder that was told, as stored."""

    id: UUID
    accepted_by: UUID | None
    is_ended: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`is_repeat`: the caller has it already, and nothing changes. `ends`: those nobody needs to accept any more."""

    refused: Refusal | None = None
    is_repeat: bool = False
    ends: tuple[UUID, ...] = ()


def accept(ladder: Sequence[Asked], escalation_id: UUID, by: UUID, *, clock_goes_on: bool) -> Acceptance:
    """`ladder`: all that was asked on it for this clock. One acceptance takes the whole ladder."""
    mine = next(each for each in ladder if each.id == escalation_id)
    if mine.accepted_by == by:
        return Acceptance(is_repeat=True)
    # An accepted one that ended with its clock binds nobody any more.
    if any(each.accepted_by is not None and not each.is_ended for each in ladder) or mine.accepted_by is not None:
        return Acceptance(refused="escalation_accepted")
    if mine.is_ended or not clock_goes_on:
        return Acceptance(refused="escalation_ended")
    return Acceptance(ends=tuple(each.id for each in ladder if each.id != escalation_id and not each.is_ended))


def endings(rows: Iterable[ClockRow], withdrawn: Iterable[UUID]) -> dict[UUID, EscalationEnd]:
    """By clock: why nobody is asked any more, of those that stopped, were withdrawn, or are no breach after all."""
    found: dict[UUID, EscalationEnd] = dict.fromkeys(withdrawn, "corrected")
    for row in rows:
        ended = _ending(row)
        if ended is not None:
            found[row.told.id] = ended
    return found


def _ending(row: ClockRow) -> EscalationEnd | None:
    if row.corrects is not None and row.breached_at is None:
        return "corrected"
    if row.reading.state == "cancelled":
        return "cancelled"
    return "met" if row.reading.stopped_at is not None else None
