"""What a channel account says about its automatic acknowledgement, checked as it is saved."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.core.plain_text import NOT_BLANK
from app.customers.schemas import MAX_LANGUAGE

MAX_TEXTS = 20
MAX_TEXT_CHARACTERS = 1_000
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("due", "name_of_brand")

When = Literal["always", "outside_hours", "never"]


def check_placeholders(text: str) -> str:
    known = " and ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for name in PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise ValueError(f"{{{name}}} is no placeholder; there are {known}")
    if set(PLACEHOLDER.sub("", text)) & {"{", "}"}:
        raise ValueError(f"a brace stands alone; braces are for {known} only")
    return text


LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=MAX_LANGUAGE)]
OwnText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=NOT_BLANK, min_length=1, max_length=MAX_TEXT_CHARACTERS),
    AfterValidator(check_placeholders),
]


class Acknowledgement(BaseModel):
    """`outside_hours`: only when the answer is due in a later opening span than the one the customer wrote in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: When = "outside_hours"
    texts: dict[LanguageTag, OwnText] = Field(
        default_factory=dict,
        max_length=MAX_TEXTS,
        description="Own texts by language, with {due} and {name_of_brand}; without one the shipped text is sent",
        examples=[{"en": "Thank you! {name_of_brand} will answer {due}."}],
    )


class ShippedText(BaseModel):
    """What is sent in this language without an own text: `without_time` where no time can be named."""

    language: str
    with_time: str
    without_time: str
    due_example: str
