"""Find uploads that no message took, so that they can be forgotten after a day.

Revision ID: 20261122_0003
Revises: 20261122_0002
"""

import sqlalchemy as sa

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0003"
down_revision = "20261122_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_index("ix_attachment_unattached", "attachment", ["created_at"], postgresql_where=sa.text("message_id is null"))


def downgrade() -> None:
    remove_index("ix_attachment_unattached", "attachment")
