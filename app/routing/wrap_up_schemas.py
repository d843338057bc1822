"""What is said of wrap-ups over the API, and what ends one."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.events.routing import RunningWrapUpMode


class WrapUpView(BaseModel):
    """After-work that keeps its units until the agent ends it, at `ends_at` at the latest."""

    work_id: UUID
    conversation_id: UUID
    queue_id: UUID
    mode: RunningWrapUpMode
    ends_at: datetime


class EndWrapUpBody(BaseModel):
    """`outcome`: a code of the house's own. Where the queue's wrap-up is `required` its agent must give one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"outcome": "solved"}})

    outcome: str = Field(default="", max_length=60, pattern=r"^[a-z0-9_]*$")


class WrapUpAnswered(BaseModel):
    """`events`: ids of the events that hold the effect; empty when it had ended before."""

    work_id: UUID
    conversation_id: UUID
    state: str
    events: list[UUID]
