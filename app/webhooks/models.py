"""Tables of the webhooks: who is told, and what was and is to be sent to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base
from app.core.due_rows import DueRow

TIMESTAMP = DateTime(timezone=True)
PENDING = text("state = 'pending'")
DUE = "run_at is not null and parked_at is null"


class WebhookEndpoint(DueRow, Base):
    """A receiver. `run_at`: when the next of its deliveries may be tried; null while there is none, or it is disabled.

    The endpoint is the due row, not the delivery: so each has one place of its own among those worked on, and ten
    thousand deliveries to a dead one stand behind nobody else's.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        Index("uq_webhook_endpoint_name", "name", unique=True, postgresql_where=text("deleted_at is null")),
        Index(
            "ix_webhook_endpoint_run_at", "run_at", postgresql_where=text("run_at is not null and parked_at is null")
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    ordered: Mapped[bool]
    """Events of one conversation (else of one customer, agent, ...) are sent one after the other."""
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the secret in use; signing.py makes the secret from it."""
    old_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """So long the secret before signs, too."""
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    failures: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    """In a row."""
    failing_since: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    wait_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    """Nothing is sent before."""
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    deleted_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class WebhookDelivery(Base):
    """One event on its way to one endpoint. Kept for 30 days: the delivery log."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'delivered', 'dead')", name="state"),
        Index("uq_webhook_delivery_event", "endpoint_id", "event_uuid", unique=True),
        Index("ix_webhook_delivery_due", "endpoint_id", "next_try_at", "id", postgresql_where=PENDING),
        Index("ix_webhook_delivery_line", "endpoint_id", "key", "position", "id", postgresql_where=PENDING),
        Index("ix_webhook_delivery_log", "endpoint_id", "id"),
        Index("ix_webhook_delivery_dead", "id", postgresql_where=text("state = 'dead'")),
        Index("ix_webhook_delivery_created_at", "created_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    event_uuid: Mapped[UUID]
    """Also the `webhook-id`, by which receivers know what they have had already."""
    event_type: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)
    """Of the event in the log; 0 for a test."""
    key: Mapped[UUID]
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(Integer)
    """Since it was made, or replayed."""
    next_try_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    last_tried_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    last_status: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str] = mapped_column(Text)
    """A code; "" when there was none."""
    replayed: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
