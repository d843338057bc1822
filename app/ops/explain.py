"""`switchboard explain`: why a conversation is where it is, in a supervisor's words."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.errors import NotFound
from app.ops.explain_text import Reader, as_text
from app.ops.words import Words
from app.routing import service as routing
from app.routing.schemas import Explanation

EXIT_UNKNOWN = 2
SKILLS_READ = 1_000
OPERATOR = Principal("system", UUID(int=0), "admin", frozenset(), "all")
"""Whoever can read the database may read why."""


@dataclass(frozen=True, slots=True)
class Found:
    explanation: Explanation
    names: Mapping[UUID, str]
    queue: str
    skills: Mapping[str, str]


async def run(database_url: str, conversation_id: UUID, *, language: str, timezone: str, as_json: bool) -> int:
    """The exit code: 0, or 2 with a sentence on stderr for a conversation that there is not."""
    database, clock = Database(database_url, application_name="switchboard-explain", pool_size=2), DatabaseClock()
    words = Words(language)
    try:
        async with database.transaction() as session:
            await clock.align(await session.connection())
            found = await _find(session, conversation_id, clock.now())
    except NotFound:
        sys.stderr.write(words("explain.unknown", id=conversation_id) + "\n")
        return EXIT_UNKNOWN
    finally:
        await database.close()
    if as_json:
        sys.stdout.write(json.dumps(_document(found), ensure_ascii=False) + "\n")
    else:
        reader = Reader(words, ZoneInfo(timezone), found.names, found.queue, found.skills, clock.now())
        sys.stdout.write(as_text(reader, found.explanation) + "\n")
    return 0


async def _find(session: AsyncSession, conversation_id: UUID, now: datetime) -> Found:
    explanation = await routing.explain(session, OPERATOR, conversation_id=conversation_id, at=now)
    profiles = await agents.list_facts(session)
    queue = ""
    if explanation.work is not None:
        queue = (await routing.get_queue(session, explanation.work.queue_id)).name
    skills = await agents.list_skills(session, after=None, limit=SKILLS_READ)
    return Found(
        explanation,
        {profile.id: profile.name for profile in profiles},
        queue,
        {str(skill.id): skill.name for skill in skills},
    )


def _document(found: Found) -> dict[str, Any]:
    """The API's answer, and the names of the agents it speaks of."""
    made: dict[str, Any] = found.explanation.model_dump(mode="json")
    text = json.dumps(made)
    return {**made, "agent_names": {str(key): name for key, name in found.names.items() if str(key) in text}}
