"""Versions of the routing rules: every save leaves one, and an old one comes back as a new one."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.edits import Edit, edits_between
from app.core.errors import Conflict, NotFound
from app.core.http import Page, cursor_number, decode_cursor, encode_cursor
from app.routing.models import RoutingRulesVersion
from app.routing.repository import rules as rule_rows
from app.routing.rule_schemas import RulesIn, RulesVersionView, RulesView
from app.routing.service.queue_versions import FIRST_ABOVE
from app.routing.service.rules import get_rules, put_rules

StoredRules = Sequence[Mapping[str, Any]]


async def list_rules_versions(session: AsyncSession, *, cursor: str | None, limit: int) -> Page[RulesVersionView]:
    """Newest first."""
    below = FIRST_ABOVE if cursor is None else min(int(decode_cursor(cursor, (cursor_number,))[0]), FIRST_ABOVE)
    rows = await rule_rows.list_versions(session, below=below, limit=limit + 1)
    # Each beside the one before it; the row past the page's end is there for that, too.
    shown = [_view(row, earlier) for row, earlier in pairwise([*rows, None]) if row is not None][:limit]
    return Page(items=shown, next_cursor=encode_cursor(shown[-1].version) if len(rows) > limit else None)


async def restore_rules(session: AsyncSession, act: Act, *, restored: int, version: int | None = None) -> RulesView:
    """The rules of the version `restored` once more, as a new version. Raises what `put_rules` raises,
    NotFound `routing_rules_version_not_found`, Conflict `routing_rules_version_outdated`.
    """
    seen = (await get_rules(session)).version if version is None else version
    kept = await rule_rows.find_version(session, restored)
    if kept is None:
        raise NotFound("routing_rules_version_not_found", "There is no such version. List them and choose one.")
    try:
        body = RulesIn.model_validate({"rules": kept.rules})
    except ValidationError as error:
        raise Conflict(
            "routing_rules_version_outdated",
            "This version says what may not be said any more. Take what you need by hand.",
        ) from error
    return await put_rules(session, act, body, version=seen)


def _view(row: RoutingRulesVersion, earlier: RoutingRulesVersion | None) -> RulesVersionView:
    edits = [] if earlier is None else edits_of(earlier.rules, row.rules)
    return RulesVersionView(
        version=row.version, made_at=row.made_at, made_by=row.made_by, edits=edits, body={"rules": row.rules}
    )


def edits_of(before: StoredRules, after: StoredRules) -> list[Edit]:
    """By the rules' names. `order` only where rules that are in both stand otherwise than they did."""
    old, new = _by_name(before), _by_name(after)
    return edits_between(
        {"order": [name for name in old if name in new], "rules": old},
        {"order": [name for name in new if name in old], "rules": new},
    )


def _by_name(rules: StoredRules) -> dict[str, dict[str, Any]]:
    return {rule["name"]: {key: value for key, value in rule.items() if key != "name"} for rule in rules}
