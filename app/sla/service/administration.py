"""Calendars and policies: each edit is a version, and nothing that was counted by an earlier one is moved."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from app.core.http import Page, decode_cursor, encode_cursor
from app.events.sla import CalendarChanged, PolicyChanged
from app.sla.calendar_spec import CalendarSpec
from app.sla.models import BusinessCalendar, BusinessCalendarVersion, SlaPolicy, SlaPolicyVersion
from app.sla.policies import PolicyBody
from app.sla.schemas import CalendarView, PolicyView
from app.sla.service import references
from app.sla.service.book import install_defaults

NOBODY = UUID(int=0)


async def list_calendars(session: AsyncSession, act: Act, *, cursor: str | None, limit: int) -> Page[CalendarView]:
    await install_defaults(session, act)
    statement = (
        select(BusinessCalendar, BusinessCalendarVersion)
        .join(BusinessCalendarVersion, BusinessCalendarVersion.calendar_id == BusinessCalendar.id)
        .where(BusinessCalendarVersion.version == BusinessCalendar.version)
        .order_by(BusinessCalendar.id)
        .limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(BusinessCalendar.id > decode_cursor(cursor, (UUID,))[0])
    rows = (await session.execute(statement)).all()
    more = encode_cursor(str(rows[limit - 1][0].id)) if len(rows) > limit else None
    return Page(items=[_calendar_view(calendar, version) for calendar, version in rows[:limit]], next_cursor=more)


async def create_calendar(session: AsyncSession, act: Act, *, name: str, spec: CalendarSpec) -> CalendarView:
    """Raises Conflict `calendar_name_taken`."""
    await _require_free_calendar_name(session, name, None)
    calendar = BusinessCalendar(id=act.new_id(), name=name, version=1, created_at=act.now)
    session.add(calendar)
    await session.flush()
    return await _add_calendar_version(session, act, calendar, spec)


async def update_calendar(
    session: AsyncSession, act: Act, *, calendar_id: UUID, name: str, spec: CalendarSpec, version: int | None
) -> CalendarView:
    """From now on. Raises NotFound `calendar_not_found`, PreconditionFailed `calendar_changed`."""
    calendar = await session.get(BusinessCalendar, calendar_id, with_for_update=True)
    if calendar is None:
        raise NotFound("calendar_not_found", "There is no such calendar.")
    if version is not None and version != calendar.version:
        raise PreconditionFailed("calendar_changed", "Somebody changed this calendar. Reload it and edit again.")
    await _require_free_calendar_name(session, name, calendar_id)
    calendar.name = name
    calendar.version += 1
    return await _add_calendar_version(session, act, calendar, spec)


async def list_policies(session: AsyncSession, act: Act) -> list[PolicyView]:
    """In the order they are asked, the retired last."""
    await install_defaults(session, act)
    rows = await session.execute(
        select(SlaPolicy, SlaPolicyVersion)
        .join(SlaPolicyVersion, SlaPolicyVersion.policy_id == SlaPolicy.id)
        .where(SlaPolicyVersion.version == SlaPolicy.version)
    )
    views = [_policy_view(policy, version) for policy, version in rows]
    return sorted(views, key=lambda view: (view.retired, view.body.position, view.name))


async def create_policy(session: AsyncSession, act: Act, *, name: str, body: PolicyBody) -> PolicyView:
    """Conversations that open from now on are offered it. Raises Conflict `policy_name_taken`."""
    await install_defaults(session, act)
    await _require_free_policy_name(session, name, None)
    policy = SlaPolicy(id=act.new_id(), name=name, version=1, created_at=act.now)
    session.add(policy)
    await session.flush()
    return await _add_policy_version(session, act, policy, body)


async def update_policy(
    session: AsyncSession, act: Act, *, policy_id: UUID, name: str, body: PolicyBody, version: int | None
) -> PolicyView:
    """A version. Open conversations keep theirs until they are asked to adopt it."""
    policy = await _lock_policy(session, policy_id)
    if version is not None and version != policy.version:
        raise PreconditionFailed("policy_changed", "Somebody changed this policy. Reload it and edit again.")
    await _require_free_policy_name(session, name, policy_id)
    policy.name = name
    policy.version += 1
    policy.retired_at = None
    return await _add_policy_version(session, act, policy, body)


async def retire_policy(session: AsyncSession, act: Act, *, policy_id: UUID) -> None:
    """New conversations are not offered it any more. Retiring it again changes nothing."""
    policy = await _lock_policy(session, policy_id)
    if policy.retired_at is not None:
        return
    policy.retired_at = act.now
    await session.flush()
    current = SlaPolicyVersion.policy_id == policy_id, SlaPolicyVersion.version == policy.version
    version = (await session.scalars(select(SlaPolicyVersion).where(*current))).one()
    await _tell_policy(session, act, version, retired=True)


async def _lock_policy(session: AsyncSession, policy_id: UUID) -> SlaPolicy:
    policy = await session.get(SlaPolicy, policy_id, with_for_update=True)
    if policy is None:
        raise NotFound("policy_not_found", "There is no such SLA policy.")
    return policy


async def _add_policy_version(session: AsyncSession, act: Act, policy: SlaPolicy, body: PolicyBody) -> PolicyView:
    if body.calendar_id is not None and await session.get(BusinessCalendar, body.calendar_id) is None:
        raise InvalidInput("calendar_not_found", "body.calendar_id: there is no such calendar.")
    await references.check(session, body)
    version = SlaPolicyVersion(
        id=act.new_id(),
        policy_id=policy.id,
        version=policy.version,
        body=body.model_dump(mode="json"),
        made_at=act.now,
        made_by=act.actor,
    )
    session.add(version)
    await session.flush()
    await _tell_policy(session, act, version)
    return _policy_view(policy, version)


async def _tell_policy(session: AsyncSession, act: Act, version: SlaPolicyVersion, *, retired: bool = False) -> None:
    told = PolicyChanged(policy_id=version.policy_id, version_id=version.id, number=version.version, retired=retired)
    await event_log.append(session, act, [told])


async def _add_calendar_version(
    session: AsyncSession, act: Act, calendar: BusinessCalendar, spec: CalendarSpec
) -> CalendarView:
    latest = select(func.max(BusinessCalendarVersion.effective_at)).where(
        BusinessCalendarVersion.calendar_id == calendar.id
    )
    before: datetime | None = await session.scalar(latest)
    # Versions follow one another, also where another server's clock is ahead of ours.
    effective_at = act.now if before is None else max(act.now, before + timedelta(microseconds=1))
    version = BusinessCalendarVersion(
        calendar_id=calendar.id,
        version=calendar.version,
        effective_at=effective_at,
        spec=spec.model_dump(mode="json"),
        made_by=act.actor,
    )
    session.add(version)
    await session.flush()
    told = CalendarChanged(calendar_id=calendar.id, number=version.version, effective_at=effective_at)
    await event_log.append(session, act, [told])
    return _calendar_view(calendar, version)


async def _require_free_calendar_name(session: AsyncSession, name: str, own_id: UUID | None) -> None:
    statement = select(BusinessCalendar.id).where(func.lower(BusinessCalendar.name) == name.lower())
    if await session.scalar(statement.where(BusinessCalendar.id != (own_id or NOBODY))) is not None:
        raise Conflict("calendar_name_taken", "Another calendar has this name; choose another.")


async def _require_free_policy_name(session: AsyncSession, name: str, own_id: UUID | None) -> None:
    statement = select(SlaPolicy.id).where(func.lower(SlaPolicy.name) == name.lower())
    if await session.scalar(statement.where(SlaPolicy.id != (own_id or NOBODY))) is not None:
        raise Conflict("policy_name_taken", "Another SLA policy has this name; choose another.")


def _calendar_view(calendar: BusinessCalendar, version: BusinessCalendarVersion) -> CalendarView:
    return CalendarView(
        id=calendar.id,
        name=calendar.name,
        version=version.version,
        effective_at=version.effective_at,
        spec=CalendarSpec.model_validate(version.spec),
    )


def _policy_view(policy: SlaPolicy, version: SlaPolicyVersion) -> PolicyView:
    return PolicyView(
        id=policy.id,
        version_id=version.id,
        name=policy.name,
        version=version.version,
        retired=policy.retired_at is not None,
        body=PolicyBody.model_validate(version.body),
    )
