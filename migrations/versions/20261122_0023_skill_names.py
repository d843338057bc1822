"""Skills have names by language.

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
    op.add_column("skill", sa.Column("names", JSONB(), server_default=sa.text("'{}'"), nullable=False))


def downgrade() -> None:
    op.drop_column("skill", "names")
