"""Tables of customers and the addresses they write from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class Customer(Base):
    __tablename__ = "customer"
    __table_args__ = (Index("ix_customer_created_at", "created_at", "id"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="", default="")
    language: Mapped[str] = mapped_column(Text, server_default="", default="")
    timezone: Mapped[str] = mapped_column(Text, server_default="", default="")
    """An IANA name; empty when nobody has told it."""
    segments: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), default=list)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"))
    """Merge and undo set this pointer; rows never move."""
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class ContactPoint(Base):
    """An address on a channel. Verified: proven by the channel (or a token of ours). Claimed: only said."""

    __tablename__ = "contact_point"
    __table_args__ = (
        Index(
            "uq_contact_point_verified",
            "kind",
            "value_normalised",
            unique=True,
            postgresql_where=text("verified_at is not null"),
        ),
        Index("ix_contact_point_claimed", "kind", "value_normalised", postgresql_where=text("verified_at is null")),
        Index("uq_contact_point_customer", "customer_id", "kind", "value_normalised", unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str] = mapped_column(Text)
    value_normalised: Mapped[str] = mapped_column(Text)
    verified_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
