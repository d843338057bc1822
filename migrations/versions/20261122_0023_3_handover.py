"""Who asks in a warm transfer, and what is handed over.

Revision ID: 20261122_0023_3
Revises: 20261122_0023_2
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0023_3"
down_revision = "20261122_0023_2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Where 0023 ran while it did all three tables at once, the columns are there.
    op.add_column("offer", sa.Column("from_agent_id", sa.Uuid(), nullable=True), if_not_exists=True)
    op.add_column("offer", sa.Column("handover_reason", sa.Text(), nullable=True), if_not_exists=True)
    op.add_column("offer", sa.Column("handover_note_id", sa.Uuid(), nullable=True), if_not_exists=True)


def downgrade() -> None:
    op.drop_column("offer", "handover_note_id")
    op.drop_column("offer", "handover_reason")
    op.drop_column("offer", "from_agent_id")
