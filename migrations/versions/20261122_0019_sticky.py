"""How long a queue's work is kept for the agent who served its customer last.

Revision ID: 20261122_0019
Revises: 20261122_0016
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0019"
down_revision = "20261122_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("last_agent_memory_seconds", sa.Integer(), nullable=True))
    op.add_column("queue", sa.Column("last_agent_hold_seconds", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("queue", "last_agent_hold_seconds")
    op.drop_column("queue", "last_agent_memory_seconds")
