"""Find a claimed contact point by its value, so that an unproven sender joins the conversation it began.

Revision ID: 20261122_0002
Revises: 20261122_0001
"""

import sqlalchemy as sa

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0002"
down_revision = "20261122_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_index(
        "ix_contact_point_claimed",
        "contact_point",
        ["kind", "value_normalised"],
        postgresql_where=sa.text("verified_at is null"),
    )


def downgrade() -> None:
    remove_index("ix_contact_point_claimed", "contact_point")
