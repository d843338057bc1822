"""A queue's steps of overflow and its hours.

Apart from the work's columns: whoever reads both tables meanwhile may have locked them in either order.

Revision ID: 20261122_0018
Revises: 20261122_0017
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0018"
down_revision = "20261122_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("overflow", JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("queue", sa.Column("calendar_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("queue", "calendar_id")
    op.drop_column("queue", "overflow")
