"""What transfers take and give."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.core.plain_text import NO_NUL

MAX_NOTE_CHARACTERS = 2_000


class TransferBody(BaseModel):
    """Either a queue or an agent. `reason` is a code, never words about a person; `note` becomes an internal note.

    `warm`: the agent is asked, and the owner keeps the conversation until they accept.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"queue_id": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10", "reason": "wrong_team"}},
    )

    queue_id: UUID | None = None
    agent_id: UUID | None = None
    reason: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9_]+$")
    warm: StrictBool = False
    note: str = Field(default="", max_length=MAX_NOTE_CHARACTERS, pattern=NO_NUL)


class Colleague(BaseModel):
    id: UUID
    name: str


class PendingTransfer(BaseModel):
    """A colleague is being asked; until they accept the owner has the conversation."""

    offer_id: UUID
    from_agent_id: UUID
    to_agent_id: UUID
    deadline_at: datetime
