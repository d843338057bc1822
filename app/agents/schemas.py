"""Shapes of people: agents, teams, skills."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.access.schemas import LoginName, NewPassword, Role, Visibility

SKILLS_PER_AGENT = 100
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$", max_length=35)]
Languages = Annotated[list[LanguageTag], Field(min_length=1, max_length=20)]
Proficiency = Annotated[int, Field(ge=1, le=10)]
SkillLevels = Annotated[dict[UUID, Proficiency], Field(max_length=SKILLS_PER_AGENT)]


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What other packages read of a person."""

    id: UUID
    name: str
    role: Role
    team_id: UUID | None
    languages: tuple[str, ...]
    skills: dict[UUID, int]
    disabled: bool
    synthetic: bool


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewAgent(Strict):
    login: LoginName
    password: NewPassword
    name: Name
    role: Role = "agent"
    team_id: UUID | None = None
    visibility: Visibility | None = None
    languages: Languages
    skills: SkillLevels = Field(default_factory=dict)
    synthetic: bool = False


class AgentChange(Strict):
    """Fields left out stay as they are."""

    name: Name | None = None
    languages: Languages | None = None


class AgentView(BaseModel):
    id: UUID
    name: str
    login: str
    role: Role
    visibility: Visibility
    team_id: UUID | None
    languages: list[str]
    skills: dict[UUID, int]
    disabled: bool
    synthetic: bool
    version: int


class Named(Strict):
    name: Name


class NamedView(BaseModel):
    id: UUID
    name: str
