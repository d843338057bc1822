"""What happens to accounts, agents, teams, skills and sessions."""

from typing import Literal
from uuid import UUID

from app.events.event import AgentEvent, Event


class AgentCreated(AgentEvent):
    type = "agent.created"
    role: Literal["agent", "supervisor", "admin"]
    team_id: UUID | None


class AgentUpdated(AgentEvent):
    """Profile, skills, role, team or visibility changed: routing reloads the agent, sockets their rights."""

    type = "agent.updated"
    fields: tuple[str, ...]


class AgentDisabled(AgentEvent):
    type = "agent.disabled"


class SessionStarted(AgentEvent):
    type = "session.started"
    session_id: UUID


class SessionEnded(AgentEvent):
    type = "session.ended"
    session_id: UUID
    reason: Literal["logout", "revoked", "password_changed", "disabled"]


class TeamChanged(Event):
    type = "team.changed"
    team_id: UUID
    change: Literal["created", "updated", "deleted"]

    @property
    def key(self) -> UUID:
        return self.team_id


class SkillChanged(Event):
    type = "skill.changed"
    skill_id: UUID
    change: Literal["created", "updated", "deleted"]

    @property
    def key(self) -> UUID:
        return self.skill_id


class ApiKeyChanged(Event):
    type = "api_key.changed"
    api_key_id: UUID
    change: Literal["created", "revoked"]

    @property
    def key(self) -> UUID:
        return self.api_key_id


class ChannelAccountChanged(Event):
    type = "channel_account.changed"
    channel_account_id: UUID
    change: Literal["created", "updated", "deleted"]

    @property
    def key(self) -> UUID:
        return self.channel_account_id
