"""What queues and rules name must exist; what does not is refused, each at its place."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.errors import InvalidInput
from app.routing.queue_schemas import QueueBody

NO_SKILL = "there is no such skill"
NO_TEAM = "there is no such team"
NO_CALENDAR = "there is no such calendar"


def refuse_unknown(lost: Sequence[tuple[str, str]]) -> None:
    """(path, message) of each. Raises InvalidInput `unknown_reference` if there are any."""
    if not lost:
        return
    errors = [{"path": path, "message": message} for path, message in lost]
    raise InvalidInput("unknown_reference", f"{lost[0][0]}: {lost[0][1]}.", errors=errors)


def skills_asked(body: QueueBody) -> set[UUID]:
    """Wherever one is named."""
    return {skill for _, skill in _skills(body)}


async def check_queue(session: AsyncSession, body: QueueBody) -> None:
    """Raises InvalidInput `unknown_reference` with the path of each skill and team that nobody has made."""
    named, teams = list(_skills(body)), list(_teams(body))
    skills = await agents.list_known_skills(session, {skill for _, skill in named}) if named else set()
    known_teams = await agents.list_known_teams(session, {team for _, team in teams}) if teams else set()
    lost = [(f"body.{path}", NO_TEAM) for path, team in teams if team not in known_teams]
    refuse_unknown(lost + [(f"body.{path}", NO_SKILL) for path, skill in named if skill not in skills])


def _skills(body: QueueBody) -> Iterator[tuple[str, UUID]]:
    """(path, skill) wherever one is named."""
    yield from ((f"requirements.{skill}", skill) for skill in body.requirements)
    yield from ((f"preferred.{place}", skill) for place, skill in enumerate(body.preferred))
    yield from ((f"fading.{skill}", skill) for skill in body.fading)
    for place, ring in enumerate(body.rings):
        yield from ((f"rings.{place}.requirements.{skill}", skill) for skill in ring.requirements or {})


def _teams(body: QueueBody) -> Iterator[tuple[str, UUID]]:
    if body.team_id is not None:
        yield "team_id", body.team_id
    for place, ring in enumerate(body.rings):
        yield from ((f"rings.{place}.groups.{number}", group) for number, group in enumerate(ring.groups))
