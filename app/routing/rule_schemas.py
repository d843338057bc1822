"""What the API of the routing rules takes and gives."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.core.edits import Edit
from app.core.numbers import WholeNumber
from app.core.plain_text import NO_NUL
from app.routing.rules import ATTRIBUTES_LIMIT, RULES_LIMIT, VALUES_LIMIT, Rule, Word
from app.routing.schemas import Body

LAST_LIMIT = 1_000
RULES_EXAMPLE: list[JsonValue] = [
    {
        "name": "Care for the elderly",
        "conditions": {"segments": ["elderly", "disabled"]},
        "effects": {"tier": 1, "priority": 8},
    },
    {
        "name": "Chinese at night",
        "conditions": {
            "languages": ["zh"],
            "hours": {"zone": "Asia/Shanghai", "weekly": {"sat": ["22:00-06:00"], "sun": ["22:00-06:00"]}},
        },
        "effects": {"language": "zh"},
        "stop": True,
    },
]

FIRST_YEAR, LAST_YEAR = 1970, 2200
"""Beyond these a zone's wall may have no date."""


def _near(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise ValueError(f"give a time from {FIRST_YEAR} to {LAST_YEAR}")
    return at


Rules = Annotated[list[Rule], Field(max_length=RULES_LIMIT)]
Text = Annotated[str, Field(max_length=100, pattern=NO_NUL)]


class RulesIn(Body):
    """The whole list in its order. Every rule has a name of its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rules": RULES_EXAMPLE}})

    rules: Rules

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        names = [rule.name.lower() for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("rules: give each name once")
        return self


class RuleWarning(BaseModel):
    """`rule` can never fire, because `by` stops whatever it would let pass. Both count from 1."""

    code: Literal["unreachable"]
    rule: int
    by: int


class RulesView(BaseModel):
    """`version` 0: nobody has written rules yet."""

    version: int
    made_at: datetime | None
    made_by: str | None
    rules: list[Rule]
    warnings: list[RuleWarning]


class RulesVersionView(BaseModel):
    """`edits`: beside the version before it, by the rules' names; `order` where rules changed places. `body` has the
    rules as they were.
    """

    version: int
    made_at: datetime
    made_by: str
    edits: list[Edit]
    body: dict[str, JsonValue]


class FactsIn(Body):
    """A conversation as the rules would see it. `at`: null is now."""

    channel: Word = "chat"
    channel_account_id: UUID | None = None
    brand: Text = ""
    category: Text = ""
    segments: list[Word] = Field(default=[], max_length=VALUES_LIMIT)
    language: Text = ""
    attributes: dict[Word, Text] = Field(default={}, max_length=ATTRIBUTES_LIMIT)
    at: Annotated[AwareDatetime, AfterValidator(_near)] | None = None


class RulesTrialIn(Body):
    """Either `facts`, or the `last` conversations the caller may see. `rules`: null tries those in force."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"rules": RULES_EXAMPLE, "facts": {"channel": "chat", "segments": ["elderly"]}}},
    )

    rules: Rules | None = None
    facts: FactsIn | None = None
    last: WholeNumber | None = Field(default=None, ge=1, le=LAST_LIMIT)

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.facts is None) == (self.last is None):
            raise ValueError("give either facts or last")
        return self


class StepView(BaseModel):
    """`failed`: the first condition that did not hold. `sets`: what the rule was the first to set."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    name: str
    became: Literal["fired", "failed", "disabled", "not_asked"]
    failed: str | None
    sets: list[str]


class OutcomeView(BaseModel):
    """Null: no rule says, so the channel account, the queue and the conversation do."""

    model_config = ConfigDict(from_attributes=True)

    queue_id: UUID | None
    tier: int | None
    priority: int | None
    language: str | None
    requirements: dict[str, int]
    preferred: list[UUID] = []


class FactsTrial(BaseModel):
    steps: list[StepView]
    outcome: OutcomeView


class Elsewhere(BaseModel):
    from_queue_id: UUID
    to_queue_id: UUID
    conversations: int


class PastTrial(BaseModel):
    """Where the tried rules would have sent the newest conversations, beside those in force, as they opened.

    `elsewhere`: to another queue, by queue in `moves`. `otherwise`: to the same one on other terms.
    """

    conversations: int
    elsewhere: int
    otherwise: int
    moves: list[Elsewhere]


class RulesTrial(BaseModel):
    """`version`: of the rules in force."""

    version: int
    warnings: list[RuleWarning]
    facts: FactsTrial | None = None
    past: PastTrial | None = None
