"""Overflow: the steps of a queue, its hours, and what has been done with a work.

Revision ID: 20261122_0017
Revises: 20261122_0016
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0017"
down_revision = "20261122_0016"
branch_labels = None
depends_on = None

LISTS = (("queue", "overflow"), ("work_item", "overflow_done"), ("work_item", "overflow_path"))


def upgrade() -> None:
    for table, column in LISTS:
        op.add_column(table, sa.Column(column, JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("queue", sa.Column("calendar_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("queue", "calendar_id")
    for table, column in reversed(LISTS):
        op.drop_column(table, column)
