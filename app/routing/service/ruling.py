"""What the rules in force say of conversations: one look at the rules and one at the facts for a whole batch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.repository import rules as rule_rows
from app.routing.rule_evidence import Ruled
from app.routing.rules import Rule, RuleFacts, apply

_RULES = TypeAdapter(tuple[Rule, ...])
VERSIONS_KEPT = 4


@dataclass(frozen=True, slots=True)
class RuleSet:
    version: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """`account_queue_id`: where it goes when no rule says."""

    facts: RuleFacts
    account_queue_id: UUID
    opened_at: datetime


@lru_cache(maxsize=VERSIONS_KEPT)
def _parse(text: str) -> tuple[Rule, ...]:
    return _RULES.validate_json(text)


async def find_rules(session: AsyncSession) -> RuleSet:
    """Those in force; version 0 is the empty list before the first edit."""
    found = await rule_rows.find_current_text(session)
    return RuleSet(0, ()) if found is None else RuleSet(found[0], _parse(found[1]))


async def load_known(session: AsyncSession, conversation_ids: Collection[UUID]) -> dict[UUID, Known]:
    """By conversation, as of its opening; a probe's are left out."""
    rows = await rule_rows.fetch_facts(session, conversation_ids)
    return {key: Known(facts_of(row, row["opened_at"]), row["account_queue_id"], row["opened_at"])
            for key, row in rows.items()}  # fmt: skip


def facts_of(row: Mapping[str, Any], at: datetime) -> RuleFacts:
    return RuleFacts(
        channel=row["channel"],
        at=at,
        channel_account_id=row["channel_account_id"],
        brand=row["brand"],
        category=row["category"],
        segments=row["segments"],
        language=row["language"],
        attributes=row["attributes"],
    )


async def judge(session: AsyncSession, ready: Mapping[UUID, datetime]) -> dict[UUID, Ruled]:
    """Conversation to what the rules say of it; `ready`: when each came. Those for which no rule fired are left out."""
    ruleset = await find_rules(session)
    if not ruleset.rules or not ready:
        return {}
    rows = await rule_rows.fetch_facts(session, ready)
    outcomes = {key: apply(ruleset.rules, facts_of(row, ready[key])) for key, row in rows.items()}
    return {key: Ruled(ruleset.version, outcome) for key, outcome in outcomes.items() if outcome.fired}
