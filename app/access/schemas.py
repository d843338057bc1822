"""What access speaks in: who somebody is, and the bodies of its operations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StrictBool, StringConstraints

from app.access.permissions import Role, Scope
from app.core.plain_text import PRINTED

LOGIN_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{1,99}$"
NO_CONTROLS_PATTERN = r"^[^\x00-\x1f\x7f]+$"
PASSWORD_MIN_LENGTH = 10
PASSWORD_MAX_LENGTH = 200
"""Long enough for a sentence, short enough that hashing it costs the same as any other."""
NAME_MAX_LENGTH = 100

PrincipalKind = Literal["agent", "api_key", "visitor", "system"]
Visibility = Literal["own", "team", "all"]
Login = Annotated[str, StringConstraints(strip_whitespace=True, pattern=LOGIN_PATTERN)]


def _check_encodes(password: SecretStr) -> SecretStr:
    """JSON can hold half a surrogate pair, which has no bytes to hash. Pydantic looks at plain texts only."""
    password.get_secret_value().encode()  # UnicodeEncodeError is a ValueError
    return password


Password = Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_MAX_LENGTH), AfterValidator(_check_encodes)]
NewPassword = Annotated[
    SecretStr,
    Field(min_length=PASSWORD_MIN_LENGTH, max_length=PASSWORD_MAX_LENGTH),
    AfterValidator(_check_encodes),
]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_MAX_LENGTH, pattern=PRINTED)
]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts, and what they may do and see. `id` is the account's, the API key's or the visitor's.

    `session_id` and `expires_at` are set for log-ins only: a socket closes when its session ends.
    """

    kind: PrincipalKind
    id: UUID
    role: str
    scopes: frozenset[str]
    visibility: Visibility
    team_id: UUID | None = None
    session_id: UUID | None = None
    expires_at: datetime | None = None

    @property
    def actor(self) -> str:
        return f"{self.kind}:{self.id}"


class LoginRequest(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"login": "mei", "password": "a long sentence"}})

    login: str = Field(min_length=1, max_length=100, pattern=NO_CONTROLS_PATTERN)
    password: Password


class StartedSession(BaseModel):
    """A log-in. The token is shown this once; browsers have it in the cookie as well."""

    token: str
    session_id: UUID
    account_id: UUID
    expires_at: datetime


class SessionView(BaseModel):
    id: UUID
    created_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool = Field(description="The session this request came with")


class PasswordChange(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"current_password": "a long sentence", "new_password": "a longer sentence"}},
    )

    current_password: Password
    new_password: NewPassword


class PasswordReset(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"new_password": "a longer sentence"}})

    new_password: NewPassword


class AccountView(BaseModel):
    id: UUID
    login: str
    role: Role
    visibility: Visibility
    team_id: UUID | None
    synthetic: bool
    created_at: datetime
    disabled_at: datetime | None


class AccountCreate(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"login": "mei", "password": "a long sentence", "role": "agent"}}
    )

    login: Login
    password: NewPassword
    role: Role
    visibility: Visibility | None = Field(default=None, description="Left out: what the role has by default")
    team_id: UUID | None = None
    synthetic: StrictBool = Field(default=False, description="Made by a probe: left out of reports, SLA and webhooks")


class AccountPatch(BaseModel):
    """Only the members given are changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"role": "supervisor"}})

    role: Role | None = None
    visibility: Visibility | None = None
    team_id: UUID | None = Field(default=None, description="null takes the account out of its team")
    disabled: StrictBool | None = Field(default=None, description="true ends all its sessions at once")

    def changes(self) -> dict[str, Any]:
        """The members to change. null means something for team_id only; elsewhere it is as good as left out."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "team_id"}


class ApiKeyCreate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "CRM", "scopes": ["agents:read"]}})

    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=20)


class ApiKeyView(BaseModel):
    id: UUID
    name: str
    prefix: str = Field(description="How the key begins, so that people can tell keys apart")
    scopes: list[str]
    created_by: UUID | None
    created_at: datetime
    revoked_at: datetime | None


class NewApiKey(ApiKeyView):
    token: str = Field(description="Shown this once; only its hash is kept")
