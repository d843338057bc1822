"""Who may see which conversation, as a condition inside a query."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true

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


def visible_ids(principal: Principal) -> Select[UUID]:
    """The conversations the principal may see, as a subquery: permission inside the queries of other packages."""
    return select(Conversation.id).where(visible_to(principal))


def ids_of_contact(*, contact_point_id: UUID, channel_account_id: UUID) -> Select[UUID]:
    """A contact's own conversations on one channel account, as a subquery."""
    return select(Conversation.id).where(
        Conversation.contact_point_id == contact_point_id, Conversation.channel_account_id == channel_account_id
    )
