"""What the administration of routing takes and gives: versions, members, skills in use, agents' terms, dry looks."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.agents.schemas import SKILLS_MAX, AgentSkillLevel, AutoAccept
from app.core.edits import Edit
from app.core.numbers import WholeNumber
from app.routing.decisions import UnroutableReason
from app.routing.due_times import Counted
from app.routing.queue_schemas import QueueBody
from app.routing.schemas import Body, QueueName

MAX_MEMBERS_AT_ONCE = 500
MAX_QUEUES_OF_AGENT = 200
MAX_CAPACITY_UNITS = 1_000
MAX_CHANNELS = 20
MAX_AT_ONCE = 100
MAX_HOLDERS = 500
EXAMPLE_ID = "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10"

Channel = Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[a-z][a-z0-9_]*$")]


class QueueVersionView(BaseModel):
    """`edits`: beside the version before it; of the first one there are none. `made_by` is `unrecorded` where an older
    release saved it. `body` has the settings as they were, and the defaults of those that are newer.
    """

    version: int
    made_at: datetime
    made_by: str
    edits: list[Edit]
    body: dict[str, JsonValue]


class MembersChange(Body):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"add": [EXAMPLE_ID], "remove": []}})

    add: list[UUID] = Field(default=[], max_length=MAX_MEMBERS_AT_ONCE)
    remove: list[UUID] = Field(default=[], max_length=MAX_MEMBERS_AT_ONCE)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if set(self.add) & set(self.remove):
            raise ValueError("remove: the same agent is added")
        return self


class QueueLookIn(Body):
    """`settings` as they would be saved. `queue_id`: whose members serve; null is a queue not made yet. `member_ids`
    replace these.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"settings": {"name": "Orders", "requirements": {}}, "member_ids": [], "channel": "chat"}
        },
    )

    settings: QueueBody
    queue_id: UUID | None = None
    member_ids: list[UUID] | None = Field(default=None, max_length=MAX_MEMBERS_AT_ONCE)
    channel: Channel = "chat"


class RingLookView(BaseModel):
    """One ring, also each moment at which a minimum fades within it; 0 is the queue's own terms. `let_in`: members, and
    whom the ring lets in besides. Of these `could` meet what is asked and have the units with empty hands, `ready` of
    those take work now, `free` of those have the units now. `lacking` counts, by skill, those let in who are below the
    level asked.
    """

    model_config = ConfigDict(from_attributes=True)

    ring: int
    enter_after_seconds: int
    let_in: int
    could: int
    ready: int
    free: int
    lacking: dict[str, int]


class DueLook(BaseModel):
    """By when work that came now would be due. `counted`: `opening_hours` where those of the calendar moved it,
    `never_opens` where it opens no more, so that the target counts round the clock.
    """

    at: datetime
    counted: Counted
    calendar: str | None


class QueueLook(BaseModel):
    """Who could take this queue's work. `unroutable`: nobody ever, at no ring, and why."""

    channel: str
    due: DueLook
    unroutable: UnroutableReason | None
    rings: list[RingLookView]


class SkillHolder(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    agent_id: UUID
    name: str
    proficiency: int


class QueueAsking(BaseModel):
    """`level`: what the queue itself asks, null if it does not; `rings` that ask for it, from 1. `ranks`: it only ranks
    there, or its minimum fades.
    """

    queue: QueueName
    level: int | None
    rings: list[int]
    ranks: bool


class RuleAsking(BaseModel):
    """`number` in the list of rules in force, from 1. `level`: null where the rule only prefers it."""

    number: int
    name: str
    level: int | None


class SkillUse(BaseModel):
    """Where a skill is in use; it can be retired when all three are empty. `agents`: at most 500, the best first;
    `agents_total` counts all.
    """

    agents_total: int
    agents: list[SkillHolder]
    queues: list[QueueAsking]
    rules: list[RuleAsking]


class AgentTermsView(BaseModel):
    """On which terms an agent gets work. `channel_limits`: the most conversations at once by channel; of a channel that
    is not named only the units decide. `version` is the agent's.
    """

    agent_id: UUID
    name: str
    skills: list[AgentSkillLevel]
    auto_accept: bool
    capacity_units: int
    used_units: int
    channel_limits: dict[str, int]
    queue_ids: list[UUID]
    version: int


class AgentTermsPatch(Body):
    """Only the members given are changed, all or none. `skills` and `auto_accept` need the scope agents:write."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"capacity_units": 100, "channel_limits": {"chat": 3}}}
    )

    skills: list[AgentSkillLevel] | None = Field(default=None, max_length=SKILLS_MAX)
    auto_accept: AutoAccept | None = None
    capacity_units: WholeNumber | None = Field(default=None, ge=1, le=MAX_CAPACITY_UNITS)
    channel_limits: dict[Channel, Annotated[WholeNumber, Field(ge=0, le=MAX_AT_ONCE)]] | None = Field(
        default=None, max_length=MAX_CHANNELS
    )
    queue_ids: list[UUID] | None = Field(default=None, max_length=MAX_QUEUES_OF_AGENT)

    @model_validator(mode="after")
    def _each_skill_once(self) -> Self:
        if self.skills is not None and len({level.skill_id for level in self.skills}) < len(self.skills):
            raise ValueError("skills: a skill is named twice")
        return self
