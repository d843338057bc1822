"""Count the causes of an interval, and find a conversation's, without a look at all of them.

Revision ID: 20261122_0011
Revises: 20261122_0010
"""

from alembic import op

revision = "20261122_0011"
down_revision = "20261122_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_sla_breach_cause_breached_at", "sla_breach_cause", ["breached_at"])
    op.create_index("ix_sla_breach_cause_conversation", "sla_breach_cause", ["conversation_id"])


def downgrade() -> None:
    op.drop_index("ix_sla_breach_cause_conversation", "sla_breach_cause")
    op.drop_index("ix_sla_breach_cause_breached_at", "sla_breach_cause")
