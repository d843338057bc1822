"""The strict, versioned model every event is made from.

An event tells what happened, past tense, in ids, codes, old and new state; never names, addresses or bodies, so that
erasing a person touches content tables only. `type` and `version` are published and never change their meaning.
"""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def key(self) -> UUID:
        """The subject inside which order is kept."""
        raise NotImplementedError


class ConversationEvent(Event):
    """Everything that concerns one conversation; sockets decide who may see it by the conversation's rights."""

    conversation_id: UUID

    @property
    def key(self) -> UUID:
        return self.conversation_id


class AgentEvent(Event):
    agent_id: UUID

    @property
    def key(self) -> UUID:
        return self.agent_id


class Rights(BaseModel):
    """What decides who may see a conversation: its owner, its team, its queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner_id: UUID | None = None
    team_id: UUID | None = None
    queue_id: UUID | None = None
