"""Know which messages a machine wrote, so that no machine is thanked, and what time it is where customers live.

Revision ID: 20261122_0008
Revises: 20261122_0007
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0008"
down_revision = "20261122_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Constant defaults: no row is rewritten, and the release before goes on writing without them.
    op.add_column("customer", sa.Column("timezone", sa.Text(), server_default="", nullable=False))
    op.add_column("message", sa.Column("automatic", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("message", "automatic")
    op.drop_column("customer", "timezone")
