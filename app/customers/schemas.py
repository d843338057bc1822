"""What other packages and the API see of customers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.core.plain_text import NO_NUL, NOT_BLANK
from app.customers.time_zones import require_zone

MAX_NAME = 200
MAX_LANGUAGE = 35
MAX_TIMEZONE = 64
MAX_CONTACT_VALUE = 320
MAX_SEGMENTS = 40
MAX_CONTACT_POINTS = 50


ContactKind = Literal["visitor", "email", "phone", "social"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, pattern=NO_NUL, max_length=MAX_NAME)]
Language = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$", max_length=MAX_LANGUAGE)]
TimezoneName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]*$", max_length=MAX_TIMEZONE)]
Timezone = Annotated[TimezoneName, AfterValidator(require_zone)]
ContactValue = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=NOT_BLANK, min_length=1, max_length=MAX_CONTACT_VALUE)
]
Segment = Annotated[str, StringConstraints(strip_whitespace=True, pattern=NOT_BLANK, min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who wrote to us, as the channel tells it. `verified`: the channel, or a token of ours, has proven the value.

    `contact_point_id` is the id that a new contact point gets, where the channel has one for it already.
    """

    kind: str
    value: str
    verified: bool
    name: str = ""
    language: str = ""
    contact_point_id: UUID | None = None
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Where a writer stands in our books."""

    customer_id: UUID
    contact_point_id: UUID
    language: str


@dataclass(frozen=True, slots=True)
class CustomerSummary:
    id: UUID
    name: str
    language: str
    segments: list[str]
    timezone: str


class ContactPointOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    value: str
    verified: bool
    created_at: datetime


class CustomerOut(BaseModel):
    id: UUID
    name: str
    language: str
    timezone: str
    segments: list[str]
    attributes: dict[str, Any]
    contact_points: list[ContactPointOut]
    version: int
    created_at: datetime


class CustomerItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    language: str
    segments: list[str]
    created_at: datetime


class ContactPointIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"kind": "email", "value": "ada@example.com"}}
    )

    kind: ContactKind
    value: ContactValue


class CustomerIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Ada", "language": "en", "segments": ["gold"]}}
    )

    name: Name = ""
    language: Language = ""
    timezone: Timezone = Field(default="", description="An IANA name", examples=["Asia/Shanghai"])
    segments: list[Segment] = Field(default_factory=list, max_length=MAX_SEGMENTS)
    contact_points: list[ContactPointIn] = Field(default_factory=list, max_length=MAX_CONTACT_POINTS)


class CustomerPatch(BaseModel):
    """Only what is given is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Ada Lovelace"}})

    name: Name | None = None
    language: Language | None = None
    timezone: Timezone | None = None
    segments: Annotated[list[Segment], Field(max_length=MAX_SEGMENTS)] | None = None
