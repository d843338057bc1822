"""Wrap-up of queues, chats that nobody writes in, and agents whose offers need no answer.

Revision ID: 20261122_0018
Revises: 20261122_0016
"""

import sqlalchemy as sa
from alembic import op

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0018"
down_revision = "20261122_0016"
branch_labels = None
depends_on = None

LIVE = "state in ('queued', 'offered', 'assigned', 'parked', 'wrapping')"
IDLE = "ix_work_item_idle"
CURRENT = "uq_work_item_current"
FORMER = "uq_work_item_live"


def upgrade() -> None:
    # The indexes end the transaction: what stands before them must bear being repeated.
    op.execute(
        "ALTER TABLE queue"
        " ADD COLUMN IF NOT EXISTS wrap_up text NOT NULL DEFAULT 'none'"
        " CONSTRAINT ck_queue_wrap_up CHECK (wrap_up in ('none', 'optional', 'timed', 'required')),"
        " ADD COLUMN IF NOT EXISTS wrap_up_seconds integer NOT NULL DEFAULT 600"
        " CONSTRAINT ck_queue_wrap_up_seconds CHECK (wrap_up_seconds between 5 and 3600)"
    )
    no = sa.text("false")
    op.add_column("work_item", sa.Column("idle_sequence", sa.Integer(), nullable=True), if_not_exists=True)
    op.add_column(
        "work_item", sa.Column("handed_on", sa.Boolean(), server_default=no, nullable=False), if_not_exists=True
    )
    op.add_column(
        "agent", sa.Column("auto_accept", sa.Boolean(), server_default=no, nullable=False), if_not_exists=True
    )
    add_index(IDLE, "work_item", ["conversation_id"], postgresql_where=sa.text("idle_sequence is not null"))
    current = sa.text(f"{LIVE} and not handed_on")
    add_index(CURRENT, "work_item", ["conversation_id"], unique=True, postgresql_where=current)
    remove_index(FORMER, "work_item")


def downgrade() -> None:
    # The former release would take them for a second live work of their conversation.
    op.execute("UPDATE work_item SET state = 'done', units_held = false, run_at = NULL WHERE handed_on")
    add_index(FORMER, "work_item", ["conversation_id"], unique=True, postgresql_where=sa.text(LIVE))
    remove_index(CURRENT, "work_item")
    remove_index(IDLE, "work_item")
    op.drop_column("agent", "auto_accept")
    op.drop_column("work_item", "handed_on")
    op.drop_column("work_item", "idle_sequence")
    op.drop_column("queue", "wrap_up_seconds")
    op.drop_column("queue", "wrap_up")
