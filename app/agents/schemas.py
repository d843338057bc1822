"""What agents speaks in: facts that other packages read, and the bodies of its operations."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, field_validator

from app.access.permissions import Role
from app.access.schemas import AccountCreate, AccountPatch, Name, Visibility
from app.core.numbers import WholeNumber

PROFICIENCY_MIN = 1
PROFICIENCY_MAX = 10
LANGUAGES_MAX = 10
NAMES_MAX = 20
SKILLS_MAX = 50
"""Skills of one agent."""

LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}$")]
Languages = Annotated[
    list[LanguageTag], Field(min_length=1, max_length=LANGUAGES_MAX, description="Best first; language tags")
]
NamesByLanguage = Annotated[dict[LanguageTag, Name], Field(max_length=NAMES_MAX)]
AutoAccept = Annotated[StrictBool, Field(description="Offers to this agent are accepted at once")]
PROFILE_MEMBERS = frozenset({"name", "languages", "auto_accept"})
Proficiency = Annotated[WholeNumber, Field(ge=PROFICIENCY_MIN, le=PROFICIENCY_MAX)]


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent as routing and pages know them. `skills` is proficiency 1-10 by skill id."""

    id: UUID
    name: str
    role: str
    team_id: UUID | None
    languages: tuple[str, ...]
    skills: dict[UUID, int] = field(hash=False)
    visibility: str
    synthetic: bool
    disabled: bool
    auto_accept: bool = False


@dataclass(frozen=True, slots=True)
class SkillHolder:
    agent_id: UUID
    name: str
    proficiency: int


class AgentSkillLevel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    skill_id: UUID
    proficiency: Proficiency


class AgentSkills(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"skills": [{"skill_id": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10", "proficiency": 7}]}
        },
    )

    skills: list[AgentSkillLevel] = Field(max_length=SKILLS_MAX)

    @field_validator("skills")
    @classmethod
    def _each_once(cls, skills: list[AgentSkillLevel]) -> list[AgentSkillLevel]:
        if len({level.skill_id for level in skills}) < len(skills):
            raise ValueError("a skill is named twice")
        return skills

    def levels(self) -> dict[UUID, int]:
        return {level.skill_id: level.proficiency for level in self.skills}


class AgentCreate(AccountCreate):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "login": "mei",
                "password": "a long sentence",
                "role": "agent",
                "name": "Mei",
                "languages": ["zh-CN", "en"],
            }
        },
    )

    name: Name
    languages: Languages
    skills: list[AgentSkillLevel] = Field(default=[], max_length=SKILLS_MAX)
    auto_accept: AutoAccept = False

    _each_once = field_validator("skills")(AgentSkills._each_once.__func__)  # type: ignore[attr-defined]


class AgentPatch(AccountPatch):
    """Only the members given are changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"languages": ["zh", "en"]}})

    name: Name | None = None
    languages: Languages | None = None
    auto_accept: AutoAccept | None = None

    def profile_changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.changes().items() if name in PROFILE_MEMBERS}

    def account_changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.changes().items() if name not in PROFILE_MEMBERS}


class AgentView(BaseModel):
    id: UUID
    login: str
    name: str
    role: Role
    visibility: Visibility
    team_id: UUID | None
    languages: list[str]
    skills: list[AgentSkillLevel]
    auto_accept: bool
    synthetic: bool
    disabled_at: datetime | None
    version: int = Field(description="Also the ETag; send it as If-Match to change only what you have read")


class Me(BaseModel):
    """Who the token belongs to. `agent` is null for API keys and for accounts that only administer."""

    kind: str
    id: UUID
    role: str
    scopes: list[str]
    visibility: Visibility
    team_id: UUID | None
    session_id: UUID | None
    expires_at: datetime | None
    agent: AgentView | None


class TeamView(BaseModel):
    id: UUID
    name: str
    lead_id: UUID | None
    created_at: datetime


class SkillView(BaseModel):
    """`names` by language tag, for pages; `name` is the fallback."""

    id: UUID
    name: str
    names: dict[str, str]
    created_at: datetime


class NameBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Billing"}})

    name: Name


class SkillBody(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "refunds", "names": {"zh-CN": "退款"}}}
    )

    name: Name
    names: NamesByLanguage = {}


class SkillPatch(BaseModel):
    """Only the members given are changed; `names` as a whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "refunds"}})

    name: Name | None = None
    names: NamesByLanguage | None = None


class TeamPatch(BaseModel):
    """Only the members given are changed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"lead_id": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10"}}
    )

    name: Name | None = None
    lead_id: UUID | None = Field(default=None, description="An agent; null leaves the team to its supervisors")
