"""Tables of access: accounts and what proves who one is."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.database import Base

TIMESTAMP = DateTime(timezone=True)


class Account(Base):
    """Somebody who may log in. `team_id` and `visibility` decide which rows they see."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role in ('agent', 'supervisor', 'admin')", name="role"),
        CheckConstraint("visibility in ('own', 'team', 'all')", name="visibility"),
        Index("uq_account_login", text("lower(login)"), unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    visibility: Mapped[str] = mapped_column(Text)
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("team.id"))
    synthetic: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    """Made by a probe: left out of reports, SLA and webhooks."""
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    disabled_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class LoginSession(Base):
    __tablename__ = "login_session"
    __table_args__ = (
        Index("uq_login_session_token_hash", "token_hash", unique=True),
        Index("ix_login_session_account_id", "account_id", "created_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    expires_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    revoked_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)
    user_agent: Mapped[str] = mapped_column(Text, server_default="", default="")


class ApiKey(Base):
    __tablename__ = "api_key"
    __table_args__ = (Index("uq_api_key_token_hash", "token_hash", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    prefix: Mapped[str] = mapped_column(Text)
    """The first characters, so that a person can tell keys apart."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    revoked_at: Mapped[datetime | None] = mapped_column(TIMESTAMP)


class LoginThrottle(Base):
    """Failed log-ins by login name and by address: a window that blocks further tries."""

    __tablename__ = "login_throttle"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    window_started_at: Mapped[datetime] = mapped_column(TIMESTAMP)
    blocked_until: Mapped[datetime | None] = mapped_column(TIMESTAMP)
