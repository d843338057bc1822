"""Which conversations a principal may see. The same rule stands in SQL in app/conversations/repository."""

from app.access.schemas import Principal
from app.events.event import Rights


def may_see(principal: Principal, rights: Rights) -> bool:
    """own: mine, or nobody's in my team; team: those and all of my team; all: everything."""
    if principal.visibility == "all":
        return True
    if rights.owner_id == principal.id:
        return True
    if principal.team_id is None or rights.team_id != principal.team_id:
        return False
    return principal.visibility == "team" or rights.owner_id is None
