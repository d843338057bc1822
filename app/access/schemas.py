"""Shapes of access: principals, accounts, sessions, keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Role = Literal["agent", "supervisor", "admin"]
Visibility = Literal["own", "team", "all"]
Scope = Literal[
    "conversations:read",
    "conversations:write",
    "customers:read",
    "customers:write",
    "agents:read",
    "agents:write",
    "routing:read",
    "routing:write",
    "channels:read",
    "channels:write",
    "work",
    "access:write",
    "operations",
]

LoginName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
# Argon2 takes any length; the upper limit bounds the work a stranger can ask for.
NewPassword = Annotated[str, StringConstraints(min_length=12, max_length=200)]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `id` is the account's for an agent, the key's for an API key; `session_id` only of a log-in."""

    kind: Literal["agent", "api_key", "visitor", "system"]
    id: UUID
    role: Role
    scopes: frozenset[str]
    visibility: Visibility
    team_id: UUID | None = None
    session_id: UUID | None = None
    expires_at: datetime | None = None

    @property
    def actor(self) -> str:
        return f"{self.kind}:{self.id}"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Credentials(Strict):
    login: LoginName
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class SessionToken(BaseModel):
    """`token` is shown only here; browsers also get it as the cookie `switchboard_session`."""

    token: str
    session_id: UUID
    account_id: UUID
    expires_at: datetime


class SessionView(BaseModel):
    id: UUID
    created_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool


class Me(BaseModel):
    kind: str
    id: UUID
    login: str | None
    role: Role
    visibility: Visibility
    team_id: UUID | None
    scopes: list[str]


class PasswordChange(Strict):
    current: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    new: NewPassword


class AccountView(BaseModel):
    id: UUID
    login: str
    role: Role
    visibility: Visibility
    team_id: UUID | None
    synthetic: bool
    created_at: datetime
    disabled_at: datetime | None


class AccountChange(Strict):
    """Fields left out stay as they are. A new password ends the account's sessions."""

    role: Role | None = None
    visibility: Visibility | None = None
    team_id: UUID | None = None
    password: NewPassword | None = None
    disabled: bool | None = None


class NewApiKey(Strict):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]


class ApiKeyView(BaseModel):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


class ApiKeyMade(ApiKeyView):
    """`key` is shown only here."""

    key: str
