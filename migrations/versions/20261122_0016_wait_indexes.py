"""Indexes of work by its place in line, and by when it was taken, let go or given up.

Revision ID: 20261122_0016
Revises: 20261122_0015
"""

import sqlalchemy as sa

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0016"
down_revision = "20261122_0015"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_work_item_line": (["queue_id", "tier", "due_at"], "state in ('queued', 'offered')"),
    "ix_work_item_answered": (["queue_id", "answered_at"], "answered_at is not null"),
    "ix_work_item_freed": (["queue_id", "freed_at"], "freed_at is not null"),
    "ix_work_item_abandoned": (["queue_id", "ended_at"], "state = 'abandoned'"),
}


def upgrade() -> None:
    for name, (columns, where) in INDEXES.items():
        add_index(name, "work_item", columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    for name in reversed(INDEXES):
        remove_index(name, "work_item")
