"""Tables of the channels: the accounts messages come in through, and files sent with them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class ChannelAccount(Base):
    """One way in: a widget on a shop's page, a mailbox, a number. Its queue takes what nobody owns."""

    __tablename__ = "channel_account"
    __table_args__ = (Index("uq_channel_account_public_key", "public_key", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    brand: Mapped[str] = mapped_column(Text, server_default="", default="")
    public_key: Mapped[str] = mapped_column(Text)
    """Names the account in public places (the widget's script tag). Not a secret."""
    queue_id: Mapped[UUID] = mapped_column(ForeignKey("queue.id"))
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"), default=list)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"), default=dict)
    """What is written in JSON: `acknowledgement`."""
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"), default=True)
    synthetic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)


class Attachment(Base):
    """A stored file. The bytes stand in the object store under their SHA-256; this row is one reference to them."""

    __tablename__ = "attachment"
    __table_args__ = (
        Index("ix_attachment_sha256", "sha256"),
        Index("ix_attachment_message_id", "message_id"),
        Index("ix_attachment_unattached", "created_at", postgresql_where=text("message_id is null")),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    uploaded_by: Mapped[str] = mapped_column(Text)
    """The actor; only the same one may attach it to a message."""
    message_id: Mapped[UUID | None]
    conversation_id: Mapped[UUID | None]
    visibility: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
