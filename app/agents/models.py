"""Tables of people: teams, skills, agents and how well they master what."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class Team(Base):
    __tablename__ = "team"
    __table_args__ = (Index("uq_team_name", text("lower(name)"), unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # An agent belongs to a team by its account, so the two tables refer to one another.
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id", name="fk_team_lead_id", use_alter=True))
    """Whom escalations to the lead of this team go to; null: to its supervisors."""
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Skill(Base):
    """An ability with levels 1-10. Languages are skills too, named by their tag (`en`, `zh`)."""

    __tablename__ = "skill"
    __table_args__ = (Index("uq_skill_name", text("lower(name)"), unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    names: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """By language tag, for pages; `name` is the fallback."""
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Agent(Base):
    """A person who serves. The id is the account's."""

    __tablename__ = "agent"
    id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Tags the agent serves in, best first; the first one is also the language of their pages."""
    auto_accept: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    """Offers need no answer, whatever their queue says."""
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    updated_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class AgentSkill(Base):
    __tablename__ = "agent_skill"
    __table_args__ = (
        CheckConstraint("proficiency between 1 and 10", name="proficiency"),
        Index("ix_agent_skill_skill_id", "skill_id"),
    )
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skill.id"), primary_key=True)
    proficiency: Mapped[int] = mapped_column(SmallInteger)
