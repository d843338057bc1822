"""Tables of what a breach leaves people to do: escalations, tasks, the question for its cause, remedies."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Integer, Numeric, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class SlaEscalation(Base):
    """One step of a ladder, asked. Open until somebody accepts it or nobody needs to any more.

    No foreign key to the clock: a clock may turn out never to have been, and what was asked was asked.
    """

    __tablename__ = "sla_escalation"
    __table_args__ = (
        CheckConstraint("ladder in ('functional', 'hierarchical')", name="ladder"),
        Index("ix_sla_escalation_clock", "clock_id"),
        Index("ix_sla_escalation_open", "id", postgresql_where=text("ended_at is null and accepted_at is null")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    clock_id: Mapped[UUID]
    ladder: Mapped[str] = mapped_column(Text)
    step: Mapped[int] = mapped_column(SmallInteger)
    to_agent_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    to_team_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    asked_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    accepted_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    end_reason: Mapped[str | None] = mapped_column(Text)


class SlaTask(Base):
    """Something to do besides answering, for an agent or a team."""

    __tablename__ = "sla_task"
    __table_args__ = (
        CheckConstraint("state in ('open', 'done')", name="state"),
        Index("ix_sla_task_agent", "agent_id", "id", postgresql_where=text("state = 'open'")),
        Index("ix_sla_task_team", "team_id", "id", postgresql_where=text("state = 'open'")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    clock_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("team.id"))
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    done_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    done_by: Mapped[UUID | None]
    """An account or an API key."""
    version: Mapped[int] = mapped_column(Integer)


class SlaBreachCause(Base):
    """The question a breach puts to its owner of that instant, and the answer.

    No foreign key to the conversation: a storm of breaches would lock each one against the intake.
    """

    __tablename__ = "sla_breach_cause"
    __table_args__ = (
        Index("ix_sla_breach_cause_unanswered", "asked_at", "clock_id", postgresql_where=text("cause_code is null")),
        Index("ix_sla_breach_cause_breached_at", "breached_at"),
        Index("ix_sla_breach_cause_conversation", "conversation_id"),
    )
    clock_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    metric: Mapped[str] = mapped_column(Text)
    breached_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    asked_of: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    asked_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    cause_code: Mapped[str | None] = mapped_column(ForeignKey("sla_cause_code.code"))
    note: Mapped[str] = mapped_column(Text)
    answered_by: Mapped[UUID | None]
    answered_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class SlaCauseCode(Base):
    """The installation's list of causes. `names` by language tag."""

    __tablename__ = "sla_cause_code"
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    names: Mapped[dict[str, Any]] = mapped_column(JSONB)
    retired: Mapped[bool]


class SlaRemedy(Base):
    """What the customer was given for a broken promise."""

    __tablename__ = "sla_remedy"
    __table_args__ = (
        CheckConstraint("kind in ('voucher', 'apology', 'refund', 'other')", name="kind"),
        Index("ix_sla_remedy_clock", "clock_id", "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    clock_id: Mapped[UUID]
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    amount: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    currency: Mapped[str | None] = mapped_column(Text)
    noted_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    noted_by: Mapped[str] = mapped_column(Text)
