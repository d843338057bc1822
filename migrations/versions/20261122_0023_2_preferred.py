"""Skills that rank who is asked for one piece of work.

Revision ID: 20261122_0023_2
Revises: 20261122_0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0023_2"
down_revision = "20261122_0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Where 0023 ran while it did all three tables at once, the column is there.
    op.add_column(
        "work_item",
        sa.Column("preferred", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_column("work_item", "preferred")
