"""Tables of conversations, their messages and what became of each message."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
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
UNRESOLVED = "status in ('open', 'pending', 'on_hold', 'snoozed')"


class Conversation(DueRow, Base):
    """One matter with one customer on one channel account. `run_at`: wake from snooze, or close after resolved."""

    __tablename__ = "conversation"
    __table_args__ = (
        CheckConstraint("status in ('open', 'pending', 'on_hold', 'snoozed', 'resolved', 'closed')", name="status"),
        CheckConstraint("priority between 0 and 9", name="priority"),
        Index("uq_conversation_number", "number", unique=True),
        # At most one that an incoming message may join.
        Index(
            "uq_conversation_unresolved",
            "channel_account_id",
            "contact_point_id",
            unique=True,
            postgresql_where=text(UNRESOLVED),
        ),
        Index("ix_conversation_contact", "contact_point_id", "channel_account_id", "resolved_at"),
        Index(
            "ix_conversation_owner_open",
            "owner_id",
            "last_message_at",
            "id",
            postgresql_where=text(UNRESOLVED),
        ),
        Index("ix_conversation_team_open", "team_id", "last_message_at", "id", postgresql_where=text(UNRESOLVED)),
        Index("ix_conversation_owner", "owner_id", "last_message_at", "id"),
        Index("ix_conversation_team", "team_id", "last_message_at", "id"),
        Index("ix_conversation_last_message_at", "last_message_at", "id"),
        Index("ix_conversation_merged_into", "merged_into_id", postgresql_where=text("merged_into_id is not null")),
        Index("ix_conversation_customer", "customer_id", "last_message_at", "id"),
        Index(
            "ix_conversation_run_at",
            "run_at",
            postgresql_where=text("run_at is not null and parked_at is null"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"))
    contact_point_id: Mapped[UUID] = mapped_column(ForeignKey("contact_point.id"))
    channel: Mapped[str] = mapped_column(Text)
    channel_account_id: Mapped[UUID] = mapped_column(ForeignKey("channel_account.id"))
    status: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("agent.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("team.id"))
    queue_id: Mapped[UUID | None] = mapped_column(ForeignKey("queue.id"))
    priority: Mapped[int] = mapped_column(SmallInteger)
    language: Mapped[str] = mapped_column(Text)
    last_sequence: Mapped[int] = mapped_column(Integer)
    last_public_sequence: Mapped[int] = mapped_column(Integer)
    preview: Mapped[str] = mapped_column(Text)
    preview_class: Mapped[str] = mapped_column(Text)
    last_message_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    unanswered_since: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """Arrival of the oldest customer message that no agent has answered."""
    customer_delivered_sequence: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    customer_read_sequence: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    opened_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    resolved_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    snoozed_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    disposition: Mapped[str | None] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text, server_default="", default="")
    """What it is about: a code of the installation's own; "" while nobody has said."""
    follows_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("conversation.id"))
    """The one that goes on instead, never one that was merged itself."""
    synthetic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    version: Mapped[int] = mapped_column(Integer, server_default="1", default=1)


class Message(Base):
    """One utterance. Partitioned by month of arrived_at; the sequence is the order inside the conversation."""

    __tablename__ = "message"
    __table_args__ = (
        Index("uq_message_sequence", "conversation_id", "sequence", "arrived_at", unique=True),
        {"postgresql_partition_by": "RANGE (arrived_at)"},
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    arrived_at: Mapped[datetime] = mapped_column(TIMESTAMP, primary_key=True)
    conversation_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(Integer)
    message_class: Mapped[str] = mapped_column(Text)
    direction: Mapped[str] = mapped_column(Text)
    """inbound | outbound | internal"""
    visibility: Mapped[str] = mapped_column(Text)
    """public | internal"""
    channel_account_id: Mapped[UUID | None]
    author_id: Mapped[UUID | None]
    """The agent who wrote it; null when the customer or the system did."""
    body: Mapped[str] = mapped_column(Text)
    attachments: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    provider_id: Mapped[str | None] = mapped_column(Text)
    provider_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    client_id: Mapped[str | None] = mapped_column(Text)
    automatic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    """Came in, and its channel knows that a machine wrote it."""


class InboundKey(Base):
    """What has come in, so that a redelivery is known. Unpartitioned, because uniqueness must hold over months."""

    __tablename__ = "inbound_key"
    channel_account_id: Mapped[UUID] = mapped_column(ForeignKey("channel_account.id"), primary_key=True)
    provider_id: Mapped[str] = mapped_column(Text, primary_key=True)
    conversation_id: Mapped[UUID]
    message_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(Integer)
    arrived_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Delivery(DueRow, Base):
    """The way of one outgoing message to the customer: queued < sent < delivered < read, failed aside."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state in ('queued', 'sent', 'delivered', 'read', 'failed')", name="state"),
        Index("ix_delivery_conversation", "conversation_id", "sequence"),
        Index("ix_delivery_run_at", "run_at", postgresql_where=text("run_at is not null and parked_at is null")),
    )
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_arrived_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    sequence: Mapped[int] = mapped_column(Integer)
    channel_account_id: Mapped[UUID] = mapped_column(ForeignKey("channel_account.id"))
    state: Mapped[str] = mapped_column(Text)
    provider_id: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class ReadMark(Base):
    """How far an agent has read a conversation."""

    __tablename__ = "read_mark"
    agent_id: Mapped[UUID] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)
