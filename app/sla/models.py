"""Tables of SLA: calendars and policies as versions, and what the clocks of each conversation have counted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.due_rows import DueRow

TIMESTAMP = DateTime(timezone=True)
PROMISE_STATES = "state in ('open', 'kept', 'cancelled')"
STATES = "state in ('running', 'paused', 'met', 'breached', 'met_late', 'cancelled')"


class BusinessCalendar(Base):
    __tablename__ = "business_calendar"
    __table_args__ = (Index("uq_business_calendar_name", text("lower(name)"), unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class BusinessCalendarVersion(Base):
    """Never updated. It counts from `effective_at` on, and time before that keeps the version it had."""

    __tablename__ = "business_calendar_version"
    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("business_calendar.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    effective_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str] = mapped_column(Text)


class SlaPolicy(Base):
    __tablename__ = "sla_policy"
    __table_args__ = (Index("uq_sla_policy_name", text("lower(name)"), unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    retired_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class SlaPolicyVersion(Base):
    """Never updated: a conversation keeps the version it was given until it is asked to adopt a later one."""

    __tablename__ = "sla_policy_version"
    __table_args__ = (Index("uq_sla_policy_version_number", "policy_id", "version", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    policy_id: Mapped[UUID] = mapped_column(ForeignKey("sla_policy.id"))
    version: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    made_by: Mapped[str] = mapped_column(Text)


class SlaState(Base):
    """One conversation: what policies are chosen by, which were chosen, and the checkpoint its clocks go on from."""

    __tablename__ = "sla_state"
    __table_args__ = (
        Index("ix_sla_state_customer", "customer_id", "conversation_id", postgresql_where=text("not is_over")),
        Index("ix_sla_state_open", "conversation_id", postgresql_where=text("not is_over")),
    )
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    customer_id: Mapped[UUID]
    channel: Mapped[str] = mapped_column(Text)
    channel_account_id: Mapped[UUID]
    brand: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    queue_id: Mapped[UUID | None]
    priority: Mapped[int] = mapped_column(SmallInteger)
    category: Mapped[str] = mapped_column(Text)
    segments: Mapped[list[str]] = mapped_column(ARRAY(Text))
    language: Mapped[str] = mapped_column(Text)
    selection: Mapped[dict[str, str]] = mapped_column(JSONB)
    """Family of metrics to policy version id."""
    checkpoint: Mapped[dict[str, Any]] = mapped_column(JSONB)
    generation: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[int] = mapped_column(Integer)
    """How many facts of it are stored."""
    last_fact_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """When the last of them counts, which most often is all that a message changes."""
    is_over: Mapped[bool]
    """It has ended, and nothing that is edited can move its clocks any more."""


class SlaFact(Base):
    """What the clocks were told, in the order of the log: the history that a late fact or another policy is folded
    over. Kept here, because the log tells in which order all events came, not cheaply in which order those of one
    conversation did. No foreign key: each row would lock its conversation against the intake."""

    __tablename__ = "sla_fact"
    __table_args__ = (
        Index("ix_sla_fact_first_at", "at", postgresql_where=text("number = 1")),
        Index(
            "ix_sla_fact_paused_at",
            "at",
            "conversation_id",
            postgresql_where=text("kind = 'status' and value in ('pending', 'on_hold', 'snoozed')"),
        ),
    )
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(TIMESTAMP)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    metric: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """The whole fact, where the columns before do not tell all of it."""


class SlaPromise(Base):
    """A promise that was given with its own date. Its clock has its id, and follows from the events about it."""

    __tablename__ = "sla_promise"
    __table_args__ = (
        CheckConstraint(PROMISE_STATES, name="state"),
        Index("uq_sla_promise_number", "conversation_id", "metric", "seq", unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    metric: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    made_by: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    """Why it was cancelled: a code, "" while it was not."""
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    ended_by: Mapped[str | None] = mapped_column(Text)


class SlaClock(DueRow, Base):
    """One clock as of its last change. `run_at`: the next of its timers (a warning, the breach, a step of a ladder)."""

    __tablename__ = "sla_clock"
    __table_args__ = (
        CheckConstraint(STATES, name="state"),
        Index("uq_sla_clock_metric", "conversation_id", "metric", "seq", unique=True),
        Index("ix_sla_clock_run_at", "run_at", postgresql_where=text("run_at is not null and parked_at is null")),
        Index(
            "ix_sla_clock_due_soon",
            "due_at",
            "id",
            postgresql_where=text("stopped_at is null and due_at is not null"),
        ),
        Index("ix_sla_clock_due_at", "due_at"),
        Index("ix_sla_clock_open", "conversation_id", "due_at", postgresql_where=text("stopped_at is null")),
        Index(
            "ix_sla_clock_soon",
            "soon_at",
            postgresql_include=["due_at", "conversation_id"],
            postgresql_where=text("stopped_at is null and soon_at is not null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID]
    metric: Mapped[str] = mapped_column(Text)
    seq: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text)
    policy_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("sla_policy_version.id"))
    """Null: a promise with its own date that no policy speaks of."""
    channel: Mapped[str] = mapped_column(Text)
    queue_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    target_seconds: Mapped[float] = mapped_column(Double)
    elapsed_seconds: Mapped[float] = mapped_column(Double)
    """Working time as of `counted_at`."""
    counted_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    started_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    due_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    paused_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    stopped_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    breached_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    detected_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """When the breach was noticed and told; null while it is not."""
    generation: Mapped[int] = mapped_column(BigInteger)
    timers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """Those still to come, by time."""
    fired: Mapped[dict[str, str]] = mapped_column(JSONB)
    """Name of a timer to the instant it was for, of those that were told."""
    soon_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """From when on it is due soon: three quarters of the target are used. Null in a pause without end and once
    stopped; of a breached clock some instant before now."""
    face: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """What a screen shows it by; null until the first change after the column came."""
