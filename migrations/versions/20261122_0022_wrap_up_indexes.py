"""One live work item a conversation, beside what a former owner wraps up; and idle chats by conversation.

Revision ID: 20261122_0022
Revises: 20261122_0021
"""

import sqlalchemy as sa
from alembic import op

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0022"
down_revision = "20261122_0021"
branch_labels = None
depends_on = None

LIVE = "state in ('queued', 'offered', 'assigned', 'parked', 'wrapping')"
CURRENT, FORMER, IDLE = "uq_work_item_current", "uq_work_item_live", "ix_work_item_idle"


def upgrade() -> None:
    current = sa.text(f"{LIVE} and not handed_on")
    add_index(CURRENT, "work_item", ["conversation_id"], unique=True, postgresql_where=current)
    add_index(IDLE, "work_item", ["conversation_id"], postgresql_where=sa.text("idle_sequence is not null"))
    remove_index(FORMER, "work_item")


def downgrade() -> None:
    # The former release would take them for a second live work of their conversation.
    op.execute("UPDATE work_item SET state = 'done', units_held = false, run_at = NULL WHERE handed_on")
    add_index(FORMER, "work_item", ["conversation_id"], unique=True, postgresql_where=sa.text(LIVE))
    remove_index(IDLE, "work_item")
    remove_index(CURRENT, "work_item")
