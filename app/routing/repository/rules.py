"""Statements on the versions of the routing rules, and on what rules look at."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.routing.models import RoutingRulesVersion

_CURRENT = "SELECT version, rules::text FROM routing_rules_version ORDER BY version DESC LIMIT 1"
# One look at all that rules ask of a conversation. The account belongs to the channels, which routing does not know.
_FACTS = """
SELECT c.id, c.channel, c.channel_account_id, account.brand, account.queue_id AS account_queue_id, c.category,
  c.language, c.opened_at, customer.segments, customer.attributes::text AS attributes
FROM conversation AS c
JOIN channel_account AS account ON account.id = c.channel_account_id
JOIN customer ON customer.id = c.customer_id
WHERE c.id = ANY($1::uuid[]) AND NOT c.synthetic
"""


async def find_current_text(session: AsyncSession) -> tuple[int, str] | None:
    """(version, the rules as JSON text) of the version in force."""
    row = await (await driver_connection(session)).fetchrow(_CURRENT)
    return None if row is None else (row["version"], row["rules"])


async def find_current(session: AsyncSession) -> RoutingRulesVersion | None:
    statement = select(RoutingRulesVersion).order_by(RoutingRulesVersion.version.desc()).limit(1)
    return (await session.scalars(statement)).first()


async def find_version(session: AsyncSession, version: int) -> RoutingRulesVersion | None:
    statement = select(RoutingRulesVersion).where(RoutingRulesVersion.version == version)
    return (await session.scalars(statement)).first()


async def list_versions(session: AsyncSession, *, below: int, limit: int) -> Sequence[RoutingRulesVersion]:
    """Newest first."""
    found = select(RoutingRulesVersion).where(RoutingRulesVersion.version < below)
    return (await session.scalars(found.order_by(RoutingRulesVersion.version.desc()).limit(limit))).all()


async def add_version(session: AsyncSession, version: RoutingRulesVersion) -> bool:
    """False: somebody else made this version first."""
    columns = {column.key: getattr(version, column.key) for column in RoutingRulesVersion.__table__.columns}
    statement = insert(RoutingRulesVersion).values(columns).on_conflict_do_nothing().returning(RoutingRulesVersion.id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def fetch_facts(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Rows by conversation, `attributes` parsed; a probe's are left out, because no rule is for them."""
    rows = await (await driver_connection(session)).fetch(_FACTS, list(conversation_ids))
    return {row["id"]: {**row, "attributes": json.loads(row["attributes"])} for row in rows}


async def list_newest(session: AsyncSession, visible: Select[UUID], limit: int) -> list[UUID]:
    """The conversations among `visible` (a subquery on conversations) that were written in last; no probe's."""
    statement = visible.where(text("NOT conversation.synthetic"))
    newest = statement.order_by(text("conversation.last_message_at DESC, conversation.id DESC")).limit(limit)
    return list(await session.scalars(newest))
