"""Wrap-up of queues, chats that nobody writes in, and agents whose offers need no answer.

Revision ID: 20261122_0018
Revises: 20261122_0016
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0018"
down_revision = "20261122_0017b"
branch_labels = None
depends_on = None

MODES = "wrap_up in ('none', 'optional', 'timed', 'required')"
SECONDS = "wrap_up_seconds between 5 and 3600"


def upgrade() -> None:
    mode = sa.CheckConstraint(MODES, name=op.f("ck_queue_wrap_up"))
    seconds = sa.CheckConstraint(SECONDS, name=op.f("ck_queue_wrap_up_seconds"))
    op.add_column("queue", sa.Column("wrap_up", sa.Text(), mode, server_default="none", nullable=False))
    op.add_column("queue", sa.Column("wrap_up_seconds", sa.Integer(), seconds, server_default="600", nullable=False))
    op.add_column("work_item", sa.Column("idle_sequence", sa.Integer(), nullable=True))
    op.add_column("work_item", sa.Column("handed_on", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("agent", sa.Column("auto_accept", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("agent", "auto_accept")
    op.drop_column("work_item", "handed_on")
    op.drop_column("work_item", "idle_sequence")
    op.drop_column("queue", "wrap_up_seconds")
    op.drop_column("queue", "wrap_up")
