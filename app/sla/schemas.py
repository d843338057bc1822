"""What the SLA API takes and gives."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.conversations.schemas import Summary
from app.core.edits import Edit
from app.core.numbers import WholeNumber
from app.core.plain_text import NOT_BLANK
from app.events.sla import ClockFace, ClockState
from app.sla.calendar_spec import CalendarSpec
from app.sla.case_file import DateMetricName
from app.sla.explanation import Why
from app.sla.policies import PolicyBody

Name = Annotated[str, StringConstraints(pattern=NOT_BLANK, strip_whitespace=True, min_length=1, max_length=120)]
ReasonCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,60}$")]
TRIAL_LIMIT = 2_000


CALENDAR_EXAMPLE: dict[str, Any] = {
    "name": "Shop hours",
    "spec": {"timezone": "Asia/Shanghai", "weekly": {"mon": ["08:30-12:00", "13:30-17:30"]}, "country": "CN"},
}
POLICY_EXAMPLE: dict[str, Any] = {
    "position": 10,
    "conditions": {"channels": ["chat"]},
    "targets": [{"metric": "first_reply", "seconds": 60}],
    "thresholds": [{"percent": 75, "actions": [{"do": "notify", "to": "owner"}]}],
}


class CalendarIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CALENDAR_EXAMPLE})

    name: Name
    spec: CalendarSpec


class CalendarView(BaseModel):
    id: UUID
    name: str
    version: int
    effective_at: datetime
    spec: CalendarSpec


class CalendarPreview(BaseModel):
    """A calendar that is not stored yet."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"example": {"spec": CALENDAR_EXAMPLE["spec"], "from": "2026-10-01", "to": "2026-10-31"}},
    )

    spec: CalendarSpec
    first: date = Field(alias="from")
    last: date = Field(alias="to")


class CalendarVersionView(BaseModel):
    """It counts from `made_at` on. `edits`: beside the version before it; of the first one there are none."""

    version: int
    made_at: datetime
    made_by: str
    edits: list[Edit]
    spec: CalendarSpec


class Country(BaseModel):
    """ISO 3166, with the regions that have holidays of their own."""

    code: str
    regions: list[str]


class PolicyIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Live chat", "body": POLICY_EXAMPLE}}
    )

    name: Name
    body: PolicyBody


class PolicyView(BaseModel):
    id: UUID
    version_id: UUID
    name: str
    version: int
    retired: bool
    body: PolicyBody


class PolicyVersionView(BaseModel):
    """`edits`: beside the version before it; of the first one there are none."""

    version: int
    made_at: datetime
    made_by: str
    edits: list[Edit]
    body: PolicyBody


class SegmentView(BaseModel):
    start_at: datetime
    end_at: datetime
    why: Why
    status: str


class ClockView(BaseModel):
    """One clock as of `as_of`. `rest_seconds` is working time, below zero once it is breached."""

    clock_id: UUID
    metric: str
    seq: int
    state: ClockState
    policy: str
    policy_version: int
    target_seconds: float
    elapsed_seconds: float
    rest_seconds: float
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    breached_at: datetime | None
    detected_at: datetime | None
    segments: list[SegmentView]


class ClockedSummary(Summary):
    """A conversation with its most urgent open clock: a breached one first, then by due time, a paused one last."""

    sla: ClockFace | None


class CandidateView(BaseModel):
    """`lost_by`: "condition:channel", "policy:NAME" of the one before it, "not_adopted" for one that would win now
    while the conversation keeps what it had, or null for the one that rules."""

    family: str
    policy: str
    policy_version: int
    lost_by: str | None


class UnansweredPauseView(BaseModel):
    """A pause that began although the customer had written already. `by` and `team` are ids, null where unknown."""

    start_at: datetime
    end_at: datetime | None
    status: str
    by: str | None
    team: str | None


class ConversationClocks(BaseModel):
    as_of: datetime
    clocks: list[ClockView]
    policies: list[CandidateView]
    unanswered_pauses: list[UnansweredPauseView] = []


PauseAuditBy = Literal["agent", "team", "conversation"]


class PauseAuditLine(BaseModel):
    """`group` is an id, null where nobody can be named."""

    group: str | None
    pauses: int
    conversations: int
    seconds: float


class PauseAudit(BaseModel):
    """Time on the wall, the longest first. `complete` false: ask for shorter intervals."""

    from_at: datetime
    to_at: datetime
    by: PauseAuditBy
    lines: list[PauseAuditLine]
    complete: bool


class DueClock(BaseModel):
    clock_id: UUID
    conversation_id: UUID
    metric: str
    seq: int
    state: ClockState
    due_at: datetime
    owner_id: UUID | None
    team_id: UUID | None
    queue_id: UUID | None


AttainmentBy = Literal["channel", "queue", "team", "policy", "metric"]


class AttainmentLine(BaseModel):
    """Of the clocks that were due in the interval: how many kept their promise."""

    metric: str
    group: str | None
    due: int
    met: int
    share: float | None


class Attainment(BaseModel):
    due_from: datetime
    due_to: datetime
    by: AttainmentBy
    lines: list[AttainmentLine]


class TrialBody(BaseModel):
    """A policy that is not stored yet, tried on conversations that were."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"body": POLICY_EXAMPLE}})

    body: PolicyBody
    replaces_policy_id: UUID | None = Field(default=None, description="The policy this would be a new version of")
    opened_from: datetime
    opened_to: datetime
    limit: WholeNumber = Field(default=500, ge=1, le=TRIAL_LIMIT)


class TrialLine(BaseModel):
    metric: str
    before: dict[str, int]
    after: dict[str, int]


class TrialResult(BaseModel):
    """Clocks by state, under the policies in force and with the one tried."""

    conversations: int
    changed: int
    complete: bool
    lines: list[TrialLine]


class PromiseIn(BaseModel):
    """Several promises of one metric may be open at once."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"metric": "callback_promise", "due_at": "2031-01-06T09:30:00+08:00"}},
    )

    metric: DateMetricName
    due_at: AwareDatetime


class CancelPromiseIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "customer_withdrew"}})

    reason: ReasonCode


class PromiseView(BaseModel):
    """`id` is its clock's too. `reason` says why it was cancelled."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    conversation_id: UUID
    metric: str
    seq: int
    due_at: datetime
    made_at: datetime
    made_by: str
    state: Literal["open", "kept", "cancelled"]
    reason: str
    ended_at: datetime | None


class AdoptBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"dry_run": True}})

    dry_run: StrictBool = True
    after: UUID | None = Field(default=None, description="`next_after` of the answer before; null begins")
    limit: WholeNumber = Field(default=500, ge=1, le=TRIAL_LIMIT)


class AdoptResult(BaseModel):
    """One page of the open conversations; go on with `next_after` until it is null. A page that was adopted before
    changes nothing, so that a run that broke off may begin anew. `changed` have another policy; `moved` have clocks
    that are due at another time, begin or end; `affected` are either."""

    dry_run: bool
    looked_at: int
    changed: int
    moved: int
    affected: int
    next_after: UUID | None
