"""First light: the event log, people, customers, conversations, channels and routing.

Revision ID: 20261122_0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_0001"
down_revision = None
branch_labels = None
depends_on = None


class Xid8(sa.types.UserDefinedType):
    def get_col_spec(self, **_):
        return "XID8"


class PgSnapshot(sa.types.UserDefinedType):
    def get_col_spec(self, **_):
        return "PG_SNAPSHOT"


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_message_id", "attachment", ["message_id"], unique=False)
    op.create_index("ix_attachment_sha256", "attachment", ["sha256"], unique=False)
    op.create_table(
        "consumer_cursor",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("positioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_consumer_cursor")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), server_default="", nullable=False),
        sa.Column("segments", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["merged_into_id"], ["customer.id"], name=op.f("fk_customer_merged_into_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_index("ix_customer_created_at", "customer", ["created_at", "id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True, cache=1), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event_uuid", sa.Uuid(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", "created_at", name=op.f("pk_event")),
        postgresql_partition_by="RANGE (created_at)",
    )
    op.create_index("ix_event_key_id", "event", ["key", "id"], unique=False)
    op.create_index("ix_event_xid", "event", ["xid"], unique=False)
    op.create_table(
        "event_dispatch",
        sa.Column("batch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.Column("positioned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("snapshot", PgSnapshot(), nullable=False),
        sa.Column("system_identifier", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("batch", name=op.f("pk_event_dispatch")),
    )
    op.create_table(
        "event_position",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("positioned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("event_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", "positioned_at", name=op.f("pk_event_position")),
        postgresql_partition_by="RANGE (positioned_at)",
    )
    op.create_table(
        "idempotency_key",
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("principal", "route", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)
    op.create_table(
        "installation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("incarnation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "login_throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_throttle")),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("message_class", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("channel_account_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "attachments", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("provider_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "arrived_at", name=op.f("pk_message")),
        postgresql_partition_by="RANGE (arrived_at)",
    )
    op.create_index("uq_message_sequence", "message", ["conversation_id", "sequence", "arrived_at"], unique=True)
    op.create_table(
        "owner",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_owner")),
    )
    op.create_table(
        "parked_event",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("event_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "position", name=op.f("pk_parked_event")),
    )
    op.create_index("ix_parked_event_consumer_key", "parked_event", ["consumer", "key", "position"], unique=False)
    op.create_table(
        "routing_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("trace", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_decision")),
    )
    op.create_index(
        "ix_routing_decision_conversation", "routing_decision", ["conversation_id", "decided_at"], unique=False
    )
    op.create_index("ix_routing_decision_decided_at", "routing_decision", ["decided_at"], unique=False)
    op.create_table(
        "skill",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skill")),
    )
    op.create_index("uq_skill_name", "skill", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "team",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
    )
    op.create_index("uq_team_name", "team", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role in ('agent', 'supervisor', 'admin')", name=op.f("ck_account_role")),
        sa.CheckConstraint("visibility in ('own', 'team', 'all')", name=op.f("ck_account_visibility")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_account_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_index("uq_account_login", "account", [sa.literal_column("lower(login)")], unique=True)
    op.create_table(
        "contact_point",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value_normalised", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contact_point_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_point")),
    )
    op.create_index(
        "uq_contact_point_customer", "contact_point", ["customer_id", "kind", "value_normalised"], unique=True
    )
    op.create_index(
        "uq_contact_point_verified",
        "contact_point",
        ["kind", "value_normalised"],
        unique=True,
        postgresql_where=sa.text("verified_at is not null"),
    )
    op.create_table(
        "queue",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("names", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("target_seconds", sa.Integer(), nullable=False),
        sa.Column("offer_timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("auto_accept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "requirements", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("rings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("policy", sa.Text(), server_default="default", nullable=False),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("offer_timeout_seconds between 5 and 900", name=op.f("ck_queue_offer_timeout_seconds")),
        sa.CheckConstraint("priority between 0 and 9", name=op.f("ck_queue_priority")),
        sa.CheckConstraint("tier between 0 and 2", name=op.f("ck_queue_tier")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_queue_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
    )
    op.create_index("uq_queue_name", "queue", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "agent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("languages", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["account.id"], name=op.f("fk_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_api_key_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    op.create_index("uq_api_key_token_hash", "api_key", ["token_hash"], unique=True)
    op.create_table(
        "channel_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), server_default="", nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("allowed_origins", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_channel_account_queue_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_account")),
    )
    op.create_index("uq_channel_account_public_key", "channel_account", ["public_key"], unique=True)
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_session_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
    )
    op.create_index("ix_login_session_account_id", "login_session", ["account_id", "created_at"], unique=False)
    op.create_index("uq_login_session_token_hash", "login_session", ["token_hash"], unique=True)
    op.create_table(
        "agent_ledger",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("capacity_units", sa.Integer(), nullable=False),
        sa.Column("used_units", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "channel_limits", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "used_by_channel", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("last_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("used_units >= 0", name=op.f("ck_agent_ledger_used_units")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_ledger_agent_id")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent_ledger")),
    )
    op.create_table(
        "agent_presence",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("readiness", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("pending_reason", sa.Text(), nullable=True),
        sa.Column("penalty", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("penalty in ('none', 'not_responding')", name=op.f("ck_agent_presence_penalty")),
        sa.CheckConstraint("readiness in ('ready', 'not_ready')", name=op.f("ck_agent_presence_readiness")),
        sa.CheckConstraint("session in ('connected', 'suspect', 'gone')", name=op.f("ck_agent_presence_session")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_presence_agent_id")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent_presence")),
    )
    op.create_index(
        "ix_agent_presence_run_at",
        "agent_presence",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_table(
        "agent_skill",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("proficiency", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("proficiency between 1 and 10", name=op.f("ck_agent_skill_proficiency")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_skill_agent_id")),
        sa.ForeignKeyConstraint(["skill_id"], ["skill.id"], name=op.f("fk_agent_skill_skill_id")),
        sa.PrimaryKeyConstraint("agent_id", "skill_id", name=op.f("pk_agent_skill")),
    )
    op.create_index("ix_agent_skill_skill_id", "agent_skill", ["skill_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("contact_point_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("channel_account_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("queue_id", sa.Uuid(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("last_public_sequence", sa.Integer(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("preview_class", sa.Text(), nullable=False),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unanswered_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customer_delivered_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("customer_read_sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("follows_id", sa.Uuid(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('open', 'pending', 'on_hold', 'snoozed', 'resolved', 'closed')",
            name=op.f("ck_conversation_status"),
        ),
        sa.CheckConstraint("priority between 0 and 9", name=op.f("ck_conversation_priority")),
        sa.ForeignKeyConstraint(
            ["channel_account_id"], ["channel_account.id"], name=op.f("fk_conversation_channel_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["contact_point_id"], ["contact_point.id"], name=op.f("fk_conversation_contact_point_id")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_conversation_customer_id")),
        sa.ForeignKeyConstraint(["follows_id"], ["conversation.id"], name=op.f("fk_conversation_follows_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_conversation_owner_id")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_conversation_queue_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_conversation_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
    )
    op.create_index(
        "ix_conversation_contact",
        "conversation",
        ["contact_point_id", "channel_account_id", "resolved_at"],
        unique=False,
    )
    op.create_index("ix_conversation_customer", "conversation", ["customer_id", "last_message_at", "id"], unique=False)
    op.create_index("ix_conversation_last_message_at", "conversation", ["last_message_at", "id"], unique=False)
    op.create_index("ix_conversation_owner", "conversation", ["owner_id", "last_message_at", "id"], unique=False)
    op.create_index(
        "ix_conversation_owner_open",
        "conversation",
        ["owner_id", "last_message_at", "id"],
        unique=False,
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.create_index(
        "ix_conversation_run_at",
        "conversation",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_index("ix_conversation_team", "conversation", ["team_id", "last_message_at", "id"], unique=False)
    op.create_index(
        "ix_conversation_team_open",
        "conversation",
        ["team_id", "last_message_at", "id"],
        unique=False,
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.create_index("uq_conversation_number", "conversation", ["number"], unique=True)
    op.create_index(
        "uq_conversation_unresolved",
        "conversation",
        ["channel_account_id", "contact_point_id"],
        unique=True,
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.create_table(
        "inbound_key",
        sa.Column("channel_account_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_account_id"], ["channel_account.id"], name=op.f("fk_inbound_key_channel_account_id")
        ),
        sa.PrimaryKeyConstraint("channel_account_id", "provider_id", name=op.f("pk_inbound_key")),
    )
    op.create_table(
        "queue_member",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_queue_member_agent_id")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_queue_member_queue_id")),
        sa.PrimaryKeyConstraint("queue_id", "agent_id", name=op.f("pk_queue_member")),
    )
    op.create_index("ix_queue_member_agent_id", "queue_member", ["agent_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("message_arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("channel_account_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'sent', 'delivered', 'read', 'failed')", name=op.f("ck_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["channel_account_id"], ["channel_account.id"], name=op.f("fk_delivery_channel_account_id")
        ),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_delivery_conversation_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_conversation", "delivery", ["conversation_id", "sequence"], unique=False)
    op.create_index(
        "ix_delivery_run_at",
        "delivery",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_table(
        "read_mark",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_read_mark_agent_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_read_mark_conversation_id")),
        sa.PrimaryKeyConstraint("agent_id", "conversation_id", name=op.f("pk_read_mark")),
    )
    op.create_table(
        "work_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("units_held", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column(
            "requirements", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sticky_agent_id", sa.Uuid(), nullable=True),
        sa.Column("sticky_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "cool_downs", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("tries", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("unroutable_reason", sa.Text(), nullable=True),
        sa.Column("synthetic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('queued', 'offered', 'assigned', 'parked', 'wrapping',"
            " 'done', 'abandoned', 'cancelled', 'moved')",
            name=op.f("ck_work_item_state"),
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_work_item_agent_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_work_item_conversation_id")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_work_item_queue_id")),
        sa.ForeignKeyConstraint(["sticky_agent_id"], ["agent.id"], name=op.f("fk_work_item_sticky_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_item")),
    )
    op.create_index(
        "ix_work_item_agent",
        "work_item",
        ["agent_id"],
        unique=False,
        postgresql_where=sa.text("state in ('offered', 'assigned', 'parked', 'wrapping')"),
    )
    op.create_index(
        "ix_work_item_queue",
        "work_item",
        ["queue_id", "ready_at", "id"],
        unique=False,
        postgresql_where=sa.text("state in ('queued', 'offered')"),
    )
    op.create_index(
        "ix_work_item_run_at",
        "work_item",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_index(
        "uq_work_item_live",
        "work_item",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text("state in ('queued', 'offered', 'assigned', 'parked', 'wrapping')"),
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("work_version", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("ring", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'accepted', 'declined', 'expired', 'withdrawn')", name=op.f("ck_offer_state")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_offer_agent_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_offer_conversation_id")),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_offer_queue_id")),
        sa.ForeignKeyConstraint(["work_id"], ["work_item.id"], name=op.f("fk_offer_work_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index("ix_offer_agent_ended", "offer", ["agent_id", "ended_at"], unique=False)
    op.create_index(
        "ix_offer_agent_pending", "offer", ["agent_id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_offer_run_at",
        "offer",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_index(
        "uq_offer_accepted",
        "offer",
        ["work_id", "work_version"],
        unique=True,
        postgresql_where=sa.text("state = 'accepted'"),
    )
    op.create_index(
        "uq_offer_pending", "offer", ["work_id"], unique=True, postgresql_where=sa.text("state = 'pending'")
    )


def downgrade() -> None:

    op.drop_index("uq_offer_pending", table_name="offer", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("uq_offer_accepted", table_name="offer", postgresql_where=sa.text("state = 'accepted'"))
    op.drop_index(
        "ix_offer_run_at", table_name="offer", postgresql_where=sa.text("run_at is not null and parked_at is null")
    )
    op.drop_index("ix_offer_agent_pending", table_name="offer", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("ix_offer_agent_ended", table_name="offer")
    op.drop_table("offer")
    op.drop_index(
        "uq_work_item_live",
        table_name="work_item",
        postgresql_where=sa.text("state in ('queued', 'offered', 'assigned', 'parked', 'wrapping')"),
    )
    op.drop_index(
        "ix_work_item_run_at",
        table_name="work_item",
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.drop_index(
        "ix_work_item_queue", table_name="work_item", postgresql_where=sa.text("state in ('queued', 'offered')")
    )
    op.drop_index(
        "ix_work_item_agent",
        table_name="work_item",
        postgresql_where=sa.text("state in ('offered', 'assigned', 'parked', 'wrapping')"),
    )
    op.drop_table("work_item")
    op.drop_table("read_mark")
    op.drop_index(
        "ix_delivery_run_at",
        table_name="delivery",
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.drop_index("ix_delivery_conversation", table_name="delivery")
    op.drop_table("delivery")
    op.drop_index("ix_queue_member_agent_id", table_name="queue_member")
    op.drop_table("queue_member")
    op.drop_table("inbound_key")
    op.drop_index(
        "uq_conversation_unresolved",
        table_name="conversation",
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.drop_index("uq_conversation_number", table_name="conversation")
    op.drop_index(
        "ix_conversation_team_open",
        table_name="conversation",
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.drop_index("ix_conversation_team", table_name="conversation")
    op.drop_index(
        "ix_conversation_run_at",
        table_name="conversation",
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.drop_index(
        "ix_conversation_owner_open",
        table_name="conversation",
        postgresql_where=sa.text("status in ('open', 'pending', 'on_hold', 'snoozed')"),
    )
    op.drop_index("ix_conversation_owner", table_name="conversation")
    op.drop_index("ix_conversation_last_message_at", table_name="conversation")
    op.drop_index("ix_conversation_customer", table_name="conversation")
    op.drop_index("ix_conversation_contact", table_name="conversation")
    op.drop_table("conversation")
    op.drop_index("ix_agent_skill_skill_id", table_name="agent_skill")
    op.drop_table("agent_skill")
    op.drop_index(
        "ix_agent_presence_run_at",
        table_name="agent_presence",
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.drop_table("agent_presence")
    op.drop_table("agent_ledger")
    op.drop_index("uq_login_session_token_hash", table_name="login_session")
    op.drop_index("ix_login_session_account_id", table_name="login_session")
    op.drop_table("login_session")
    op.drop_index("uq_channel_account_public_key", table_name="channel_account")
    op.drop_table("channel_account")
    op.drop_index("uq_api_key_token_hash", table_name="api_key")
    op.drop_table("api_key")
    op.drop_table("agent")
    op.drop_index("uq_queue_name", table_name="queue")
    op.drop_table("queue")
    op.drop_index(
        "uq_contact_point_verified", table_name="contact_point", postgresql_where=sa.text("verified_at is not null")
    )
    op.drop_index("uq_contact_point_customer", table_name="contact_point")
    op.drop_table("contact_point")
    op.drop_index("uq_account_login", table_name="account")
    op.drop_table("account")
    op.drop_index("uq_team_name", table_name="team")
    op.drop_table("team")
    op.drop_index("uq_skill_name", table_name="skill")
    op.drop_table("skill")
    op.drop_index("ix_routing_decision_decided_at", table_name="routing_decision")
    op.drop_index("ix_routing_decision_conversation", table_name="routing_decision")
    op.drop_table("routing_decision")
    op.drop_index("ix_parked_event_consumer_key", table_name="parked_event")
    op.drop_table("parked_event")
    op.drop_table("owner")
    op.drop_index("uq_message_sequence", table_name="message")
    op.drop_table("message")
    op.drop_table("login_throttle")
    op.drop_table("installation")
    op.drop_index("ix_idempotency_key_created_at", table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_table("event_position")
    op.drop_table("event_dispatch")
    op.drop_index("ix_event_xid", table_name="event")
    op.drop_index("ix_event_key_id", table_name="event")
    op.drop_table("event")
    op.drop_index("ix_customer_created_at", table_name="customer")
    op.drop_table("customer")
    op.drop_table("consumer_cursor")
    op.drop_index("ix_attachment_sha256", table_name="attachment")
    op.drop_index("ix_attachment_message_id", table_name="attachment")
    op.drop_table("attachment")
