"""What routing takes and gives over the API and to other packages."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.core.plain_text import NO_NUL
from app.events.routing import Penalty, Readiness, SessionState
from app.routing.service_levels import Formula
from app.routing.transfer_schemas import Colleague, PendingTransfer
from app.routing.wrap_up_schemas import WrapUpView


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


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
    """One stored trace. `outcome`: offer, wait, drain, unroutable, routable again; by hand picked, assigned, consulted,
    transferred, taken_over; `forced` above capacity; due_counted in opening hours; for SLA due_advanced, ring_opened,
    reassign_refused; of overflow overflowed, told.
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


class KeptOut(BaseModel):
    """`agent_ids`: the first 50 of `count`. `rule`: not_member, lacks_requirement, not_routable, cooling_down,
    draining, no_free_units; `asked_later` could take it, but the agent of before is asked alone first.
    """

    rule: str
    count: int
    agent_ids: list[UUID]


class PresentStanding(BaseModel):
    """What the engine would decide of this work alone with the tables as they are at `as_of`: no stored decision, and
    who stands before it in the line is not asked. `candidates`: the first five of the `eligible`, the best first, with
    their rank by rule. `kept_out`: every other agent under the first rule that puts them out.
    """

    as_of: datetime
    ring: int
    requirements: dict[str, int]
    asked_alone: bool
    eligible: int
    decided_by: str
    candidates: list[dict[str, object]]
    kept_out: list[KeptOut]


class Explanation(BaseModel):
    """`decisions`: newest first. `transfer`: a warm one that is not answered yet. `now`: when it was asked for and the
    work waits.
    """

    work: WorkView | None
    transfer: PendingTransfer | None = None
    decisions: list[DecisionView]
    now: PresentStanding | None = None


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
    what who came now would be told; null when nothing can be said. `next_due_at`: the soonest due time in the line,
    counted in the hours of `calendar_id` (null: round the clock).
    """

    queue: QueueName
    calendar_id: UUID | None
    waiting: int
    offered: int
    unroutable: int
    longest_since: datetime | None
    next_due_at: datetime | None
    target_seconds: int
    staffed: int
    ready: int
    busy: int
    away: int
    used_units: int
    capacity_units: int
    eta_p50_seconds: float | None
    eta_p90_seconds: float | None
