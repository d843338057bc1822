"""Tables of routing: queues, work items, offers, presence, the capacity ledger and the traces of decisions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.due_rows import DueRow

TIMESTAMP = DateTime(timezone=True)
LIVE_WORK = "state in ('queued', 'offered', 'assigned', 'parked', 'wrapping') and not handed_on"
IN_LINE = "state in ('queued', 'offered')"
DUE = "run_at is not null and parked_at is null"


class Queue(Base):
    __tablename__ = "queue"
    __table_args__ = (
        CheckConstraint("tier between 0 and 2", name="tier"),
        CheckConstraint("priority between 0 and 9", name="priority"),
        CheckConstraint("offer_timeout_seconds between 5 and 900", name="offer_timeout_seconds"),
        CheckConstraint("wrap_up in ('none', 'timed', 'required')", name="wrap_up"),
        CheckConstraint("wrap_up_seconds between 5 and 3600", name="wrap_up_seconds"),
        Index("uq_queue_name", text("lower(name)"), unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    names: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """By language tag, for pages; `name` is the fallback."""
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("team.id"))
    """Its conversations belong to this team until somebody of another team owns them."""
    tier: Mapped[int] = mapped_column(SmallInteger)
    priority: Mapped[int] = mapped_column(SmallInteger)
    target_seconds: Mapped[int] = mapped_column(Integer)
    offer_timeout_seconds: Mapped[int] = mapped_column(Integer)
    auto_accept: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    wrap_up: Mapped[str] = mapped_column(Text, server_default="none", default="none")
    wrap_up_seconds: Mapped[int] = mapped_column(Integer, server_default="600", default=600)
    """How long a wrap-up lasts at most."""
    requirements: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """Skill id to the least proficiency."""
    rings: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    preferred: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """Skill ids that only rank."""
    fading: Mapped[dict[str, dict[str, int]]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """Skill id to `step_seconds` and `floor`: by one each step, whether the queue or its work asks for the skill."""
    policy: Mapped[str] = mapped_column(Text, server_default="default", default="default")
    overflow: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """Ordered steps for work that waits too long (app/routing/overflow.py)."""
    calendar_id: Mapped[UUID | None]
    """The business calendar of its hours; null: round the clock. Calendars are never deleted."""
    last_agent_memory_seconds: Mapped[int | None] = mapped_column(Integer)
    """How long ago an agent may have served a customer for whom they are asked first; null: by channel, 0: never."""
    last_agent_hold_seconds: Mapped[int | None] = mapped_column(Integer)
    """The longest a customer waits for that agent alone; null: half the time to the deadline."""
    synthetic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    version: Mapped[int] = mapped_column(Integer, server_default="1", default=1)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class QueueMember(Base):
    __tablename__ = "queue_member"
    __table_args__ = (Index("ix_queue_member_agent_id", "agent_id"),)
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"), primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), primary_key=True)


class QueueVersion(Base):
    """The settings of a queue as one save left them, never changed; what decisions name as `policy_version`."""

    __tablename__ = "queue_version"
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    made_by: Mapped[str] = mapped_column(Text)


class QueueSkill(Base):
    """A skill that the queue or a ring of it asks for: while it does, nobody can retire the skill."""

    __tablename__ = "queue_skill"
    __table_args__ = (Index("ix_queue_skill_skill_id", "skill_id"),)
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"), primary_key=True)
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skill.id"), primary_key=True)


class WorkItem(DueRow, Base):
    """What must be done by one agent. `run_at` is its next persisted timer."""

    __tablename__ = "work_item"
    __table_args__ = (
        CheckConstraint(
            "state in ('queued', 'offered', 'consulted', 'assigned', 'parked', 'wrapping',"
            " 'done', 'abandoned', 'cancelled', 'moved')",
            name="state",
        ),
        Index("uq_work_item_current", "conversation_id", unique=True, postgresql_where=text(LIVE_WORK)),
        Index("ix_work_item_idle", "conversation_id", postgresql_where=text("idle_sequence is not null")),
        Index(
            "ix_work_item_queue",
            "queue_id",
            "ready_at",
            "id",
            postgresql_where=text(IN_LINE),
        ),
        Index("ix_work_item_line", "queue_id", "tier", "due_at", postgresql_where=text(IN_LINE)),
        Index("ix_work_item_answered", "queue_id", "answered_at", postgresql_where=text("answered_at is not null")),
        Index("ix_work_item_freed", "queue_id", "freed_at", postgresql_where=text("freed_at is not null")),
        Index("ix_work_item_abandoned", "queue_id", "ended_at", postgresql_where=text("state = 'abandoned'")),
        Index(
            "ix_work_item_holder",
            "agent_id",
            postgresql_where=text("state in ('offered', 'consulted', 'assigned', 'parked', 'wrapping')"),
        ),
        Index("uq_work_item_consulted", "conversation_id", unique=True, postgresql_where=text("state = 'consulted'")),
        Index("ix_work_item_run_at", "run_at", postgresql_where=text(DUE)),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"))
    channel: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    """`consulted` is not the conversation's own: it stands for a colleague asked in beside the owner."""
    agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    """Who holds its units: the one it is offered to, or who owns it."""
    units: Mapped[int] = mapped_column(Integer)
    units_held: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    """False while pending, on_hold, snoozed or idle: the owner stays, the units are free."""
    idle_sequence: Mapped[int | None] = mapped_column(Integer)
    """Set while an open chat holds no units because nobody wrote: its last public message then."""
    handed_on: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    """The wrap-up of a former owner, whose conversation goes on in other work."""
    tier: Mapped[int] = mapped_column(SmallInteger)
    priority: Mapped[int] = mapped_column(SmallInteger)
    requirements: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """Added to the queue's: the language, what a rule or a transfer asked for."""
    preferred: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """Skill ids that a rule wants ranked, beside the queue's."""
    ready_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    due_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    """The virtual deadline: ready_at plus the queue's target, or an SLA's due time if sooner."""
    sticky_agent_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    sticky_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    cool_downs: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """Agent id to the instant before which this work is not offered to them again."""
    tries: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    unroutable_reason: Mapped[str | None] = mapped_column(Text)
    least_ring: Mapped[int] = mapped_column(SmallInteger, server_default="0", default=0)
    """A ring that was opened before its time; those before it are open too."""
    rules: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """What the routing rules made of it (app/routing/rule_evidence.py); null: none fired."""
    overflow_done: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """Keys of its queue's overflow steps that were done with it."""
    overflow_path: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """Ids of the queues it overflowed out of, in order: as many as its hops."""
    synthetic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    version: Mapped[int] = mapped_column(Integer, server_default="1", default=1)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    answered_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """When an agent first took it out of the line, by offer or by hand; the wait is told from `ready_at` to here."""
    freed_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """When its units first came free after that; what it took until then tells how fast the line moves."""
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class WaitEstimate(Base):
    """The first estimate that could be given of a work's wait, kept to be compared with what came of it."""

    __tablename__ = "wait_estimate"
    __table_args__ = (
        CheckConstraint("p50_seconds <= p90_seconds", name="range"),
        Index("ix_wait_estimate_queue", "queue_id", "made_at"),
        Index("ix_wait_estimate_made_at", "made_at"),
    )
    work_id: Mapped[UUID] = mapped_column(primary_key=True)
    queue_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    p50_seconds: Mapped[float] = mapped_column(Float)
    p90_seconds: Mapped[float] = mapped_column(Float)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Offer(DueRow, Base):
    """Work proposed to one agent until `deadline_at` (also `run_at` while pending)."""

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'accepted', 'declined', 'expired', 'withdrawn')", name="state"),
        Index(
            "uq_offer_accepted",
            "work_id",
            "work_version",
            unique=True,
            postgresql_where=text("state = 'accepted'"),
        ),
        Index("uq_offer_pending", "work_id", unique=True, postgresql_where=text("state = 'pending'")),
        Index("ix_offer_agent_pending", "agent_id", postgresql_where=text("state = 'pending'")),
        Index("ix_offer_agent_ended", "agent_id", "ended_at"),
        Index("ix_offer_run_at", "run_at", postgresql_where=text(DUE)),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_id: Mapped[UUID] = mapped_column(ForeignKey("work_item.id"))
    work_version: Mapped[int] = mapped_column(Integer)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"))
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"))
    state: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(Text)
    """Fence: an answer must quote it."""
    ring: Mapped[int] = mapped_column(SmallInteger, server_default="0", default=0)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    deadline_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    ended_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    end_reason: Mapped[str] = mapped_column(Text, server_default="", default="")
    from_agent_id: Mapped[UUID | None]
    """The owner who asks, in a warm transfer."""
    handover_reason: Mapped[str | None] = mapped_column(Text)
    handover_note_id: Mapped[UUID | None]
    """The internal note that was written for the colleague."""


