"""When a conversation's last fact counts, apart from its checkpoint: most messages change nothing else.

Revision ID: 20261122_0013
Revises: 20261122_0011
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0013"
down_revision = "20261122_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sla_state", sa.Column("last_fact_at", sa.TIMESTAMP(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("sla_state", "last_fact_at")
