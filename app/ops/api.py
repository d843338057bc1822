"""/v1/parked-events, /v1/event-types: what operators look at and set right."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, StringConstraints

from app.access.guards import ActDep, problems, require
from app.access.schemas import Principal
from app.core import parking
from app.core.database import SessionDep
from app.core.http import (
    PAGE_DEFAULT,
    CursorQuery,
    LimitQuery,
    Page,
    cursor_number,
    cursor_text,
    decode_cursor,
    encode_cursor,
)
from app.events.catalogue import EVENTS

router = APIRouter(prefix="/v1", tags=["operations"])
ConsumerName = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}$")]
Operator = Annotated[Principal, Depends(require("operations"))]


class ParkedEventView(BaseModel):
    """`error` is null for an event that only waits behind an earlier one of its key."""

    model_config = ConfigDict(from_attributes=True)

    consumer: str
    position: int
    key: UUID
    type: str
    error: str | None
    parked_at: datetime


class ParkedKey(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"consumer": "routing", "key": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10"}},
    )

    consumer: ConsumerName
    key: UUID


class Released(BaseModel):
    events: int


class EventType(BaseModel):
    type: str
    version: int
    summary: str
    json_schema: dict[str, Any]


@router.get("/parked-events", summary="Events their consumer could not apply", responses=problems(401, 403, 422))
async def list_parked(
    _: Operator,
    session: SessionDep,
    consumer: ConsumerName | None = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[ParkedEventView]:
    after = None if cursor is None else decode_cursor(cursor, (cursor_text, cursor_number))
    items = await parking.list_parked(
        session, consumer=consumer, after=None if after is None else (after[0], after[1]), limit=limit
    )
    last = items[-1] if len(items) == limit else None
    return Page(
        items=[ParkedEventView.model_validate(item) for item in items],
        next_cursor=encode_cursor(last.consumer, last.position) if last else None,
    )


@router.post(
    "/parked-events/release",
    summary="Let a consumer try the parked events of one key again, in order",
    responses=problems(401, 403, 404, 422),
)
async def release(parked: ParkedKey, _: Operator, session: SessionDep, act: ActDep) -> Released:
    return Released(events=await parking.release(session, act, consumer=parked.consumer, key=parked.key))


@router.get("/event-types", summary="The catalogue of events", responses=problems(401, 403))
async def list_event_types(_: Operator) -> list[EventType]:
    return [
        EventType(
            type=event.type,
            version=event.version,
            summary=(event.__doc__ or "").strip().partition("\n")[0],
            json_schema=event.model_json_schema(),
        )
        for event in EVENTS
    ]
