"""How a queue's work is wrapped up.

Revision ID: 20261122_0020
Revises: 20261122_0019
"""

import sqlalchemy as sa
from alembic import op

revision = "20261122_0020"
down_revision = "20261122_0019"
branch_labels = None
depends_on = None

MODES = "wrap_up in ('none', 'timed', 'required')"
SECONDS = "wrap_up_seconds between 5 and 3600"


def upgrade() -> None:
    mode = sa.CheckConstraint(MODES, name=op.f("ck_queue_wrap_up"))
    seconds = sa.CheckConstraint(SECONDS, name=op.f("ck_queue_wrap_up_seconds"))
    op.add_column("queue", sa.Column("wrap_up", sa.Text(), mode, server_default="none", nullable=False))
    op.add_column("queue", sa.Column("wrap_up_seconds", sa.Integer(), seconds, server_default="600", nullable=False))


def downgrade() -> None:
    op.drop_column("queue", "wrap_up_seconds")
    op.drop_column("queue", "wrap_up")
