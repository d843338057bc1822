"""What the read-only views give: counts, the wallboard, a customer's timeline, everything around one conversation."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.conversations.schemas import MessageOut, Summary
from app.customers.schemas import CustomerOut
from app.events.routing import Penalty, Readiness, SessionState
from app.events.sla import ClockFace
from app.routing.schemas import MeasuredWaits, QueueDay, QueueLine
from app.routing.wrap_up_schemas import WrapUpView
from app.sla.schemas import ClockedSummary

MAX_COUNT = 1_000


class ViewCounts(BaseModel):
    """Open conversations a view would list. Counting stops at 1,000: show it as "999+"."""

    model_config = ConfigDict(json_schema_extra={"example": {"mine": 4, "queue": 12, "team": 30, "all": 30}})

    mine: int = Field(ge=0, le=MAX_COUNT)
    queue: int = Field(ge=0, le=MAX_COUNT)
    team: int = Field(ge=0, le=MAX_COUNT)
    all: int = Field(ge=0, le=MAX_COUNT)


class AgentName(BaseModel):
    id: UUID
    name: str


class AgentLine(BaseModel):
    """An agent on the wallboard, now. `conversations`: open ones they own."""

    agent: AgentName
    team_id: UUID | None
    session: SessionState
    readiness: Readiness
    reason: str
    penalty: Penalty
    routable: bool
    since: datetime | None
    used_units: int
    capacity_units: int
    wrap_ups: list[WrapUpView]
    conversations: int


class BoardLine(QueueLine):
    """`due_soon` and `breached` count open clocks of the conversations in this queue that the caller may see. `today`
    and `measured`, what became of estimates, are counted every ten seconds. `is_open` by the queue's calendar."""

    is_open: bool
    due_soon: int
    breached: int
    today: QueueDay
    measured: MeasuredWaits


class Kept(BaseModel):
    """The promises of the whole house that were due from `since`, midnight in the board's `timezone`, to `until`:
    `met` of `due` (`sla_attainment`)."""

    since: datetime
    until: datetime
    met: int
    due: int


class SlaFigures(Kept):
    """And the open clocks of all conversations the caller may see."""

    due_soon: int
    breached_open: int


class Wallboard(BaseModel):
    """`timezone`: whose midnight today began at."""

    as_of: datetime
    timezone: str
    queues: list[BoardLine]
    agents: list[AgentLine]
    sla: SlaFigures


class PressingItem(BaseModel):
    """A clock that is due soon or overdue, with its conversation. `clock`: null where an older release stored it."""

    clock_id: UUID
    due_at: datetime
    clock: ClockFace | None
    conversation: Summary


class TimelineConversation(BaseModel):
    id: UUID
    number: int
    channel: str
    status: str


class TimelineItem(BaseModel):
    """One message of a customer's history, on any channel; `message` as in GET /v1/conversations/{id}/messages."""

    conversation: TimelineConversation
    message: MessageOut


class ConversationDesk(BaseModel):
    """All a console needs to show one conversation: as in the operations of the same names."""

    conversation: ClockedSummary
    customer: CustomerOut
    messages: list[MessageOut]
