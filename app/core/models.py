"""Tables of the mechanisms that know no domain word: the event log, cursors, owners, idempotency keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class Xid8(UserDefinedType[int]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "XID8"


class PgSnapshot(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "PG_SNAPSHOT"


class Installation(Base):
    """One row. `incarnation` rises with each restore, so that outside cursors know that positions were given again."""

    __tablename__ = "installation"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class EventRow(Base):
    """What happened, once, never updated. Partitioned by month of created_at."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_xid", "xid"),
        Index("ix_event_key_id", "key", "id"),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True, cache=1), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, primary_key=True, server_default=text("now()"))
    event_uuid: Mapped[UUID]
    xid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    key: Mapped[UUID]
    """The subject whose events keep their order: the conversation, else the agent, customer, ..."""
    type: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(SmallInteger)
    occurred_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    actor: Mapped[str] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)


class EventPosition(Base):
    """The order in which events became visible: dense, from 1. Partitioned by month of positioned_at."""

    __tablename__ = "event_position"
    __table_args__ = ({"postgresql_partition_by": "RANGE (positioned_at)"},)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    positioned_at: Mapped[datetime] = mapped_column(TIMESTAMP, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)
    event_created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class EventDispatch(Base):
    """One row a batch of the dispatcher. The primary key on batch is the fence between two dispatchers."""

    __tablename__ = "event_dispatch"
    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)
    positioned_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    snapshot: Mapped[str] = mapped_column(PgSnapshot)
    system_identifier: Mapped[int] = mapped_column(BigInteger)


class ConsumerCursor(Base):
    __tablename__ = "consumer_cursor"
    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    positioned_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    stopped_reason: Mapped[str | None] = mapped_column(Text)


class ParkedEvent(Base):
    """An event its consumer could not apply, or one of the same key that queues behind it."""

    __tablename__ = "parked_event"
    __table_args__ = (Index("ix_parked_event_consumer_key", "consumer", "key", "position"),)
    consumer: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[UUID]
    event_id: Mapped[int] = mapped_column(BigInteger)
    event_created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    type: Mapped[str] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    """Null: parked only because an earlier event of its key is."""
    parked_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Owner(Base):
    """Who holds a role that only one process may hold. `epoch` rises with each take-over."""

    __tablename__ = "owner"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class IdempotencyKey(Base):
    __tablename__ = "idempotency_key"
    __table_args__ = (Index("ix_idempotency_key_created_at", "created_at"),)
    principal: Mapped[str] = mapped_column(Text, primary_key=True)
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[Any] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
