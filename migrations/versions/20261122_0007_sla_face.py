"""SLA: each clock carries what a screen shows it by, and from when on it is due soon.

Revision ID: 20261122_0007
Revises: 20261122_0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_0007"
down_revision = "20261122_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sla_clock", sa.Column("soon_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sla_clock", sa.Column("face", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    # Exact from a clock's next change on; until then it is told as late, and not as soon to be.
    op.execute("UPDATE sla_clock SET soon_at = due_at WHERE stopped_at IS NULL AND due_at IS NOT NULL")
    op.create_index(
        "ix_sla_clock_open",
        "sla_clock",
        ["conversation_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("stopped_at is null"),
    )
    op.create_index(
        "ix_sla_clock_soon",
        "sla_clock",
        ["soon_at"],
        unique=False,
        postgresql_include=["due_at", "conversation_id"],
        postgresql_where=sa.text("stopped_at is null and soon_at is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_sla_clock_soon", table_name="sla_clock")
    op.drop_index("ix_sla_clock_open", table_name="sla_clock")
    op.drop_column("sla_clock", "face")
    op.drop_column("sla_clock", "soon_at")
