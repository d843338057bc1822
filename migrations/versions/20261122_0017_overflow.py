"""What overflow has done with a work.

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

COLUMNS = ("overflow_done", "overflow_path")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("work_item", sa.Column(name, JSONB(), server_default=sa.text("'[]'"), nullable=False))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("work_item", name)