class AgentPresence(DueRow, Base):
    """May work be offered to the agent now. `run_at`: the next check of the heartbeat while connected or suspect."""

    __tablename__ = "agent_presence"
    __table_args__ = (
        CheckConstraint("session in ('connected', 'suspect', 'gone')", name="session"),
        CheckConstraint("readiness in ('ready', 'not_ready')", name="readiness"),
        CheckConstraint("penalty in ('none', 'not_responding')", name="penalty"),
        Index("ix_agent_presence_run_at", "run_at", postgresql_where=text(DUE)),
    )
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    session: Mapped[str] = mapped_column(Text)
    readiness: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, server_default="", default="")
    pending_reason: Mapped[str | None] = mapped_column(Text)
    """Set: "not ready" was asked for during work and applies after it, with this reason."""
    penalty: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(TIMESTAMP)
    last_beat_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    connected_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class AgentLedger(Base):
    """Units in use per agent: an offer debits when made, every end credits exactly once, under this row's lock."""

    __tablename__ = "agent_ledger"
    __table_args__ = (CheckConstraint("used_units >= 0", name="used_units"),)
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    capacity_units: Mapped[int] = mapped_column(Integer)
    used_units: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    channel_limits: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """Channel to the most conversations at once; absent: only the units limit it."""
    used_by_channel: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    last_accepted_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class RoutingDecision(Base):
    """The stored trace of one decision: who won and why, who was removed by which rule."""

    __tablename__ = "routing_decision"
    __table_args__ = (
        Index("ix_routing_decision_conversation", "conversation_id", "decided_at"),
        Index("ix_routing_decision_decided_at", "decided_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_id: Mapped[UUID]
    conversation_id: Mapped[UUID]
    agent_id: Mapped[UUID | None]
    outcome: Mapped[str] = mapped_column(Text)
    trace: Mapped[dict[str, Any]] = mapped_column(JSONB)
    decided_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class RoutingRulesVersion(Base):
    """One version of the whole ordered list, never changed; the highest is in force."""

    __tablename__ = "routing_rules_version"
    __table_args__ = (Index("uq_routing_rules_version_version", "version", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    made_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    made_by: Mapped[str] = mapped_column(Text)


class RoutingRulesSkill(Base):
    """A skill that the rules in force ask for: while they do, nobody can retire it."""

    __tablename__ = "routing_rules_skill"
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skill.id"), primary_key=True)
