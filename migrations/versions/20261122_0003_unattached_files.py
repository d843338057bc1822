"""Find uploads that no message took, so that they can be forgotten after a day.

Revision ID: 20261122_0003
Revises: 20261122_0002
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0003"
down_revision = "20261122_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_attachment_unattached",
            "attachment",
            ["created_at"],
            postgresql_where=sa.text("message_id is null"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_attachment_unattached", table_name="attachment", postgresql_concurrently=True)
