"""Whom a duty concerns, as conditions inside queries: those it names, and those who may see its conversation."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core.errors import NotFound

OVERRIDE_SCOPE = "routing:write"


def names_me(principal: Principal, agent_ids: Any) -> ColumnElement[bool]:
    """`agent_ids`: an array column."""
    found: ColumnElement[bool] = agent_ids.contains([principal.id])
    return found


def names_my_team(principal: Principal, team_ids: Any) -> ColumnElement[bool]:
    if principal.team_id is None:
        return false()
    found: ColumnElement[bool] = team_ids.contains([principal.team_id])
    return found


def sees(principal: Principal, conversation_id: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = conversation_id.in_(conversations.visible_ids(principal))
    return found


def may_override(principal: Principal, conversation_id: Any) -> ColumnElement[bool]:
    """A supervisor, for the conversations within their sight."""
    return sees(principal, conversation_id) if OVERRIDE_SCOPE in principal.scopes else false()


def none_such(what: str, ids: UUID) -> NotFound:
    return NotFound(f"{what}_not_found", f"There is no {what} {ids}, or it is not for you.")
