"""Work items that stand for a colleague asked in by the owner.

Revision ID: 20261122_0024
Revises: 20261122_0023_3
"""

import sqlalchemy as sa
from alembic import op

from app.ops.migration_steps import add_index, remove_index, replace_check

revision = "20261122_0024"
down_revision = "20261122_0023_3"
branch_labels = None
depends_on = None

STATES = "state in ('queued', 'offered', {}'assigned', 'parked', 'wrapping', 'done', 'abandoned', 'cancelled', 'moved')"
HELD = "state in ('offered', {}'assigned', 'parked', 'wrapping')"
CONSULTED = "'consulted', "


def upgrade() -> None:
    replace_check("ck_work_item_state", "work_item", STATES.format(CONSULTED))
    add_index("ix_work_item_holder", "work_item", ["agent_id"], postgresql_where=sa.text(HELD.format(CONSULTED)))
    remove_index("ix_work_item_agent", "work_item")
    one = sa.text("state = 'consulted'")
    add_index("uq_work_item_consulted", "work_item", ["conversation_id"], unique=True, postgresql_where=one)


def downgrade() -> None:
    op.execute(
        "UPDATE offer SET state = 'withdrawn', run_at = NULL WHERE state = 'pending' AND from_agent_id IS NOT NULL"
    )
    op.execute(
        "UPDATE agent_ledger SET used_units = used_units - asked.units, used_by_channel ="
        " CASE WHEN (used_by_channel ->> asked.channel)::int = asked.works THEN used_by_channel - asked.channel"
        " ELSE used_by_channel || jsonb_build_object(asked.channel, (used_by_channel ->> asked.channel)::int - works)"
        " END FROM (SELECT agent_id, channel, sum(units) AS units, count(*) AS works FROM work_item"
        "           WHERE state = 'consulted' GROUP BY agent_id, channel) AS asked"
        " WHERE asked.agent_id = agent_ledger.agent_id"
    )
    op.execute("UPDATE work_item SET state = 'cancelled', units_held = false WHERE state = 'consulted'")
    remove_index("uq_work_item_consulted", "work_item")
    add_index("ix_work_item_agent", "work_item", ["agent_id"], postgresql_where=sa.text(HELD.format("")))
    remove_index("ix_work_item_holder", "work_item")
    replace_check("ck_work_item_state", "work_item", STATES.format(""))
