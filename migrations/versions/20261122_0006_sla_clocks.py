"""Promises with their own date, merged conversations and their category, and facts that plain columns cannot tell.

Revision ID: 20261122_0006
Revises: 20261122_0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_0006"
down_revision = "20261122_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversation", sa.Column("category", sa.Text(), server_default="", nullable=False))
    op.add_column("conversation", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_conversation_merged_into_id"), "conversation", "conversation", ["merged_into_id"], ["id"]
    )
    op.create_index(
        "ix_conversation_merged_into",
        "conversation",
        ["merged_into_id"],
        postgresql_where=sa.text("merged_into_id is not null"),
    )
    op.add_column("sla_fact", sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.create_index(
        "ix_sla_fact_paused_at",
        "sla_fact",
        ["at", "conversation_id"],
        postgresql_where=sa.text("kind = 'status' and value in ('pending', 'on_hold', 'snoozed')"),
    )
    op.alter_column("sla_clock", "policy_version_id", existing_type=sa.Uuid(), nullable=True)
    op.create_table(
        "sla_promise",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('open', 'kept', 'cancelled')", name=op.f("ck_sla_promise_state")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_sla_promise_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_promise")),
    )
    op.create_index("uq_sla_promise_number", "sla_promise", ["conversation_id", "metric", "seq"], unique=True)


def downgrade() -> None:
    op.drop_table("sla_promise")
    op.execute("DELETE FROM sla_clock WHERE policy_version_id IS NULL")
    op.alter_column("sla_clock", "policy_version_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_index("ix_sla_fact_paused_at", table_name="sla_fact")
    op.drop_column("sla_fact", "detail")
    op.drop_index("ix_conversation_merged_into", table_name="conversation")
    op.drop_constraint(op.f("fk_conversation_merged_into_id"), "conversation", type_="foreignkey")
    op.drop_column("conversation", "merged_into_id")
    op.drop_column("conversation", "category")
