"""Count the causes of an interval, and find a conversation's, without a look at all of them.

Revision ID: 20261122_0011
Revises: 20261122_0010
"""

from app.ops.migration_steps import add_index, remove_index

revision = "20261122_0011"
down_revision = "20261122_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_index("ix_sla_breach_cause_breached_at", "sla_breach_cause", ["breached_at"])
    add_index("ix_sla_breach_cause_conversation", "sla_breach_cause", ["conversation_id"])


def downgrade() -> None:
    remove_index("ix_sla_breach_cause_conversation", "sla_breach_cause")
    remove_index("ix_sla_breach_cause_breached_at", "sla_breach_cause")
