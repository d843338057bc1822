"""What a queue's settings name must exist."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.errors import InvalidInput
from app.routing.schemas import QueueBody


async def check_references(session: AsyncSession, body: QueueBody) -> None:
    """Raises InvalidInput `unknown_reference` with the path of each skill that nobody has made."""
    named = list(_skills(body))
    known = await agents.list_known_skills(session, {skill for _, skill in named}) if named else set()
    errors = [
        {"path": f"body.{path}", "message": "there is no such skill"} for path, skill in named if skill not in known
    ]
    if errors:
        raise InvalidInput("unknown_reference", f"{errors[0]['path']}: there is no such skill.", errors=errors)


def _skills(body: QueueBody) -> Iterator[tuple[str, UUID]]:
    """(path, skill) wherever one is named."""
    yield from ((f"requirements.{skill}", skill) for skill in body.requirements)
    yield from ((f"preferred.{place}", skill) for place, skill in enumerate(body.preferred))
    yield from ((f"fading.{skill}", skill) for skill in body.fading)
    for place, ring in enumerate(body.rings):
        yield from ((f"rings.{place}.requirements.{skill}", skill) for skill in ring.requirements or {})
