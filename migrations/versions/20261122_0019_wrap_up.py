"""What a chat had come to when it went idle, and what its former owner wraps up.

Revision ID: 20261122_0019
Revises: 20261122_0018
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0019"
down_revision = "20261122_0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_item", sa.Column("idle_sequence", sa.Integer(), nullable=True))
    op.add_column("work_item", sa.Column("handed_on", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("work_item", "handed_on")
    op.drop_column("work_item", "idle_sequence")
