"""Routing rules as versions of one ordered list, and on each work what they made of it.

Revision ID: 20261122_0014
Revises: 20261122_0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0014"
down_revision = "20261122_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "routing_rules_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules", JSONB(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rules_version")),
    )
    op.create_index("uq_routing_rules_version_version", "routing_rules_version", ["version"], unique=True)
    op.add_column("work_item", sa.Column("rules", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("work_item", "rules")
    op.drop_table("routing_rules_version")
