"""What queues and rules name must exist; what does not is refused, each at its place."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.errors import InvalidInput
from app.routing.schemas import QueueBody

NO_SKILL = "there is no such skill"
NO_TEAM = "there is no such team"


def refuse_unknown(lost: Sequence[tuple[str, str]]) -> None:
    """(path, message) of each. Raises InvalidInput `unknown_reference` if there are any."""
    if not lost:
        return
    errors = [{"path": path, "message": message} for path, message in lost]
    raise InvalidInput("unknown_reference", f"{lost[0][0]}: {lost[0][1]}.", errors=errors)


def skills_asked(body: QueueBody) -> set[UUID]:
    """By the queue itself, to have or to rank, or by a ring of it."""
    own = {*body.requirements, *body.preferred, *body.fading}
    return own | {skill for ring in body.rings for skill in ring.requirements or {}}


async def check_queue(session: AsyncSession, body: QueueBody) -> None:
    """Raises InvalidInput `unknown_reference`."""
    wanted = skills_asked(body)
    teams = {group for ring in body.rings for group in ring.groups} | ({body.team_id} if body.team_id else set())
    skills = await agents.list_known_skills(session, wanted) if wanted else set()
    known_teams = await agents.list_known_teams(session, teams) if teams else set()
    refuse_unknown(list(_lost(body, skills, known_teams)))


def _lost(body: QueueBody, skills: set[UUID], teams: set[UUID]) -> Iterable[tuple[str, str]]:
    if body.team_id is not None and body.team_id not in teams:
        yield "body.team_id", NO_TEAM
    for skill in body.requirements.keys() - skills:
        yield f"body.requirements.{skill}", NO_SKILL
    for skill in body.fading.keys() - skills:
        yield f"body.fading.{skill}", NO_SKILL
    for number, skill in enumerate(body.preferred):
        if skill not in skills:
            yield f"body.preferred.{number}", NO_SKILL
    for place, ring in enumerate(body.rings):
        for skill in (ring.requirements or {}).keys() - skills:
            yield f"body.rings.{place}.requirements.{skill}", NO_SKILL
        for number, group in enumerate(ring.groups):
            if group not in teams:
                yield f"body.rings.{place}.groups.{number}", NO_TEAM
