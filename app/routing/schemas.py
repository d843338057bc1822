"""What routing takes and gives over the API and to other packages."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.core.numbers import WholeNumber
from app.core.plain_text import NO_NUL
from app.events.routing import Penalty, Readiness, SessionState
from app.routing.facts import MAX_FADING, MAX_LEVEL, MAX_RINGS, MIN_LEVEL
from app.routing.last_agent import LONGEST_HOLD_SECONDS, LONGEST_MEMORY_SECONDS
from app.routing.overflow_schemas import OVERFLOW_EXAMPLE, Overflow
from app.routing.service_levels import Formula
from app.routing.transfer_schemas import Colleague, PendingTransfer
from app.routing.wrap_up import MAX_WRAP_UP_SECONDS, MIN_WRAP_UP_SECONDS, WRAP_UP_SECONDS, WrapUpMode
from app.routing.wrap_up_schemas import WrapUpView

Level = Annotated[WholeNumber, Field(ge=MIN_LEVEL, le=MAX_LEVEL)]
LanguageTag = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z0-9-]+$")]
TranslatedName = Annotated[str, Field(max_length=100, pattern=NO_NUL)]
MAX_REQUIREMENTS = 20
MAX_GROUPS = 20
MIN_STEP_SECONDS = 5
MAX_NAMES = 20


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FadeBody(Body):
    """The minimum falls by one each `step_seconds` of waiting, never below `floor`."""

    step_seconds: WholeNumber = Field(ge=MIN_STEP_SECONDS, le=7 * 86_400)
    floor: WholeNumber = Field(default=MIN_LEVEL, ge=MIN_LEVEL, le=MAX_LEVEL - 1)


class RingBody(Body):
    """A relaxation after `enter_after_seconds` of waiting: other requirements, further teams let in."""

    enter_after_seconds: WholeNumber = Field(ge=1, le=7 * 86_400)
    requirements: dict[UUID, Level] | None = Field(default=None, max_length=MAX_REQUIREMENTS)
    groups: list[UUID] = Field(default=[], max_length=MAX_GROUPS)


class QueueBody(Body):
    """`requirements` maps skill ids to the least proficiency; tier 0 goes before 1 before 2, whatever the age.

    `overflow`: of these steps the first whose time has come is done. `calendar_id`: its hours; null is round the clock.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Orders", "target_seconds": 60, "overflow": OVERFLOW_EXAMPLE}},
    )
    name: str = Field(min_length=1, max_length=100, pattern=NO_NUL)
    names: dict[LanguageTag, TranslatedName] = Field(default={}, max_length=MAX_NAMES)
    team_id: UUID | None = None
    tier: WholeNumber = Field(default=2, ge=0, le=2)
    priority: WholeNumber = Field(default=5, ge=0, le=9)
    target_seconds: WholeNumber = Field(default=60, ge=1, le=30 * 86_400)
    offer_timeout_seconds: WholeNumber = Field(default=30, ge=5, le=900)
    auto_accept: StrictBool = False
    wrap_up: WrapUpMode = Field(
        default="none", description="Whether its work is wrapped up: left to the agent, timed, or only with an outcome"
    )
    wrap_up_seconds: WholeNumber = Field(default=WRAP_UP_SECONDS, ge=MIN_WRAP_UP_SECONDS, le=MAX_WRAP_UP_SECONDS)
    requirements: dict[UUID, Level] = Field(default={}, max_length=MAX_REQUIREMENTS)
    preferred: list[UUID] = Field(
        default=[], max_length=MAX_REQUIREMENTS, description="Skills that nobody needs but that rank whoever has them"
    )
    fading: dict[UUID, FadeBody] = Field(
        default={},
        max_length=MAX_FADING,
        description="Skills, required here or by rules, whose minimum falls with time",
    )
    rings: list[RingBody] = Field(default=[], max_length=MAX_RINGS)
    policy: Literal["default", "longest_idle", "least_loaded"] = "default"
    overflow: Overflow = []
    calendar_id: UUID | None = None
    last_agent_memory_seconds: WholeNumber | None = Field(
        default=None,
        ge=0,
        le=LONGEST_MEMORY_SECONDS,
        description="Who served a customer so long ago at most is asked first; null: 72 hours, calls never; 0: never",
    )
    last_agent_hold_seconds: WholeNumber | None = Field(
        default=None,
        ge=0,
        le=LONGEST_HOLD_SECONDS,
        description="The longest a customer waits for that agent alone; null: half the time to the deadline",
    )


class NewQueue(QueueBody):
    synthetic: StrictBool = Field(default=False, description="Made by a probe: left out of reports, SLA and webhooks")


class QueueView(QueueBody):
    model_config = ConfigDict(extra="forbid", json_schema_extra={})
    id: UUID
    version: int
    synthetic: bool


class QueueName(BaseModel):
    id: UUID
    name: str
    names: dict[str, str]


class CustomerName(BaseModel):
    id: UUID
    name: str
    segments: list[str]


