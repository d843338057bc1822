"""What the API takes and shows of webhook endpoints and deliveries."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.events.webhooks import DisabledReason
from app.webhooks.attempts import State
from app.webhooks.matching import ALL_TYPES, EVENT_TYPES

ENDPOINTS_MAX = 100
NAME_PATTERN = r"^[a-z0-9][a-z0-9_.-]*$"
NAME_MAX = 60
URL_MAX = 2_000
TYPES_MAX = 200


def _known(event_type: str) -> str:
    if event_type != ALL_TYPES and event_type not in EVENT_TYPES:
        raise ValueError("no event of this type is known; GET /v1/event-types lists them")
    return event_type


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=NAME_MAX)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=URL_MAX)]
EventType = Annotated[str, StringConstraints(max_length=100), AfterValidator(_known)]
EventTypes = Annotated[
    list[EventType], Field(max_length=TYPES_MAX, description='"*" for all; empty: only what names it')
]
Ordered = Annotated[
    StrictBool,
    Field(description="Events of one conversation (else of one customer, agent, ...) go out one after the other"),
]


class EndpointIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "crm",
                "url": "https://crm.example/hooks/switchboard",
                "event_types": ["conversation.opened", "sla.breached"],
                "ordered": True,
            }
        },
    )

    name: Name = Field(description="By which SLA policies name it")
    url: Url
    event_types: EventTypes
    ordered: Ordered = False


class EndpointPatch(BaseModel):
    """Only what is given is changed. To enable an endpoint forgets that it failed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"event_types": ["*"], "enabled": True}})

    name: Name | None = None
    url: Url | None = None
    event_types: EventTypes | None = None
    ordered: Ordered | None = None
    enabled: StrictBool | None = None


class EndpointView(BaseModel):
    id: UUID
    name: str
    url: str
    event_types: list[str]
    ordered: bool
    enabled: bool
    disabled_reason: DisabledReason | None
    failures: int = Field(description="In a row; from ten on only one delivery a minute tries it")
    failing_since: datetime | None
    old_secret_until: datetime | None = Field(description="So long the secret before signs along")
    version: int
    created_at: datetime


class EndpointWithSecret(EndpointView):
    secret: str = Field(description="Shown this once")


class DeliveryView(BaseModel):
    id: UUID
    endpoint_id: UUID
    event_id: UUID = Field(description="The `webhook-id`, the same over all tries and replays")
    event_type: str
    position: int = Field(description="Of the event in the log; 0 for a test")
    state: State
    tries: int
    next_try_at: datetime | None
    last_tried_at: datetime | None
    last_status: int | None
    last_error: str
    replayed: bool
    created_at: datetime


class ReplayIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"since": "2026-11-22T08:00:00Z", "until": "2026-11-22T09:00:00Z"}},
    )

    since: AwareDatetime
    until: AwareDatetime
    cursor: Annotated[str, StringConstraints(max_length=400)] | None = Field(
        default=None, description="`next_cursor` of the part before"
    )


class ReplayResult(BaseModel):
    replayed: int
    next_cursor: str | None = Field(description="Ask again with it for the rest; null: that was all")
