"""The versions of calendars and policies: who made each, when, and what it changed."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.edits import Edit, edits_between
from app.core.errors import NotFound
from app.core.http import Page, cursor_number, decode_cursor, encode_cursor
from app.sla.calendar_spec import CalendarSpec
from app.sla.models import BusinessCalendar, BusinessCalendarVersion, SlaPolicy, SlaPolicyVersion
from app.sla.policies import PolicyBody
from app.sla.schemas import CalendarVersionView, PolicyVersionView

FIRST_ABOVE = 2**31 - 1
"""No version has this number: the newest page begins below it."""
Row = TypeVar("Row")
View = TypeVar("View", bound=CalendarVersionView | PolicyVersionView)


async def list_calendar_versions(
    session: AsyncSession, *, calendar_id: UUID, cursor: str | None, limit: int
) -> Page[CalendarVersionView]:
    """Newest first. Raises NotFound `calendar_not_found`."""
    if await session.get(BusinessCalendar, calendar_id) is None:
        raise NotFound("calendar_not_found", "There is no such calendar.")
    found = select(BusinessCalendarVersion).where(
        BusinessCalendarVersion.calendar_id == calendar_id, BusinessCalendarVersion.version < _below(cursor)
    )
    rows = await session.scalars(found.order_by(BusinessCalendarVersion.version.desc()).limit(limit + 1))
    return _page(rows.all(), limit, _calendar_version)


async def list_policy_versions(
    session: AsyncSession, *, policy_id: UUID, cursor: str | None, limit: int
) -> Page[PolicyVersionView]:
    """Newest first. Raises NotFound `policy_not_found`."""
    if await session.get(SlaPolicy, policy_id) is None:
        raise NotFound("policy_not_found", "There is no such SLA policy.")
    found = select(SlaPolicyVersion).where(
        SlaPolicyVersion.policy_id == policy_id, SlaPolicyVersion.version < _below(cursor)
    )
    rows = await session.scalars(found.order_by(SlaPolicyVersion.version.desc()).limit(limit + 1))
    return _page(rows.all(), limit, _policy_version)


def _below(cursor: str | None) -> int:
    return FIRST_ABOVE if cursor is None else min(int(decode_cursor(cursor, (cursor_number,))[0]), FIRST_ABOVE)


def _page(rows: Sequence[Row], limit: int, view: Callable[[Row, Row | None], View]) -> Page[View]:
    """Each row is shown beside the one before it; the row past the page's end is there for that, too."""
    shown = [view(row, earlier) for row, earlier in pairwise([*rows, None]) if row is not None][:limit]
    return Page(items=shown, next_cursor=encode_cursor(shown[-1].version) if len(rows) > limit else None)


def _calendar_version(row: BusinessCalendarVersion, earlier: BusinessCalendarVersion | None) -> CalendarVersionView:
    spec = CalendarSpec.model_validate(row.spec)
    before = None if earlier is None else CalendarSpec.model_validate(earlier.spec)
    return CalendarVersionView(
        version=row.version,
        made_at=row.effective_at,
        made_by=row.made_by,
        edits=_edits(before, spec),
        spec=spec,
    )


def _policy_version(row: SlaPolicyVersion, earlier: SlaPolicyVersion | None) -> PolicyVersionView:
    body = PolicyBody.model_validate(row.body)
    before = None if earlier is None else PolicyBody.model_validate(earlier.body)
    return PolicyVersionView(
        version=row.version, made_at=row.made_at, made_by=row.made_by, edits=_edits(before, body), body=body
    )


def _edits(before: CalendarSpec | PolicyBody | None, after: CalendarSpec | PolicyBody) -> list[Edit]:
    """Read through the models, so that a field which is newer than a stored version is no edit of anybody's."""
    if before is None:
        return []
    return edits_between(before.model_dump(mode="json"), after.model_dump(mode="json"))
