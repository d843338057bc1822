"""What the API takes and gives of escalations, tasks, causes and remedies."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator

from app.core.plain_text import NO_NUL, PRINTED
from app.events.sla import EscalationEnd, Ladder, RemedyKind
from app.sla.actions import Code

NOTE_LIMIT = 2_000
NAMES_LIMIT = 20
# PostgreSQL has no place for a NUL in a text.
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NOTE_LIMIT, pattern=NO_NUL)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,20}$")]
ShownName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=PRINTED)]
Amount = Annotated[str, Field(pattern=r"^(?:[1-9][0-9]{0,11}(?:\.[0-9]{1,2})?|0\.(?:[1-9][0-9]?|0[1-9]))$")]
"""A sum of money above nothing, with twelve digits before the point and two behind it at most. A text: what programs
make of the number 0.1 is not 0.1.
"""
DutyView = Literal["mine", "team", "all"]
"""Mine: for me, and escalations also as one of my team. Team: for my team. All: also those of conversations I see."""


class EscalationView(BaseModel):
    """Open while neither accepted nor ended. `accepted_by` has it: as owner (functional) or beside the owner."""

    id: UUID
    conversation_id: UUID
    clock_id: UUID
    ladder: Ladder
    step: int
    to_agent_ids: list[UUID]
    to_team_ids: list[UUID]
    asked_at: datetime
    accepted_by: UUID | None
    accepted_at: datetime | None
    ended_at: datetime | None
    end_reason: EscalationEnd | None


class TaskView(BaseModel):
    id: UUID
    conversation_id: UUID
    clock_id: UUID
    title: str
    agent_id: UUID | None
    team_id: UUID | None
    state: Literal["open", "done"]
    created_at: datetime
    done_at: datetime | None
    done_by: UUID | None
    version: int


class CauseCode(BaseModel):
    code: str
    names: dict[str, str]
    retired: bool


class CauseCodeIn(BaseModel):
    """`names` by language tag. A retired code stays with the breaches that have it and is given to no other."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"names": {"en": "Power cut", "zh-CN": "停电"}}}
    )

    names: dict[LanguageTag, ShownName] = Field(min_length=1, max_length=NAMES_LIMIT)
    retired: StrictBool = False


class CauseIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"cause_code": "staffing", "note": "Two were ill"}}
    )

    cause_code: Code
    note: Note = ""


class BreachView(BaseModel):
    """A broken promise and its cause. `asked_of`: its owner at that instant; null: nobody had it."""

    clock_id: UUID
    conversation_id: UUID
    metric: str
    breached_at: datetime
    asked_of: UUID | None
    asked_at: datetime
    cause_code: str | None
    note: str
    answered_by: UUID | None
    answered_at: datetime | None


class CauseCount(BaseModel):
    """`cause_code` null: those without a cause."""

    cause_code: str | None
    breaches: int


class RemedyIn(BaseModel):
    """`currency` is the ISO 4217 code of `amount`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"kind": "voucher", "note": "For the late answer", "amount": "10.00", "currency": "EUR"}
        },
    )

    kind: RemedyKind
    note: Note = ""
    amount: Amount | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None

    @model_validator(mode="after")
    def _currency_needs_an_amount(self) -> "RemedyIn":
        if self.currency is not None and self.amount is None:
            raise ValueError("currency goes with an amount")
        return self


class RemedyView(BaseModel):
    id: UUID
    clock_id: UUID
    conversation_id: UUID
    kind: RemedyKind
    note: str
    amount: Decimal | None
    currency: str | None
    noted_at: datetime
    noted_by: str
