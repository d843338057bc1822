"""Who may see which conversation: the one rule that lists, sockets and single look-ups share."""

from app.access.schemas import Principal
from app.events.event import Rights


def may_see(principal: Principal, rights: Rights) -> bool:
    """own: mine, or my team's as long as nobody owns it. team: mine or my team's. all: everything.

    `conversations.repository.visible_to` says the same in SQL; a property test holds the two together.
    """
    if principal.visibility == "all":
        return True
    is_mine = rights.owner_id == principal.id
    is_my_teams = rights.team_id is not None and rights.team_id == principal.team_id
    if principal.visibility == "team":
        return is_mine or is_my_teams
    return is_mine or (rights.owner_id is None and is_my_teams)
