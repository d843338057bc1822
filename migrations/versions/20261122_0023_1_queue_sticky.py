"""Skills of a queue that rank or fade, and how long its work is kept for the last agent.

Revision ID: 20261122_0023
Revises: 20261122_0022
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0023"
down_revision = "20261122_0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue", sa.Column("preferred", JSONB(), server_default=sa.text("'[]'"), nullable=False))
    op.add_column("queue", sa.Column("fading", JSONB(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("queue", sa.Column("last_agent_memory_seconds", sa.Integer(), nullable=True))
    op.add_column("queue", sa.Column("last_agent_hold_seconds", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("queue", "last_agent_hold_seconds")
    op.drop_column("queue", "last_agent_memory_seconds")
    op.drop_column("queue", "fading")
    op.drop_column("queue", "preferred")
