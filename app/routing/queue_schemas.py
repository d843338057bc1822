"""A queue's settings and members as the API takes and gives them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.core.numbers import WholeNumber
from app.core.plain_text import NO_NUL
from app.routing.facts import MAX_FADING, MAX_LEVEL, MAX_RINGS, MIN_LEVEL
from app.routing.last_agent import LONGEST_HOLD_SECONDS, LONGEST_MEMORY_SECONDS
from app.routing.overflow_schemas import OVERFLOW_EXAMPLE, Overflow
from app.routing.schemas import Body
from app.routing.wrap_up import MAX_WRAP_UP_SECONDS, MIN_WRAP_UP_SECONDS, WRAP_UP_SECONDS, WrapUpMode

Level = Annotated[WholeNumber, Field(ge=MIN_LEVEL, le=MAX_LEVEL)]
LanguageTag = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z0-9-]+$")]
TranslatedName = Annotated[str, Field(max_length=100, pattern=NO_NUL)]
MAX_REQUIREMENTS = 20
MAX_GROUPS = 20
MIN_STEP_SECONDS = 5
MAX_NAMES = 20


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
    overflow: Overflow = Field(default=[])
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


class Members(BaseModel):
    agent_ids: list[UUID]
