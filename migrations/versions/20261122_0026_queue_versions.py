"""Queues' settings as versions, and the skills that queues and rules ask for.

Revision ID: 20261122_0026
Revises: 20261122_0025
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261122_0026"
down_revision = "20261122_0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "queue_version",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_queue_version_queue_id")),
        sa.PrimaryKeyConstraint("queue_id", "version", name=op.f("pk_queue_version")),
    )
    op.create_table(
        "queue_skill",
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["queue_id"], ["queue.id"], name=op.f("fk_queue_skill_queue_id")),
        sa.ForeignKeyConstraint(["skill_id"], ["skill.id"], name=op.f("fk_queue_skill_skill_id")),
        sa.PrimaryKeyConstraint("queue_id", "skill_id", name=op.f("pk_queue_skill")),
    )
    op.create_index("ix_queue_skill_skill_id", "queue_skill", ["skill_id"])
    op.create_table(
        "routing_rules_skill",
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["skill_id"], ["skill.id"], name=op.f("fk_routing_rules_skill_skill_id")),
        sa.PrimaryKeyConstraint("skill_id", name=op.f("pk_routing_rules_skill")),
    )


def downgrade() -> None:
    op.drop_table("routing_rules_skill")
    op.drop_table("queue_skill")
    op.drop_table("queue_version")
