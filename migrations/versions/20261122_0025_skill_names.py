"""Skills have names by language.

Revision ID: 20261122_0025
Revises: 20261122_0024
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0025"
down_revision = "20261122_0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("skill", sa.Column("names", JSONB(), server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    op.drop_column("skill", "names")
