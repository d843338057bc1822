"""What a breach makes happen: escalations, tasks, causes and remedies; the lead of a team; rings opened at once.

Revision ID: 20261122_0005
Revises: 20261122_0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261122_0005"
down_revision = "20261122_0004"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime(timezone=True)
CAUSES = {
    "staffing": ("Too few people", "人手不足"),
    "volume_peak": ("More came in than expected", "来量超出预期"),
    "waiting_for_information": ("Information was missing", "缺少必要信息"),
    "waiting_for_another_team": ("Another team had to act", "等待其他团队处理"),
    "waiting_for_supplier": ("A supplier had to act", "等待供应商处理"),
    "wrong_queue": ("It lay in the wrong queue", "分配到错误的队列"),
    "system_failure": ("A system did not work", "系统故障"),
    "overlooked": ("It was overlooked", "被遗漏"),
    "complex_case": ("It took longer than such cases do", "问题复杂，处理时间较长"),
    "other": ("Another cause", "其他原因"),
}
"""Code to English and Chinese: the list an installation begins with."""


def upgrade() -> None:
    op.add_column("team", sa.Column("lead_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_team_lead_id", "team", "agent", ["lead_id"], ["id"])
    op.add_column("work_item", sa.Column("least_ring", sa.SmallInteger(), server_default="0", nullable=False))
    _create_escalation()
    _create_task()
    _create_causes()
    op.create_table(
        "sla_remedy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("noted_at", TIMESTAMP, nullable=False),
        sa.Column("noted_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('voucher', 'apology', 'refund', 'other')", name=op.f("ck_sla_remedy_kind")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_sla_remedy_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_remedy")),
    )
    op.create_index("ix_sla_remedy_clock", "sla_remedy", ["clock_id", "id"])


def _create_escalation() -> None:
    op.create_table(
        "sla_escalation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("ladder", sa.Text(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("to_agent_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("to_team_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("asked_at", TIMESTAMP, nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", TIMESTAMP, nullable=True),
        sa.Column("ended_at", TIMESTAMP, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("ladder in ('functional', 'hierarchical')", name=op.f("ck_sla_escalation_ladder")),
        sa.ForeignKeyConstraint(["accepted_by"], ["agent.id"], name=op.f("fk_sla_escalation_accepted_by")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("fk_sla_escalation_conversation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_escalation")),
    )
    op.create_index("ix_sla_escalation_clock", "sla_escalation", ["clock_id"])
    op.create_index(
        "ix_sla_escalation_open",
        "sla_escalation",
        ["id"],
        postgresql_where=sa.text("ended_at is null and accepted_at is null"),
    )


def _create_task() -> None:
    op.create_table(
        "sla_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("done_at", TIMESTAMP, nullable=True),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state in ('open', 'done')", name=op.f("ck_sla_task_state")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_sla_task_agent_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_sla_task_conversation_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_sla_task_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_task")),
    )
    is_open = sa.text("state = 'open'")
    op.create_index("ix_sla_task_agent", "sla_task", ["agent_id", "id"], postgresql_where=is_open)
    op.create_index("ix_sla_task_team", "sla_task", ["team_id", "id"], postgresql_where=is_open)


def _create_causes() -> None:
    codes = op.create_table(
        "sla_cause_code",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("names", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_sla_cause_code")),
    )
    op.bulk_insert(
        codes,
        [
            {"code": code, "names": {"en": english, "zh-CN": chinese}, "retired": False}
            for code, (english, chinese) in CAUSES.items()
        ],
    )
    op.create_table(
        "sla_breach_cause",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("breached_at", TIMESTAMP, nullable=False),
        sa.Column("asked_of", sa.Uuid(), nullable=True),
        sa.Column("asked_at", TIMESTAMP, nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", TIMESTAMP, nullable=True),
        sa.ForeignKeyConstraint(["asked_of"], ["agent.id"], name=op.f("fk_sla_breach_cause_asked_of")),
        sa.ForeignKeyConstraint(["cause_code"], ["sla_cause_code.code"], name=op.f("fk_sla_breach_cause_cause_code")),
        sa.PrimaryKeyConstraint("clock_id", name=op.f("pk_sla_breach_cause")),
    )
    op.create_index(
        "ix_sla_breach_cause_unanswered",
        "sla_breach_cause",
        ["asked_at", "clock_id"],
        postgresql_where=sa.text("cause_code is null"),
    )


def downgrade() -> None:
    for table in ("sla_remedy", "sla_breach_cause", "sla_cause_code", "sla_task", "sla_escalation"):
        op.drop_table(table)
    op.drop_column("work_item", "least_ring")
    op.drop_constraint("fk_team_lead_id", "team", type_="foreignkey")
    op.drop_column("team", "lead_id")
