"""A queue's overflow as the API takes and gives it."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from app.core.numbers import WholeNumber
from app.core.plain_text import NOT_BLANK
from app.routing.overflow import MAX_STEPS

MAX_MESSAGE_LANGUAGES = 20
MAX_MESSAGE_CHARACTERS = 1_000
MAX_PLACES = 10_000
MAX_WAIT_SECONDS = 86_400
MAX_AGE_SECONDS = 30 * 86_400
OVERFLOW_EXAMPLE: list[JsonValue] = [
    {
        "when": {"outside_hours": True},
        "do": {"message": {"en": "We answer from nine tomorrow.", "zh-CN": "我们明天九点起为您服务。"}},
    },
]

LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=20)]
MessageText = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=NOT_BLANK, min_length=1, max_length=MAX_MESSAGE_CHARACTERS)
]


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("give true, or leave it out")
    return value


Holds = Annotated[StrictBool, AfterValidator(_only_true), WithJsonSchema({"type": "boolean", "const": True})]


def _is_unsaid(value: object) -> bool:
    return value is None


class OneOf(BaseModel):
    """One of its members is given; the others are left out, also where it is given back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    @model_validator(mode="after")
    def _gives_one(self) -> Self:
        if sum(1 for name in type(self).model_fields if getattr(self, name) is not None) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self


def _or_unsaid(**limits: Any) -> Any:
    return Field(default=None, exclude_if=_is_unsaid, **limits)


class OverflowWhen(OneOf):
    """`longer_than`: so many stand before it in line. `estimated_wait_over_seconds`: its p50. `age_over_seconds`: since
    it was ready. `nobody_staffed`: all members are gone. `outside_hours`: the queue's calendar is closed.
    `tries_exhausted`: an agent let it pass three times and nobody else can take it.
    """

    longer_than: WholeNumber | None = _or_unsaid(ge=1, le=MAX_PLACES)
    estimated_wait_over_seconds: WholeNumber | None = _or_unsaid(ge=1, le=MAX_WAIT_SECONDS)
    age_over_seconds: WholeNumber | None = _or_unsaid(ge=1, le=MAX_AGE_SECONDS)
    nobody_staffed: Holds | None = _or_unsaid()
    outside_hours: Holds | None = _or_unsaid()
    tries_exhausted: Holds | None = _or_unsaid()


class OverflowDo(OneOf):
    """`queue`: it goes on waiting there. `message`: by language, said to the customer once."""

    queue: UUID | None = _or_unsaid()
    message: dict[LanguageTag, MessageText] | None = _or_unsaid(min_length=1, max_length=MAX_MESSAGE_LANGUAGES)


class OverflowStep(BaseModel):
    model_config = ConfigDict(extra="forbid")

    when: OverflowWhen
    do: OverflowDo


def _each_once(steps: list[OverflowStep]) -> list[OverflowStep]:
    """The second of two that wait for the same and do the same kind of thing would never be its turn."""
    seen: set[tuple[str, bool]] = set()
    for step in steps:
        told = (step.when.model_dump_json(), step.do.queue is None)
        if told in seen:
            raise ValueError(f"two steps do the same kind of thing when {told[0]}; give one of them")
        seen.add(told)
    return steps


Overflow = Annotated[list[OverflowStep], Field(max_length=MAX_STEPS), AfterValidator(_each_once)]
