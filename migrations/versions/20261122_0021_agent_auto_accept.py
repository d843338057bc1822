"""Agents whose offers need no answer.

Revision ID: 20261122_0021
Revises: 20261122_0020
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0021"
down_revision = "20261122_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent", sa.Column("auto_accept", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("agent", "auto_accept")
