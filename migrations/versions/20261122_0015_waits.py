"""When work was first taken and first let go, and what was estimated of its wait.

Revision ID: 20261122_0015
Revises: 20261122_0014
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0015"
down_revision = "20261122_0014"
branch_labels = None
depends_on = None

TIMESTAMP = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("work_item", sa.Column("answered_at", TIMESTAMP, nullable=True))
    op.add_column("work_item", sa.Column("freed_at", TIMESTAMP, nullable=True))
    op.create_table(
        "wait_estimate",
        sa.Column("work_id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("p50_seconds", sa.Float(), nullable=False),
        sa.Column("p90_seconds", sa.Float(), nullable=False),
        sa.Column("made_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("work_id", name=op.f("pk_wait_estimate")),
        sa.CheckConstraint("p50_seconds <= p90_seconds", name=op.f("ck_wait_estimate_range")),
    )
    op.create_index("ix_wait_estimate_queue", "wait_estimate", ["queue_id", "made_at"])
    op.create_index("ix_wait_estimate_made_at", "wait_estimate", ["made_at"])


def downgrade() -> None:
    op.drop_table("wait_estimate")
    op.drop_column("work_item", "freed_at")
    op.drop_column("work_item", "answered_at")
