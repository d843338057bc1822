"""Find a claimed contact point by its value, so that an unproven sender joins the conversation it began.

Revision ID: 20261122_0002
Revises: 20261122_0001
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0002"
down_revision = "20261122_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_contact_point_claimed",
            "contact_point",
            ["kind", "value_normalised"],
            postgresql_where=sa.text("verified_at is null"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_contact_point_claimed", table_name="contact_point", postgresql_concurrently=True)