class OfferView(BaseModel):
    """An offer as the agent sees it; answer it with its `token` before `deadline_at`.

    `from_agent`: the colleague who asks in a warm transfer, with their `note`.
    """

    id: UUID
    work_id: UUID
    conversation_id: UUID
    queue: QueueName
    channel: str
    customer: CustomerName
    language: str
    waited_since: datetime
    first_words: str
    made_at: datetime
    deadline_at: datetime
    token: str
    why: str
    from_agent: Colleague | None = None
    note: str = ""


class OfferAnswer(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"token": "Xk3v"}})

    token: str = Field(min_length=1, max_length=100)


class OfferRefusal(OfferAnswer):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"token": "Xk3v", "reason": "not my language"}}
    )

    reason: str = Field(min_length=1, max_length=200, pattern=NO_NUL)


class OfferAnswered(BaseModel):
    """`events`: ids of the events that hold the effect; empty when the answer was a repeat."""

    offer_id: UUID
    conversation_id: UUID
    state: str
    events: list[UUID]


class PresenceView(BaseModel):
    """Offered work is who is connected, ready, without penalty and not about to stop (`pending_reason`). `wrap_ups`:
    the soonest to end first."""

    agent_id: UUID
    session: SessionState
    readiness: Readiness
    reason: str
    pending_reason: str | None
    penalty: Penalty
    routable: bool
    since: datetime | None
    capacity_units: int
    used_units: int
    wrap_ups: list[WrapUpView] = []


class ReadinessBody(Body):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"readiness": "not_ready", "reason": "lunch"}}
    )

    readiness: Readiness
    reason: str = Field(default="", max_length=100, pattern=NO_NUL)


class AssignBody(Body):
    """`override` lets the agent go above capacity; the decision is stored with your name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"agent_id": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10", "note": "asked_for_her"}},
    )

    agent_id: UUID
    note: str = Field(default="", max_length=100, pattern=r"^[a-z0-9_]*$")
    override: StrictBool = False


class DecisionView(BaseModel):
    """One stored trace. `outcome`: offer, wait, drain, unroutable; by hand picked, assigned, consulted, transferred,
    taken_over; `forced` above capacity; for SLA due_advanced, ring_opened, reassign_refused; of overflow overflowed,
    told.
    """

    id: UUID
    work_id: UUID
    agent_id: UUID | None
    outcome: str
    decided_at: datetime
    trace: dict[str, object]


class RuleFired(BaseModel):
    """`sets`: the fields the rule was the first to set."""

    number: int
    name: str
    sets: list[str]


class RulesApplied(BaseModel):
    """Which version of the routing rules looked at the work, which of them fired, and what they set."""

    version: int
    fired: list[RuleFired]
    effects: dict[str, object]


class WorkView(BaseModel):
    id: UUID
    conversation_id: UUID
    queue_id: UUID
    channel: str
    state: str
    agent_id: UUID | None
    units: int
    units_held: bool
    tier: int
    priority: int
    requirements: dict[str, int]
    preferred: list[str]
    ready_at: datetime
    due_at: datetime
    unroutable_reason: str | None
    rules: RulesApplied | None
    version: int


class Explanation(BaseModel):
    """`decisions`: newest first. `transfer`: a warm one that is not answered yet."""

    work: WorkView | None
    transfer: PendingTransfer | None = None
    decisions: list[DecisionView]


class Place(BaseModel):
    """Where somebody stands in line, 1 being next, and the estimated wait from now: null where nothing can be said."""

    queue: QueueName
    position: int
    eta_p50_seconds: float | None
    eta_p90_seconds: float | None


class MeasuredWaits(BaseModel):
    """Of the estimates of the last day, at most the latest 1,000 of the queue: how many of those customers were
    `answered`, how many of these within their p90, and by how much half of the p50 were off at most."""

    answered: int
    within_p90: int
    median_error_seconds: float | None


class ServiceLevel(BaseModel):
    """`formula` by its id: `sl_answered` = answered within the target / answered; `sl_standard` adds to these the
    abandoned after `short_abandon_seconds`; `sl_live` adds also who waits longer than the target now. `share` is null
    where nothing was offered."""

    formula: Formula
    target_seconds: int
    short_abandon_seconds: int
    met: int
    of: int
    share: float | None


class QueueDay(BaseModel):
    """A queue since midnight. Waits are from when the customer could first be served to when an agent took it, of
    those answered; null where there are none."""

    answered: int
    abandoned: int
    wait_mean_seconds: float | None
    wait_p50_seconds: float | None
    wait_p95_seconds: float | None
    wait_max_seconds: float | None
    service_levels: list[ServiceLevel]


class QueueLine(BaseModel):
    """A queue on the wallboard, now. Load counts the units of its connected members.

    `staffed` = `ready` + `away`; `busy` are the ready ones who have no room. `eta_p50_seconds`, `eta_p90_seconds`:
    what who came now would be told; null when nothing can be said.
    """

    queue: QueueName
    waiting: int
    offered: int
    unroutable: int
    longest_since: datetime | None
    target_seconds: int
    staffed: int
    ready: int
    busy: int
    away: int
    used_units: int
    capacity_units: int
    eta_p50_seconds: float | None
    eta_p90_seconds: float | None


class Members(BaseModel):
    agent_ids: list[UUID]
