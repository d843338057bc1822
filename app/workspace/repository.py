"""Statements that read across packages; nothing here writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.workspace.schemas import MAX_COUNT

UNRESOLVED = "c.status IN ('open', 'pending', 'on_hold', 'snoozed')"
# The same rule as app/access/visibility.py; tests/integration/workspace compares the two.
VISIBLE = (
    "(CAST(:sees AS text) = 'all' OR c.owner_id = :me"
    " OR (c.team_id = :team AND (CAST(:sees AS text) = 'team' OR c.owner_id IS NULL)))"
)
MAX_CONVERSATIONS = 500
"""Of one customer, the latest: a timeline reaches no further back."""

# Each stops at the limit, by an index of unresolved conversations: the cost does not grow with history.
_COUNTS = f"""
SELECT
  (SELECT count(*) FROM (SELECT FROM conversation c WHERE {UNRESOLVED} AND c.owner_id = :me LIMIT :most) x) AS mine,
  (SELECT count(*) FROM (SELECT FROM conversation c
    WHERE {UNRESOLVED} AND c.owner_id IS NULL AND {VISIBLE} LIMIT :most) x) AS queue,
  (SELECT count(*) FROM (SELECT FROM conversation c
    WHERE {UNRESOLVED} AND c.team_id = :team AND {VISIBLE} LIMIT :most) x) AS team,
  (SELECT count(*) FROM (SELECT FROM conversation c WHERE {UNRESOLVED} AND {VISIBLE} LIMIT :most) x) AS "all"
"""


def _sight(principal: Principal) -> dict[str, Any]:
    return {"me": principal.id, "team": principal.team_id, "sees": principal.visibility}


async def get_counts(session: AsyncSession, principal: Principal) -> Row[Any]:
    return (await session.execute(text(_COUNTS), {**_sight(principal), "most": MAX_COUNT})).one()


async def count_open_by_owner(session: AsyncSession, owner_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await session.execute(
        text(
            f"SELECT c.owner_id, count(*) AS owned FROM conversation c"
            f" WHERE {UNRESOLVED} AND c.owner_id = ANY(:owners) GROUP BY 1"
        ),
        {"owners": list(owner_ids)},
    )
    return {row.owner_id: row.owned for row in rows}


async def list_customer_conversations(
    session: AsyncSession, principal: Principal, customer_id: UUID
) -> dict[UUID, Row[Any]]:
    """The customer's conversations the principal may see."""
    rows = await session.execute(
        text(
            f"SELECT c.id, c.number, c.channel, c.status FROM conversation c"
            f" WHERE c.customer_id = :customer AND {VISIBLE} ORDER BY c.last_message_at DESC, c.id DESC LIMIT :most"
        ),
        {**_sight(principal), "customer": customer_id, "most": MAX_CONVERSATIONS},
    )
    return {row.id: row for row in rows}


async def page_messages(
    session: AsyncSession, conversation_ids: Sequence[UUID], *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[Any]]:
    """(id, conversation_id, arrived_at) over these conversations, newest first."""
    at, message_id = before or (None, None)
    rows = await session.execute(
        text(
            "SELECT id, conversation_id, arrived_at FROM message WHERE conversation_id = ANY(:conversations)"
            " AND (CAST(:at AS timestamptz) IS NULL OR (arrived_at, id) < (:at, CAST(:id AS uuid)))"
            " ORDER BY arrived_at DESC, id DESC LIMIT :limit"
        ),
        {"conversations": list(conversation_ids), "at": at, "id": message_id, "limit": limit},
    )
    return rows.all()
