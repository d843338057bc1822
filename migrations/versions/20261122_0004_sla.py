"""SLA: business calendars and policies as versions, and the clocks of conversations.

Revision ID: 20261122_0004
Revises: 20261122_0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_0004"
down_revision = "20261122_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "business_calendar",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_calendar")),
    )
    op.create_index("uq_business_calendar_name", "business_calendar", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "sla_policy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_policy")),
    )
    op.create_index("uq_sla_policy_name", "sla_policy", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "business_calendar_version",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["business_calendar.id"], name=op.f("fk_business_calendar_version_calendar_id")
        ),
        sa.PrimaryKeyConstraint("calendar_id", "version", name=op.f("pk_business_calendar_version")),
    )
    op.create_table(
        "sla_policy_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["policy_id"], ["sla_policy.id"], name=op.f("fk_sla_policy_version_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_policy_version")),
    )
    op.create_index("uq_sla_policy_version_number", "sla_policy_version", ["policy_id", "version"], unique=True)
    op.create_table(
        "sla_clock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("policy_version_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("target_seconds", sa.Double(), nullable=False),
        sa.Column("elapsed_seconds", sa.Double(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("timers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fired", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('running', 'paused', 'met', 'breached', 'met_late', 'cancelled')",
            name=op.f("ck_sla_clock_state"),
        ),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["sla_policy_version.id"], name=op.f("fk_sla_clock_policy_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_clock")),
    )
    op.create_index("ix_sla_clock_due_at", "sla_clock", ["due_at"], unique=False)
    op.create_index(
        "ix_sla_clock_due_soon",
        "sla_clock",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("stopped_at is null and due_at is not null"),
    )
    op.create_index(
        "ix_sla_clock_run_at",
        "sla_clock",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.create_index("uq_sla_clock_metric", "sla_clock", ["conversation_id", "metric", "seq"], unique=True)
    op.create_table(
        "sla_fact",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "number", name=op.f("pk_sla_fact")),
    )
    op.create_index("ix_sla_fact_first_at", "sla_fact", ["at"], postgresql_where=sa.text("number = 1"))
    op.create_table(
        "sla_state",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("channel_account_id", sa.Uuid(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("queue_id", sa.Uuid(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("segments", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("selection", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checkpoint", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_sla_state_conversation_id")),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_sla_state")),
    )
    op.create_index(
        "ix_sla_state_customer",
        "sla_state",
        ["customer_id", "conversation_id"],
        unique=False,
        postgresql_where=sa.text("not is_over"),
    )
    op.create_index(
        "ix_sla_state_open", "sla_state", ["conversation_id"], unique=False, postgresql_where=sa.text("not is_over")
    )


def downgrade() -> None:

    op.drop_index("ix_sla_state_open", table_name="sla_state", postgresql_where=sa.text("not is_over"))
    op.drop_index("ix_sla_state_customer", table_name="sla_state", postgresql_where=sa.text("not is_over"))
    op.drop_table("sla_state")
    op.drop_index("ix_sla_fact_first_at", table_name="sla_fact")
    op.drop_table("sla_fact")
    op.drop_index("uq_sla_clock_metric", table_name="sla_clock")
    op.drop_index(
        "ix_sla_clock_run_at",
        table_name="sla_clock",
        postgresql_where=sa.text("run_at is not null and parked_at is null"),
    )
    op.drop_index(
        "ix_sla_clock_due_soon",
        table_name="sla_clock",
        postgresql_where=sa.text("stopped_at is null and due_at is not null"),
    )
    op.drop_index("ix_sla_clock_due_at", table_name="sla_clock")
    op.drop_table("sla_clock")
    op.drop_index("uq_sla_policy_version_number", table_name="sla_policy_version")
    op.drop_table("sla_policy_version")
    op.drop_table("business_calendar_version")
    op.drop_index("uq_sla_policy_name", table_name="sla_policy")
    op.drop_table("sla_policy")
    op.drop_index("uq_business_calendar_name", table_name="business_calendar")
    op.drop_table("business_calendar")
