"""Who may see which conversation, as a condition inside a query."""

from sqlalchemy import ColumnElement, and_, false, or_, true

from app.access.schemas import Principal
from app.conversations.models import Conversation


def visible_to(principal: Principal) -> ColumnElement[bool]:
    """The same rule as `access.visibility.may_see`; a property test holds the two together."""
    if principal.visibility == "all":
        return true()
    is_mine = Conversation.owner_id == principal.id
    is_my_teams = Conversation.team_id == principal.team_id if principal.team_id is not None else false()
    if principal.visibility == "team":
        return or_(is_mine, is_my_teams)
    return or_(is_mine, and_(Conversation.owner_id.is_(None), is_my_teams))
