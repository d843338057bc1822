"""Statements on channel accounts and attachments."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.models import ChannelAccount
from app.channels.schemas import AccountFacts
from app.core.database import driver_connection

# The queue is joined by its table name: a new conversation starts with its team and priority.
FACTS = """
SELECT account.id, account.kind, account.name, account.brand, account.public_key, account.queue_id, queue.team_id,
  queue.priority, account.allowed_origins, account.settings::text, account.enabled,
  account.synthetic OR queue.synthetic AS synthetic
FROM channel_account AS account
JOIN queue ON queue.id = account.queue_id
"""
FACTS_BY_ID = FACTS + "WHERE account.id = ANY($1::uuid[])"
FACTS_BY_KEY = FACTS + "WHERE account.public_key = $1"


async def list_facts(session: AsyncSession, account_ids: Sequence[UUID]) -> dict[UUID, AccountFacts]:
    rows = await (await driver_connection(session)).fetch(FACTS_BY_ID, list(account_ids))
    return {row["id"]: _facts(dict(row)) for row in rows}


async def find_facts_by_key(session: AsyncSession, public_key: str) -> AccountFacts | None:
    row = await (await driver_connection(session)).fetchrow(FACTS_BY_KEY, public_key)
    return _facts(dict(row)) if row else None


async def find(session: AsyncSession, account_id: UUID) -> ChannelAccount | None:
    return await session.get(ChannelAccount, account_id)


async def lock(session: AsyncSession, account_id: UUID) -> ChannelAccount | None:
    return await session.get(ChannelAccount, account_id, with_for_update=True)


async def list_page(session: AsyncSession, *, after: UUID | None, limit: int) -> list[ChannelAccount]:
    statement = select(ChannelAccount).order_by(ChannelAccount.id).limit(limit)
    if after is not None:
        statement = statement.where(ChannelAccount.id > after)
    return list(await session.scalars(statement))


def _facts(row: dict[str, object]) -> AccountFacts:
    settings = json.loads(str(row.pop("settings")))
    origins = row.pop("allowed_origins")
    assert isinstance(origins, list)
    return AccountFacts(**row, settings=settings, allowed_origins=tuple(origins))  # type: ignore[arg-type]


async def find_first_key(session: AsyncSession, *, kind: str) -> str | None:
    query = select(ChannelAccount.public_key).where(
        ChannelAccount.kind == kind, ChannelAccount.enabled, ~ChannelAccount.synthetic
    )
    return (await session.scalars(query.order_by(ChannelAccount.created_at, ChannelAccount.id).limit(1))).one_or_none()
