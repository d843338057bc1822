"""What the database holds when everything is at rest, read once and in full."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.repository import checks

Json = Mapping[str, Any]

UNSETTLED = """
SELECT 'conversations not resolved', count(*) FROM conversation WHERE status <> 'resolved'
UNION ALL SELECT 'live work', count(*) FROM work_item
    WHERE state IN ('queued', 'offered', 'assigned', 'parked', 'wrapping')
UNION ALL SELECT 'pending offers', count(*) FROM offer WHERE state = 'pending'
UNION ALL SELECT 'deliveries under way', count(*) FROM delivery WHERE run_at IS NOT NULL
UNION ALL SELECT 'leases', count(*) FROM offer WHERE leased_until IS NOT NULL
UNION ALL SELECT 'leases', count(*) FROM work_item WHERE leased_until IS NOT NULL
UNION ALL SELECT 'leases', count(*) FROM delivery WHERE leased_until IS NOT NULL
UNION ALL SELECT 'leases', count(*) FROM conversation WHERE leased_until IS NOT NULL
UNION ALL SELECT 'units in use', coalesce(sum(used_units), 0) FROM agent_ledger
UNION ALL SELECT 'events without position', count(*) FROM event
    WHERE NOT EXISTS (SELECT FROM event_position WHERE event_id = event.id AND event_created_at = event.created_at)
UNION ALL SELECT 'consumers behind', count(*) FROM consumer_cursor
    WHERE position < (SELECT max(position) FROM event_position)
"""
FORBIDDEN = """
SELECT 'parked event', count(*) FROM parked_event
UNION ALL SELECT 'stopped consumer', count(*) FROM consumer_cursor WHERE stopped_reason IS NOT NULL
UNION ALL SELECT 'parked row', count(*) FROM offer WHERE parked_at IS NOT NULL
UNION ALL SELECT 'parked row', count(*) FROM work_item WHERE parked_at IS NOT NULL
UNION ALL SELECT 'parked row', count(*) FROM delivery WHERE parked_at IS NOT NULL
UNION ALL SELECT 'parked row', count(*) FROM agent_presence WHERE parked_at IS NOT NULL
UNION ALL SELECT 'work version accepted twice', count(*) FROM (
    SELECT FROM offer WHERE state = 'accepted' GROUP BY work_id, work_version HAVING count(*) > 1) AS twice
UNION ALL SELECT 'failed delivery', count(*) FROM delivery WHERE state IN ('queued', 'failed')
UNION ALL SELECT 'new incarnation', count(*) FROM installation WHERE incarnation <> 1
"""


@dataclass(frozen=True, slots=True)
class Logged:
    position: int
    id: str
    type: str
    payload: Json

    @property
    def conversation_id(self) -> str | None:
        return self.payload.get("conversation_id")


@dataclass(frozen=True, slots=True)
class Truth:
    """What the database holds in the end."""

    log: list[Logged]
    by_conversation: dict[str, list[Logged]]
    events_stored: int
    conversations: dict[str, Json]
    messages: dict[str, list[Json]]
    forbidden: dict[str, int]
    drift: int
    violations: list[str]

    @property
    def head(self) -> int:
        return self.log[-1].position

    def of_conversation(self, conversation_id: str) -> list[Logged]:
        return self.by_conversation.get(conversation_id, [])


async def list_unsettled(session: AsyncSession) -> dict[str, int]:
    """What is still under way; empty when the installation is at rest."""
    return await _count(session, UNSETTLED)


async def read_truth(session: AsyncSession) -> Truth:
    log = await session.execute(
        text(
            "SELECT position, event_uuid::text, type, payload FROM event_position AS at"
            " JOIN event ON event.id = at.event_id AND event.created_at = at.event_created_at ORDER BY position"
        )
    )
    conversations = await session.execute(text("SELECT * FROM conversation"))
    messages = await session.execute(text("SELECT * FROM message ORDER BY conversation_id, sequence"))
    by_conversation: dict[str, list[Json]] = defaultdict(list)
    for message in messages.mappings():
        by_conversation[str(message["conversation_id"])].append(_plain(message))
    logged = [Logged(*row) for row in log]
    return Truth(
        log=logged,
        by_conversation=_by_conversation(logged),
        events_stored=(await session.execute(text("SELECT count(*) FROM event"))).scalar_one(),
        conversations={str(row["id"]): _plain(row) for row in conversations.mappings()},
        messages=dict(by_conversation),
        forbidden=await _count(session, FORBIDDEN),
        drift=len(await checks.find_drift(session)),
        violations=[f"{rule} {subject}" for rule, subject in await checks.list_violations(session)],
    )


def _by_conversation(log: Sequence[Logged]) -> dict[str, list[Logged]]:
    found: dict[str, list[Logged]] = defaultdict(list)
    for event in log:
        if event.conversation_id:
            found[event.conversation_id].append(event)
    return dict(found)


async def _count(session: AsyncSession, statement: str) -> dict[str, int]:
    """The counts above nothing, by name."""
    found: Counter[str] = Counter()
    for name, count in await session.execute(text(statement)):
        found[name] += int(count)
    return {name: count for name, count in found.items() if count}


def _plain(row: Mapping[Any, Any]) -> Json:
    """Ids as the wire has them."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()}
