"""When work was first taken and first let go, and what was estimated of its wait.

Revision ID: 20261122_0015
Revises: 20261122_0013
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0015"
down_revision = "20261122_0013"
branch_labels = None
depends_on = None

TIMESTAMP = sa.TIMESTAMP(timezone=True)
INDEXES = {
    "ix_work_item_line": (["queue_id", "tier", "due_at"], "state in ('queued', 'offered')"),
    "ix_work_item_answered": (["queue_id", "answered_at"], "answered_at is not null"),
    "ix_work_item_freed": (["queue_id", "freed_at"], "freed_at is not null"),
    "ix_work_item_abandoned": (["queue_id", "ended_at"], "state = 'abandoned'"),
}


def upgrade() -> None:
    op.add_column("work_item", sa.Column("answered_at", TIMESTAMP))
    op.add_column("work_item", sa.Column("freed_at", TIMESTAMP))
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "work_item", columns, postgresql_where=sa.text(where))
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
    for name in reversed(INDEXES):
        op.drop_index(name, "work_item")
    op.drop_column("work_item", "freed_at")
    op.drop_column("work_item", "answered_at")
